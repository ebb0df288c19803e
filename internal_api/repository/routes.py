"""The paths of users, groups and projects."""

from __future__ import annotations

import sqlite3


def is_taken(connection: sqlite3.Connection, path: str) -> bool:
    """Whether a user, a group or a project has this path."""
    select = "SELECT 1 FROM routes WHERE path = ?"
    return connection.execute(select, (path,)).fetchone() is not None
