"""Vulnerabilities that agents found in their clusters."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Finding(NamedTuple):
    """A finding, as it is first stored; the last three are JSON."""

    uuid: str
    project_id: int
    agent_id: int
    name: str
    severity: str
    confidence: str | None
    location: str
    identifiers: str
    scanner: str


_CREATE = f"""INSERT INTO vulnerability_findings ({", ".join(Finding._fields)})
    VALUES ({", ".join("?" * len(Finding._fields))})
    ON CONFLICT (uuid) DO NOTHING"""  # noqa: S608


def create(connection: sqlite3.Connection, finding: Finding) -> None:
    """Store a finding, unless it is there: then nothing of it changes."""
    connection.execute(_CREATE, finding)


def resolve_others(
    connection: sqlite3.Connection,
    project_id: int,
    agent_id: int,
    uuids: Sequence[str],
) -> None:
    """Resolve an agent's open findings, all but those that a scan found again.

    Whose a finding is says its location; where that does not, who reported it.

    Source: `StarboardVulnerabilityResolveService`, `ee/app/services/vulnerabilities`.
    """
    connection.execute(
        """UPDATE vulnerability_findings SET state = 'resolved'
        WHERE project_id = ?1 AND state IN ('detected', 'confirmed')
            AND CAST(coalesce(
                json_extract(location, '$.kubernetes_resource.agent_id'), agent_id
            ) AS TEXT) = CAST(?2 AS TEXT)
            AND uuid NOT IN (SELECT value FROM json_each(?3))""",
        (project_id, agent_id, msgspec.json.encode(uuids).decode()),
    )
