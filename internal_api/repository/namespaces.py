"""Groups and personal namespaces, and who may see them.

Source: `find_namespace!` of `lib/api/helpers.rb`.
"""

from __future__ import annotations

import re
import sqlite3

from internal_api.access.namespaces import Namespace, Standing
from internal_api.params import to_id
from internal_api.repository.authorizations import namespace_level, project_level

_NUMBER = re.compile(r"-?\d+", re.ASCII)


_SELECT = f"SELECT {', '.join(Namespace._fields)} FROM namespaces WHERE id = "  # noqa: S608
_BY_PATH = """(SELECT source_id FROM routes
    WHERE source_type = 'Namespace' AND path = ?)"""


def find(connection: sqlite3.Connection, name: str) -> Namespace | None:
    """The namespace of this id, if it is a number, else of this full path."""
    if _NUMBER.fullmatch(name):
        row = connection.execute(f"{_SELECT} ?", (to_id(name),)).fetchone()
    else:
        row = connection.execute(f"{_SELECT} {_BY_PATH}", (name,)).fetchone()
    return Namespace._make(row) if row else None


_STANDING = f"""SELECT {namespace_level("?1", "?2")}, EXISTS (
    SELECT * FROM namespace_ancestors a
    JOIN projects p ON p.namespace_id = a.namespace_id
    WHERE a.ancestor_id = ?1 AND {project_level("p", "?2")} > 0)"""  # noqa: S608


def standing(
    connection: sqlite3.Connection, namespace_id: int, user_id: int
) -> Standing:
    """What a user is to a group, and to the projects in it."""
    row = connection.execute(_STANDING, (namespace_id, user_id)).fetchone()
    return Standing._make(row)
