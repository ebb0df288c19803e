"""Namespaces for which the limit of storage does not hold."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from internal_api.access.namespaces import Namespace


class Exclusion(NamedTuple):
    """Why the limit does not hold for a namespace."""

    id: int
    namespace_id: int
    namespace_name: str
    reason: str


_SELECT = """SELECT e.id, e.namespace_id, n.name, e.reason
    FROM namespaces_storage_limit_exclusions e
    JOIN namespaces n ON n.id = e.namespace_id"""


def find(connection: sqlite3.Connection, namespace_id: int) -> Exclusion | None:
    """The exclusion of a namespace."""
    row = connection.execute(f"{_SELECT} WHERE n.id = ?", (namespace_id,)).fetchone()
    return Exclusion._make(row) if row else None


def count(connection: sqlite3.Connection) -> int:
    """How many exclusions there are."""
    select = "SELECT count(*) FROM namespaces_storage_limit_exclusions"
    return int(connection.execute(select).fetchone()[0])


def listed(connection: sqlite3.Connection, limit: int, offset: int) -> list[Exclusion]:
    """So many exclusions by their ids, after so many others."""
    rows = connection.execute(
        f"{_SELECT} ORDER BY e.id LIMIT ? OFFSET ?", (limit, offset)
    ).fetchall()
    return [Exclusion._make(row) for row in rows]


def create(
    connection: sqlite3.Connection, namespace: Namespace, reason: str
) -> Exclusion:
    """Let the limit not hold for a namespace."""
    (exclusion_id,) = connection.execute(
        """INSERT INTO namespaces_storage_limit_exclusions (namespace_id, reason)
        VALUES (?, ?) RETURNING id""",
        (namespace.id, reason),
    ).fetchone()
    return Exclusion(exclusion_id, namespace.id, namespace.name, reason)


def delete(connection: sqlite3.Connection, namespace_id: int) -> bool:
    """Let the limit hold for a namespace again.

    Returns:
        Whether it did not.
    """
    deleted = connection.execute(
        "DELETE FROM namespaces_storage_limit_exclusions WHERE namespace_id = ?",
        (namespace_id,),
    )
    return deleted.rowcount == 1
