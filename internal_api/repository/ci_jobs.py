"""Running CI jobs.

Source: `app/finders/ci/auth_job_finder.rb`.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from internal_api.access.values import User
from internal_api.repository.authorizations import project_level
from internal_api.repository.users import digest


class Job(NamedTuple):
    """A running job, and the highest role of its user in its project, or 0."""

    id: int
    project_id: int
    pipeline_id: int
    environment: str | None
    access_level: int
    user: User


_USER = ", ".join(f"u.{name}" for name in User._fields)
_JOB = f"""SELECT j.id, j.project_id, j.pipeline_id, j.environment,
    {project_level("p", "u.id")}, {_USER}
    FROM ci_builds j
    JOIN projects p ON p.id = j.project_id AND NOT p.pending_delete
    JOIN users u ON u.id = j.user_id
    WHERE j.token_digest = ?"""  # noqa: S608
_USER_AT = len(Job._fields) - 1


def find(connection: sqlite3.Connection, secret: str) -> Job | None:
    """The job whose token this is; None when there is none, or its project is gone."""
    row = connection.execute(_JOB, (digest(secret),)).fetchone()
    return Job._make((*row[:_USER_AT], User._make(row[_USER_AT:]))) if row else None


def group_ids(connection: sqlite3.Connection, project_id: int) -> list[int]:
    """The groups that a project is in, by id; none for a user's own project."""
    select = """SELECT n.id FROM projects p
        JOIN namespace_ancestors a ON a.namespace_id = p.namespace_id
        JOIN namespaces n ON n.id = a.ancestor_id AND n.type = 'Group'
        WHERE p.id = ? ORDER BY n.id"""
    return [id_ for (id_,) in connection.execute(select, (project_id,))]
