"""Branches, tags and what protects them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from internal_api.access.values import (
    Change,
    MergeRequest,
    ProtectedBranch,
    ProtectedTag,
)


class Rules(NamedTuple):
    """What a project says about its refs."""

    protected_branches: tuple[ProtectedBranch, ...]
    protected_tags: tuple[ProtectedTag, ...]
    merge_requests: tuple[MergeRequest, ...]


def rules(connection: sqlite3.Connection, project_id: int) -> Rules:
    """The protected refs and the open merge requests of a project."""
    branches = connection.execute(
        """SELECT name, push_access_level, merge_access_level, allow_force_push
        FROM protected_branches WHERE project_id = ?""",
        (project_id,),
    )
    tags = connection.execute(
        "SELECT name, create_access_level FROM protected_tags WHERE project_id = ?",
        (project_id,),
    )
    return Rules(
        tuple(map(ProtectedBranch._make, branches)),
        tuple(map(ProtectedTag._make, tags)),
        merge_requests(connection, project_id),
    )


def merge_requests(
    connection: sqlite3.Connection, project_id: int
) -> tuple[MergeRequest, ...]:
    """The open merge requests of a project, in the order of their numbers."""
    rows = connection.execute(
        """SELECT iid, source_branch, target_branch, allow_collaboration, merging_sha
        FROM merge_requests WHERE project_id = ? ORDER BY iid""",
        (project_id,),
    )
    return tuple(map(MergeRequest._make, rows))


def existing(
    connection: sqlite3.Connection, project_id: int, changes: Iterable[Change]
) -> frozenset[str]:
    """Those of the pushed refs that the project has, as full names."""
    select = "SELECT name FROM git_refs WHERE project_id = ? AND name = ?"
    rows = (
        connection.execute(select, (project_id, change.ref)).fetchone()
        for change in changes
    )
    return frozenset(row[0] for row in rows if row)


def branch_exists(connection: sqlite3.Connection, project_id: int, name: str) -> bool:
    """Whether a project has this branch."""
    change = Change("", "", f"refs/heads/{name}")
    return bool(existing(connection, project_id, [change]))


def create_merge_request(
    connection: sqlite3.Connection, project_id: int, source: str, target: str
) -> None:
    """Open a merge request with the next number of the project."""
    connection.execute(
        """INSERT INTO merge_requests (project_id, iid, source_branch, target_branch)
        SELECT ?1, coalesce(max(iid), 0) + 1, ?2, ?3
        FROM merge_requests WHERE project_id = ?1""",
        (project_id, source, target),
    )


def retarget_merge_request(
    connection: sqlite3.Connection, project_id: int, iid: int, target: str
) -> None:
    """Change the target branch of a merge request."""
    connection.execute(
        "UPDATE merge_requests SET target_branch = ? WHERE project_id = ? AND iid = ?",
        (target, project_id, iid),
    )
