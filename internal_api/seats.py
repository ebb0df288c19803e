"""What GitLab does every day: count the seats of those who pay for them.

Source: `ee/app/workers/update_max_seats_used_for_gitlab_com_subscriptions_worker.rb`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from internal_api.repository import subscriptions
from internal_api.repository.database import Database
from internal_api.subscription import refreshed


def refresh(database: Database, now: datetime | None = None) -> int:
    """Count the seats in use, the most of them and those owed, all in one transaction.

    Args:
        database: Holds the subscriptions.
        now: When it happens, if not right now.

    Returns:
        How many subscriptions were looked at: those to paid plans that are no trials.
    """
    now = now or datetime.now(UTC)
    with database.writing() as connection:
        paid = subscriptions.paid_hosted(connection)
        for namespace, before in paid:
            seats = subscriptions.count_seats(connection, namespace, before)
            after = refreshed(before, seats, now)
            subscriptions.save(connection, namespace.id, after)
    return len(paid)
