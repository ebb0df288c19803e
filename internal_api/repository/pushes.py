"""What pushes leave behind: counters, and messages that are shown once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from internal_api.access.wildcards import matches
from internal_api.dates import iso_time

# REFERENCE_EXPIRE_TIME of `lib/gitlab/reference_counter.rb`.
COUNTER_LIFETIME = timedelta(seconds=600)
MESSAGE_LIFETIME = timedelta(minutes=5)
CONTAINER_MOVED = "container_moved"
PROJECT_CREATED = "project_created"


def increase_counter(
    connection: sqlite3.Connection, gl_repository: str, now: datetime
) -> None:
    """Count a push that begins; the count is forgotten after ten minutes.

    Source: `lib/gitlab/reference_counter.rb`.
    """
    connection.execute(
        """INSERT INTO reference_counters (gl_repository, value, expires_at)
        VALUES (?1, 1, ?3) ON CONFLICT (gl_repository) DO UPDATE SET
        value = iif(expires_at > ?2, value + 1, 1), expires_at = ?3""",
        (gl_repository, iso_time(now), iso_time(now + COUNTER_LIFETIME)),
    )


def decrease_counter(
    connection: sqlite3.Connection, gl_repository: str, now: datetime
) -> None:
    """Count a push that ended; never below nought.

    Source: `lib/gitlab/reference_counter.rb`.
    """
    arguments = (gl_repository, iso_time(now))
    deleted = connection.execute(
        """DELETE FROM reference_counters
        WHERE gl_repository = ?1 AND (value = 1 OR expires_at <= ?2)""",
        arguments,
    )
    if not deleted.rowcount:
        connection.execute(
            "UPDATE reference_counters SET value = value - 1 WHERE gl_repository = ?1",
            arguments[:1],
        )


class PostPushMessage(NamedTuple):
    """What a user is told with the next push to a repository."""

    user_id: int
    gl_repository: str
    type: str
    message: str


def queue_message(
    connection: sqlite3.Connection, message: PostPushMessage, now: datetime
) -> None:
    """Keep a message for five minutes; a newer one of its type replaces it.

    Source: `lib/gitlab/checks/post_push_message.rb`.
    """
    connection.execute(
        """INSERT OR REPLACE INTO post_push_messages
        (user_id, gl_repository, type, message, expires_at) VALUES (?, ?, ?, ?, ?)""",
        (*message, iso_time(now + MESSAGE_LIFETIME)),
    )


def take_messages(
    connection: sqlite3.Connection, user_id: int, gl_repository: str, now: datetime
) -> list[str]:
    """The messages for this push, which are forgotten: moved, then created."""
    rows = connection.execute(
        """DELETE FROM post_push_messages WHERE user_id = ? AND gl_repository = ?
        RETURNING type, message, expires_at""",
        (user_id, gl_repository),
    ).fetchall()
    return [text for _, text, expires_at in sorted(rows) if expires_at > iso_time(now)]


def exceeds_rate_limit(
    connection: sqlite3.Connection, scopes: Iterable[str], limit: int, now: datetime
) -> bool:
    """Count a call in each scope; tell whether one has over `limit` in this minute.

    Source: `lib/gitlab/application_rate_limiter.rb`.
    """
    minute = int(now.timestamp()) // 60
    connection.execute("DELETE FROM rate_limits WHERE minute < ?", (minute,))
    counts = [
        connection.execute(
            """INSERT INTO rate_limits (scope, minute, count) VALUES (?, ?, 1) ON
            CONFLICT (scope, minute) DO UPDATE SET count = count + 1 RETURNING count""",
            (scope, minute),
        ).fetchone()[0]
        for scope in scopes
    ]
    return max(counts, default=0) > limit


def banner(
    connection: sqlite3.Connection, full_path: str | None, now: datetime
) -> str | None:
    """The latest current banner; one for this path beats one for all.

    Source: `app/services/post_receive_service.rb` (`broadcast_message`) and
    `app/models/broadcast_message.rb` (`matches_current_path`).
    """
    rows = connection.execute(
        """SELECT message, target_path FROM broadcast_messages
        WHERE broadcast_type = 'banner'
        AND (starts_at IS NULL OR starts_at <= ?1) AND (ends_at IS NULL OR ends_at > ?1)
        ORDER BY starts_at DESC, id DESC""",
        (iso_time(now),),
    ).fetchall()
    path = (full_path or "").lower()
    for message, target in rows:
        if target and path and matches(target.removeprefix("/").lower(), path):
            return str(message)
    return next((message for message, target in rows if not target), None)
