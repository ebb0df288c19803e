"""Packs of CI minutes that were bought for namespaces."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Pack(NamedTuple):
    """A pack of minutes; the date is `YYYY-MM-DD`, the last is what names it."""

    namespace_id: int
    expires_at: str
    number_of_minutes: int
    purchase_xid: str


def find(connection: sqlite3.Connection, purchase_xid: str) -> Pack | None:
    """The pack of a purchase, in whichever namespace."""
    row = connection.execute(
        """SELECT namespace_id, expires_at, number_of_minutes, purchase_xid
        FROM ci_minutes_additional_packs WHERE purchase_xid = ?""",
        (purchase_xid,),
    ).fetchone()
    return Pack._make(row) if row else None


def create(connection: sqlite3.Connection, pack: Pack) -> None:
    """Store a pack, of whose purchase there is none yet."""
    connection.execute(
        """INSERT INTO ci_minutes_additional_packs
        (namespace_id, expires_at, number_of_minutes, purchase_xid)
        VALUES (?, ?, ?, ?)""",
        pack,
    )


def move(connection: sqlite3.Connection, namespace_id: int, target_id: int) -> None:
    """Give all packs of a namespace to another one.

    Source:
    `ee/app/services/ci/minutes/additional_packs/change_namespace_service.rb`.
    """
    connection.execute(
        """UPDATE ci_minutes_additional_packs SET namespace_id = ?
        WHERE namespace_id = ?""",
        (target_id, namespace_id),
    )
