"""How often and by whom agents are used.

Source: `lib/gitlab/usage_data_counters/kubernetes_agent_counter.rb` and
`lib/gitlab/usage_data_counters/hll_redis_counter.rb`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

_PREFIX = "kubernetes_agent_"


def increment(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the totals of events; a total stays within 64 bits."""
    connection.executemany(
        """INSERT INTO usage_counters (name, value) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET
        value = min(value, 9223372036854775807 - ?2) + ?2""",
        [(_PREFIX + event, count) for event, count in counts.items()],
    )


def add_members(
    connection: sqlite3.Connection, event: str, members: Iterable[int]
) -> None:
    """Note who was there for an event; each counts once.

    GitLab begins anew every week.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO usage_unique_counters (name, member) VALUES (?, ?)",
        [(event, member) for member in members],
    )


def add_user(
    connection: sqlite3.Connection,
    event: str,
    user_id: int | None,
    project_id: int | None,
) -> None:
    """Note that a user was there for an event of a project, if both exist.

    Source: `track_events`, `lib/api/helpers/kubernetes/agent_helpers.rb`.
    """
    connection.execute(
        """INSERT OR IGNORE INTO usage_unique_counters (name, member)
        SELECT ?, u.id FROM users u JOIN projects p ON p.id = ? WHERE u.id = ?""",
        (event, project_id, user_id),
    )
