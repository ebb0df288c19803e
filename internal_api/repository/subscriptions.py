"""Subscriptions of namespaces, their history and the seats that are in use."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from internal_api.access.levels import GUEST, NO_ACCESS
from internal_api.access.namespaces import Namespace
from internal_api.dates import iso_time
from internal_api.subscription import (
    PAID_HOSTED_PLANS,
    TRACKED,
    Subscription,
    excludes_guests,
)

_COLUMNS = ", ".join(Subscription._fields)
_PLACES = ", ".join("?" * len(Subscription._fields))


def find(connection: sqlite3.Connection, namespace_id: int) -> Subscription | None:
    """The subscription of a namespace."""
    select = f"SELECT {_COLUMNS} FROM gitlab_subscriptions WHERE namespace_id = ?"  # noqa: S608
    row = connection.execute(select, (namespace_id,)).fetchone()
    return Subscription._make(row) if row else None


def save(
    connection: sqlite3.Connection, namespace_id: int, subscription: Subscription
) -> None:
    """Store the subscription of a namespace, instead of the one it may have."""
    connection.execute(
        f"""REPLACE INTO gitlab_subscriptions (namespace_id, {_COLUMNS})
        VALUES (?, {_PLACES})""",  # noqa: S608
        (namespace_id, *subscription),
    )


def remember(connection: sqlite3.Connection, namespace_id: int, now: datetime) -> None:
    """Write down what the subscription of a namespace is before an update.

    Source: `ee/app/models/gitlab_subscription_history.rb`.
    """
    tracked = ", ".join(TRACKED)
    connection.execute(
        f"""INSERT INTO gitlab_subscription_histories
        (namespace_id, created_at, {tracked})
        SELECT namespace_id, ?, {tracked} FROM gitlab_subscriptions
        WHERE namespace_id = ?""",  # noqa: S608
        (iso_time(now), namespace_id),
    )


def paid_hosted(connection: sqlite3.Connection) -> list[tuple[Namespace, Subscription]]:
    """The subscriptions to paid plans that are no trials.

    Source: `with_a_paid_hosted_plan` of `ee/app/models/gitlab_subscription.rb`.
    """
    namespace = ", ".join(f"n.{name}" for name in Namespace._fields)
    subscription = ", ".join(f"s.{name}" for name in Subscription._fields)
    plans = ", ".join("?" * len(PAID_HOSTED_PLANS))
    rows = connection.execute(
        f"""SELECT {namespace}, {subscription} FROM gitlab_subscriptions s
        JOIN namespaces n ON n.id = s.namespace_id
        WHERE NOT s.trial AND s.plan_code IN ({plans})""",  # noqa: S608
        tuple(PAID_HOSTED_PLANS),
    ).fetchall()
    width = len(Namespace._fields)
    return [
        (Namespace._make(row[:width]), Subscription._make(row[width:])) for row in rows
    ]


# Members of the groups ?1 and below, of the projects in them, and of the groups that
# those are shared with, whose members may come from above. Only roles above ?2 count.
_SEATS = """WITH
    hierarchy AS (
        SELECT namespace_id AS id FROM namespace_ancestors WHERE ancestor_id = ?1),
    own_projects AS (SELECT id FROM projects WHERE namespace_id IN hierarchy),
    invited AS (
        SELECT shared_with_group_id AS id FROM group_group_links
        WHERE shared_group_id IN hierarchy AND group_access > ?2
        UNION SELECT group_id FROM project_group_links
        WHERE project_id IN own_projects AND group_access > ?2),
    groups AS (
        SELECT id FROM hierarchy UNION SELECT ancestor_id FROM namespace_ancestors
        WHERE namespace_id IN invited)
    SELECT count(DISTINCT u.id)
    FROM (SELECT 'Namespace' AS type, id FROM groups
        UNION ALL SELECT 'Project', id FROM own_projects) source
    CROSS JOIN members m ON m.source_type = source.type AND m.source_id = source.id
        AND m.state = 'active' AND m.access_level > ?2
    CROSS JOIN users u ON u.id = m.user_id AND u.state = 'active'
        AND u.user_type NOT GLOB '*_bot'"""


def count_seats(
    connection: sqlite3.Connection, namespace: Namespace, subscription: Subscription
) -> int:
    """How many seats are in use in a namespace: active people, each once.

    Source: `billed_user_ids` of `ee/app/models/gitlab_subscriptions/billing/group.rb`.
    """
    if namespace.type == "User":
        return 1
    above = GUEST if excludes_guests(subscription) else NO_ACCESS
    seats: int = connection.execute(_SEATS, (namespace.id, above)).fetchone()[0]
    return seats
