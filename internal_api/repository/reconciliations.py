"""When the seats of namespaces are reconciled next."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

import msgspec


class Reconciliation(NamedTuple):
    """The next reconciliation of a namespace; dates are `YYYY-MM-DD`."""

    namespace_id: int
    next_reconciliation_date: str
    display_alert_from: str


def existing_namespaces(
    connection: sqlite3.Connection, ids: Collection[int]
) -> set[int]:
    """Those of the ids that are namespaces'."""
    rows = connection.execute(
        "SELECT id FROM namespaces WHERE id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(list(ids)).decode(),),
    )
    return {id_ for (id_,) in rows}


def put(
    connection: sqlite3.Connection, reconciliations: Iterable[Reconciliation]
) -> None:
    """Store reconciliations, each instead of the one its namespace may have."""
    connection.executemany(
        """REPLACE INTO upcoming_reconciliations
        (namespace_id, next_reconciliation_date, display_alert_from)
        VALUES (?, ?, ?)""",
        reconciliations,
    )


def delete(connection: sqlite3.Connection, namespace_id: int) -> bool:
    """Forget the reconciliation of a namespace.

    Returns:
        Whether there was one.
    """
    deleted = connection.execute(
        "DELETE FROM upcoming_reconciliations WHERE namespace_id = ?", (namespace_id,)
    )
    return deleted.rowcount == 1
