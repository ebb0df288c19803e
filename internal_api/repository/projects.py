"""Projects and what belongs to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from internal_api.access.refs import branch_name, tag_name
from internal_api.access.values import Change, ProtectedBranch
from internal_api.repository.authorizations import namespace_level


def error_tracking_key_is_active(
    connection: sqlite3.Connection, project_id: int | None, public_key: str
) -> bool | None:
    """Whether a project has this client key and it is active.

    Returns:
        None when there is no such project.
    """
    row = connection.execute(
        """SELECT EXISTS (SELECT * FROM error_tracking_client_keys k
            WHERE k.project_id = p.id AND k.public_key = ? AND k.active)
        FROM projects p WHERE p.id = ? AND NOT p.pending_delete""",
        (public_key, project_id),
    ).fetchone()
    return bool(row[0]) if row else None


def has_lfs_object(connection: sqlite3.Connection, project_id: int, oid: str) -> bool:
    """Whether an LFS object is linked to a project."""
    row = connection.execute(
        "SELECT 1 FROM lfs_objects_projects WHERE project_id = ? AND oid = ?",
        (project_id, oid),
    ).fetchone()
    return row is not None


class Namespace(NamedTuple):
    """A namespace and what a user is to it; `access_level` 0 is nothing."""

    id: int
    full_path: str
    is_personal: int
    access_level: int


_NAMESPACE = f"""SELECT n.id, r.path, n.owner_id IS ?2, {namespace_level("n.id", "?2")}
    FROM routes r JOIN namespaces n ON n.id = r.source_id
    WHERE r.source_type = 'Namespace' AND r.path = ?1"""  # noqa: S608


def find_namespace(
    connection: sqlite3.Connection, full_path: str, user_id: int
) -> Namespace | None:
    """The namespace of this path, as a user sees it."""
    row = connection.execute(_NAMESPACE, (full_path, user_id)).fetchone()
    return Namespace._make(row) if row else None


def create(
    connection: sqlite3.Connection,
    namespace_id: int,
    full_path: str,
    protected_branch: ProtectedBranch | None,
) -> int:
    """Create a private project with an empty repository; the path is free.

    Returns:
        Its id.
    """
    name = full_path.rpartition("/")[2]
    (project_id,) = connection.execute(
        """INSERT INTO projects (namespace_id, name, empty_repo) VALUES (?, ?, 1)
        RETURNING id""",
        (namespace_id, name),
    ).fetchone()
    connection.execute(
        "INSERT INTO routes (source_type, source_id, path) VALUES ('Project', ?, ?)",
        (project_id, full_path),
    )
    if protected_branch:
        connection.execute(
            """INSERT INTO protected_branches (project_id, name, push_access_level,
            merge_access_level, allow_force_push) VALUES (?, ?, ?, ?, ?)""",
            (project_id, *protected_branch),
        )
    return int(project_id)


def update_refs(
    connection: sqlite3.Connection, project_id: int, changes: Iterable[Change]
) -> None:
    """Note which branches and tags a push made and removed.

    Source: `app/workers/post_receive.rb`.
    """
    for change in changes:
        if not (branch_name(change.ref) or tag_name(change.ref)):
            continue
        if change.is_deletion:
            connection.execute(
                "DELETE FROM git_refs WHERE project_id = ? AND name = ?",
                (project_id, change.ref),
            )
        else:
            connection.execute(
                "INSERT OR IGNORE INTO git_refs (project_id, name) VALUES (?, ?)",
                (project_id, change.ref),
            )
    connection.execute(
        """UPDATE projects SET empty_repo = 0 WHERE id = ?1 AND empty_repo AND EXISTS
        (SELECT * FROM git_refs WHERE project_id = ?1 AND name LIKE 'refs/heads/%')""",
        (project_id,),
    )
