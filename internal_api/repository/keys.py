"""SSH keys."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import NamedTuple

from internal_api.access.instance import Instance
from internal_api.access.values import Key
from internal_api.dates import iso_time

_DAY = timedelta(days=1)


class AuthorizedKey(NamedTuple):
    """A key with the name of whom it belongs to."""

    id: int
    title: str
    key: str
    created_at: str
    expires_at: str | None
    usage_type: str
    user_name: str | None


def find_authorized(
    connection: sqlite3.Connection, fingerprint: str
) -> AuthorizedKey | None:
    """The key of this SHA-256 fingerprint that may log in, deploy keys included.

    Source: `Key.auth.find_by_fingerprint_sha256`, `app/models/key.rb`.
    """
    row = connection.execute(
        """SELECT k.id, k.title, k.key, k.created_at, k.expires_at, k.usage_type, u.name
        FROM keys k LEFT JOIN users u ON u.id = coalesce(
            k.user_id, (SELECT id FROM users WHERE user_type = 'ghost'))
        WHERE k.fingerprint_sha256 = ? AND k.usage_type <> 'signing'""",
        (fingerprint,),
    ).fetchone()
    return AuthorizedKey._make(row) if row else None


def use_is_due(key: Key | None, instance: Instance, now: datetime) -> bool:
    """Whether the use of a key is to be recorded: at most once a day.

    A read-only instance records none.

    Source: `app/services/keys/last_used_service.rb`.
    """
    if key is None or instance.read_only:
        return False
    used_at = key.last_used_at
    return used_at is None or now - datetime.fromisoformat(used_at) >= _DAY


def record_use(connection: sqlite3.Connection, key: Key, now: datetime) -> None:
    """Note that the key was used.

    Source: `app/services/keys/last_used_service.rb`.
    """
    connection.execute(
        "UPDATE keys SET last_used_at = ? WHERE id = ?", (iso_time(now), key.id)
    )
