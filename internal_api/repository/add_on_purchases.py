"""Add-ons that were bought for namespaces."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Purchase(NamedTuple):
    """An add-on of a namespace; the date is `YYYY-MM-DD`."""

    quantity: int
    expires_on: str
    purchase_xid: str


def find(
    connection: sqlite3.Connection, namespace_id: int, add_on: str
) -> Purchase | None:
    """What a namespace has of an add-on."""
    row = connection.execute(
        """SELECT quantity, expires_on, purchase_xid FROM subscription_add_on_purchases
        WHERE namespace_id = ? AND add_on = ?""",
        (namespace_id, add_on),
    ).fetchone()
    return Purchase._make(row) if row else None


def save(
    connection: sqlite3.Connection, namespace_id: int, add_on: str, purchase: Purchase
) -> None:
    """Store what a namespace has of an add-on, instead of what it may have."""
    connection.execute(
        """REPLACE INTO subscription_add_on_purchases
        (namespace_id, add_on, quantity, expires_on, purchase_xid)
        VALUES (?, ?, ?, ?, ?)""",
        (namespace_id, add_on, *purchase),
    )
