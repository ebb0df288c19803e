"""One state of the database, with the names that a seed has for what is in it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from internal_api.dates import iso_time
from internal_api.repository.world.columns import said
from internal_api.repository.world.rows import Row, tables_of


class Snapshot:
    """The rows that a transaction sees.

    Attributes:
        users: Usernames by their ids.
        namespaces: Paths of groups and personal namespaces by their ids.
        projects: Full paths by their ids.
        now: The time as it is stored.
    """

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self.now = iso_time(now)
        self._tables = tables_of(connection)
        self._usual: dict[str, Row] = {}
        self.users = {row["id"]: row["username"] for row in self.rows("users")}
        self.namespaces = self._paths("Namespace")
        self.projects = self._paths("Project")

    def _paths(self, source_type: str) -> dict[int, str]:
        routes = self.rows("routes", "source_id", source_type=source_type)
        return {row["source_id"]: row["path"] for row in routes}

    def rows(self, table: str, order: str = "id", **where: str) -> Iterable[Row]:
        """The rows of a table that have these values."""
        condition = " AND ".join(f"{column} = :{column}" for column in where)
        return self._tables.table(table).rows_where(
            condition or None, where, order_by=order
        )

    def by(
        self, column: str, table: str, order: str = "id", **where: str
    ) -> defaultdict[Any, list[Row]]:
        """The rows of a table, gathered by the value of a column."""
        gathered: defaultdict[Any, list[Row]] = defaultdict(list)
        for row in self.rows(table, order, **where):
            gathered[row[column]].append(row)
        return gathered

    def said(self, table: str, kind: type[Struct], row: Row, **usual: object) -> Row:
        """What an entry says of a row, but for what every new row has, or is usual."""
        if table not in self._usual:
            columns = self._tables.table(table)
            self._usual[table] = columns.default_values | {
                column.name: None
                for column in columns.columns
                if not column.notnull and column.default_value is None
            }
        return said(kind, row, self._usual[table] | usual)
