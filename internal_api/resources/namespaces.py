"""The namespaces that routes name in their paths."""

from __future__ import annotations

import sqlite3

from internal_api.access.namespaces import Namespace
from internal_api.errors import NotFound
from internal_api.repository import namespaces


def existing(
    connection: sqlite3.Connection, name: str, called: str = "Namespace"
) -> Namespace:
    """The namespace of an id or a full path.

    Args:
        connection: In a transaction.
        name: What stands in the path.
        called: What the error calls it.

    Raises:
        NotFound: There is none.
    """
    found = namespaces.find(connection, name)
    if found is None:
        raise NotFound(called)
    return found
