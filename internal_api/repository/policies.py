"""Security policies of projects."""

from __future__ import annotations

from typing import NamedTuple

from internal_api.repository.database import Connection


class ScanExecutionPolicy(NamedTuple):
    """A policy; `updated_at` is text as it is answered, `enabled` 0 or 1."""

    name: str
    description: str | None
    enabled: int
    yaml: str
    updated_at: str


_SELECT = f"""SELECT {", ".join(ScanExecutionPolicy._fields)}
    FROM scan_execution_policies WHERE project_id = ? ORDER BY position"""  # noqa: S608


def of_project(
    connection: Connection, project_id: int
) -> tuple[ScanExecutionPolicy, ...]:
    """A project's policies in their order, disabled ones too."""
    return connection.remember(_of_project, project_id)


def _of_project(
    connection: Connection, project_id: int
) -> tuple[ScanExecutionPolicy, ...]:
    rows = connection.execute(_SELECT, (project_id,))
    return tuple(map(ScanExecutionPolicy._make, rows))
