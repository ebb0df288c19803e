"""Rows on their way into the tables, many at a time."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlite_utils

from internal_api.seed_document import Document

Row = dict[str, Any]

# Tables with ids of their own, and the list of a document that names them.
_TABLES = {
    "users": "users",
    "namespaces": "groups",
    "projects": "projects",
    "keys": "keys",
    "snippets": "snippets",
    "cluster_agents": "agents",
    "gitlab_subscription_histories": "subscription_histories",
    "ci_minutes_additional_packs": "minutes_packs",
    "namespaces_storage_limit_exclusions": "storage_limit_exclusions",
    "scim_identities": "scim_identities",
    "ci_builds": "ci_jobs",
    "broadcast_messages": "broadcast_messages",
    "alert_management_alerts": "alerts",
}


def tables_of(connection: sqlite3.Connection) -> sqlite_utils.Database:
    """The tables of a connection.

    Neither a changed setting nor a plugin may outlive what is done with them: the
    connection goes back to its pool.
    """
    return sqlite_utils.Database(
        connection, recursive_triggers=False, execute_plugins=False
    )


class Rows:
    """Rows that wait to be written in a transaction that somebody else ends.

    A new row has the defaults of its table for the columns that are not given.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._tables = tables_of(connection)
        # That of the schema: what others refer to comes first.
        self._order = {name: at for at, name in enumerate(self._tables.table_names())}
        self._defaults: dict[str, Row] = {}
        self._waiting: dict[str, list[Row]] = defaultdict(list)

    def put(self, table: str, given: Row, existing: Row | None = None) -> Row:
        """Have a row written: a new one, or an existing one with what is given."""
        if existing is None:
            if table not in self._defaults:
                columns = self._tables.table(table)
                self._defaults[table] = (
                    dict.fromkeys(columns.columns_dict) | columns.default_values
                )
            existing = self._defaults[table]
        row = existing | given
        self._waiting[table].append(row)
        return row

    def flush(self) -> None:
        """Write the rows, table by table."""
        for name in sorted(self._waiting, key=self._order.__getitem__):
            table, rows = self._tables.table(name), self._waiting[name]
            if table.use_rowid:
                table.insert_all(rows)
            else:
                table.upsert_all(rows, pk=tuple(table.pks))
        self._waiting.clear()

    def delete(self, table: str, **where: object) -> None:
        """Delete the written rows that have these values."""
        sql = f"DELETE FROM {table} WHERE {_condition(where)}"  # noqa: S608
        self.connection.execute(sql, list(where.values()))

    def find(self, table: str, **where: object) -> Row | None:
        """The first written row that has these values."""
        sql = f"SELECT * FROM {table} WHERE {_condition(where)} LIMIT 1"  # noqa: S608
        cursor = self.connection.execute(sql, list(where.values()))
        row = cursor.fetchone()
        names = (column[0] for column in cursor.description)
        return dict(zip(names, row, strict=True)) if row else None

    def find_ids(self, table: str, **where: object) -> list[int]:
        """The ids of the written rows that have these values, in their order."""
        sql = f"SELECT id FROM {table} WHERE {_condition(where)} ORDER BY id"  # noqa: S608
        return [id_ for (id_,) in self.connection.execute(sql, list(where.values()))]

    def latest_id(self, table: str) -> int:
        """The largest id of the written rows, or 0."""
        sql = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608
        latest: int = self.connection.execute(sql).fetchone()[0]
        return latest


def _condition(where: Mapping[str, object]) -> str:
    return " AND ".join(f"{column} IS ?" for column in where)


class Ids:
    """The ids of new rows: counted up from above all that are in use or named."""

    def __init__(self, rows: Rows, documents: list[Document]) -> None:
        self._rows = rows
        self._last = {table: _largest(ids) for table, ids in _named(documents).items()}
        self._counted: set[str] = set()

    def next(self, table: str) -> int:
        """The next id of a table."""
        if table not in self._counted:
            self._counted.add(table)
            self._last[table] = max(self._last[table], self._rows.latest_id(table))
        self._last[table] += 1
        return self._last[table]


def _largest(ids: list[object]) -> int:
    return max((id_ for id_ in ids if isinstance(id_, int)), default=0)


def _named(documents: list[Document]) -> dict[str, list[object]]:
    named: dict[str, list[object]] = defaultdict(list)
    for document in documents:
        for table, key in _TABLES.items():
            named[table] += [entry.id for entry in getattr(document, key)]
        named["keys"] += [key.id for key in document.deploy_keys]
        named["namespaces"] += [user.namespace_id for user in document.users]
        named["personal_access_tokens"] += [
            token.id for user in document.users for token in user.personal_access_tokens
        ]
    return named
