"""What a subscription is, and what becomes of it: plans, seats and terms.

Source: `ee/app/models/gitlab_subscription.rb` and `ee/app/models/ee/plan.rb`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args

from internal_api.dates import iso_time

FREE = "free"
PAID_HOSTED_PLANS = frozenset(
    (
        *("bronze", "silver", "premium", "gold", "ultimate"),
        *("ultimate_trial", "premium_trial", "opensource"),
    )
)
PLANS = PAID_HOSTED_PLANS | {"default", FREE}
TOP_PLANS = frozenset(("gold", "ultimate", "opensource"))
PLANS_WITHOUT_GUESTS = frozenset(("gold", "ultimate", "ultimate_trial"))
TrialExtensionType = Literal[1, 2]  # extended, reactivated
# Source: `ee/app/models/gitlab_subscriptions/add_on.rb`.
AddOn = Literal[
    "code_suggestions",
    "product_analytics",
    "duo_enterprise",
    "duo_amazon_q",
    "duo_core",
]
TRIAL_EXTENSION_TYPES = get_args(TrialExtensionType)
ADD_ONS = get_args(AddOn)


class Subscription(NamedTuple):
    """The subscription of a namespace, as it is stored.

    Dates are `YYYY-MM-DD`, times UTC text; truth values may be 0 and 1.
    """

    start_date: str
    plan_code: str | None = None
    seats: int = 0
    seats_in_use: int = 0
    max_seats_used: int | None = 0
    seats_owed: int = 0
    end_date: str | None = None
    trial: int = 0
    trial_starts_on: str | None = None
    trial_ends_on: str | None = None
    trial_extension_type: int | None = None
    auto_renew: int | None = None
    max_seats_used_changed_at: str | None = None
    updated_at: str | None = None


# Whose changes a history row is written for; it holds what was there before.
TRACKED = (
    *("plan_code", "seats", "max_seats_used", "start_date", "end_date", "trial"),
    *("trial_starts_on", "trial_ends_on", "trial_extension_type", "auto_renew"),
)
CountSeats = Callable[[Subscription], int]


def is_paid_hosted(subscription: Subscription) -> bool:
    """Whether seats were paid for, and it is no trial."""
    return (
        not subscription.trial
        and subscription.seats > 0
        and subscription.plan_code in PAID_HOSTED_PLANS
    )


def is_upgradable(subscription: Subscription, today: date) -> bool:
    """Whether there is a higher plan to change to, before the end."""
    end_date = subscription.end_date
    return (
        subscription.plan_code not in TOP_PLANS
        and is_paid_hosted(subscription)
        and (end_date is None or end_date >= today.isoformat())
    )


def excludes_guests(subscription: Subscription) -> bool:
    """Whether guests take no seat."""
    return subscription.plan_code in PLANS_WITHOUT_GUESTS


def title(name: str) -> str:
    """The name of a plan or an add-on as people read it."""
    return name.replace("_", " ").title()


def created(
    attributes: Mapping[str, Any], now: datetime, count_seats: CountSeats
) -> Subscription:
    """A new subscription, whose seats are counted but not owed yet.

    Args:
        attributes: What it begins with; the rest has its default.
        now: The time, in UTC.
        count_seats: Counts the seats in use under it.
    """
    new = Subscription(**attributes, updated_at=iso_time(now))
    return new._replace(seats_in_use=count_seats(new))


def refreshed(
    subscription: Subscription, seats_in_use: int, now: datetime
) -> Subscription:
    """The subscription after its seats were counted.

    Source: `refresh_seat_attributes` and
    `ee/app/workers/update_max_seats_used_for_gitlab_com_subscriptions_worker.rb`.
    """
    most = max(subscription.max_seats_used or 0, seats_in_use)
    counted = _with_seats(subscription, seats_in_use, most)
    if most == subscription.max_seats_used:
        return counted
    return counted._replace(max_seats_used_changed_at=iso_time(now))


def updated(
    before: Subscription,
    changes: Mapping[str, Any],
    now: datetime,
    count_seats: CountSeats,
) -> Subscription:
    """The subscription with changes, and with what follows from them.

    What was used is forgotten in a new term, when a trial becomes a purchase, and
    when the most was used before the subscription started.

    Args:
        before: As it is stored.
        changes: New values, by attribute.
        now: The time, in UTC.
        count_seats: Counts the seats in use under the changed subscription.

    Source: the callbacks before an update.
    """
    after = before._replace(**changes, updated_at=iso_time(now))
    is_new_term = _is_new_term(before, after)
    if after.max_seats_used != before.max_seats_used and not is_new_term:
        after = after._replace(max_seats_used_changed_at=iso_time(now))
    changed_at = after.max_seats_used_changed_at
    is_reset = is_paid_hosted(after) and (
        is_new_term
        or (before.trial and not after.trial)
        or (changed_at is not None and changed_at[:10] < after.start_date)
    )
    if not is_reset:
        return after
    seats = count_seats(after)
    reset = _with_seats(after, seats, seats)
    return reset._replace(max_seats_used_changed_at=iso_time(now))


def is_tracked_change(before: Subscription, changes: Mapping[str, Any]) -> bool:
    """Whether changes are such that history remembers what was before them."""
    return any(
        name in TRACKED and value != getattr(before, name)
        for name, value in changes.items()
    )


def _is_new_term(before: Subscription, after: Subscription) -> bool:
    return (
        after.start_date != before.start_date
        and after.end_date != before.end_date
        and (before.end_date is None or after.start_date >= before.end_date)
    )


def _with_seats(
    subscription: Subscription, seats_in_use: int, most: int
) -> Subscription:
    is_paid = is_paid_hosted(subscription)
    return subscription._replace(
        seats_in_use=seats_in_use,
        max_seats_used=most,
        seats_owed=max(0, most - subscription.seats) if is_paid else 0,
    )
