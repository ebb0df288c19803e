"""Who takes a seat, and what the daily count makes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import ask
from hypothesis import given
from hypothesis import strategies as st

from internal_api import seats
from internal_api.subscription import (
    PLANS,
    Subscription,
    is_paid_hosted,
    refreshed,
    updated,
)

NOW = datetime(2022, 8, 1, 12, tzinfo=UTC)
PEOPLE = ("ann", "bob", "cid", "dee")


def world_with(**changes: Any) -> dict[str, Any]:
    """Two groups of which the first has a group and projects, and nobody in them."""
    return {
        "users": [
            {
                "username": "root",
                "admin": True,
                "personal_access_tokens": [
                    {"name": "x", "token": "root", "scopes": ["api"]}
                ],
            },
            *({"username": name} for name in PEOPLE),
            {"username": "bot", "user_type": "project_bot"},
            {"username": "service", "user_type": "service_user"},
            {"username": "gone", "state": "blocked"},
            {"username": "idle", "state": "deactivated"},
        ],
        "groups": [
            {"full_path": path} | changes.get(path, {})
            for path in ("top", "top/sub", "above", "above/other", "else")
        ],
        "projects": [
            {"full_path": path} | changes.get(path, {})
            for path in ("top/app", "top/sub/app", "else/app")
        ],
    }


def count(make_api: MakeApi, plan_code: str, **changes: Any) -> int:
    """The seats that a new subscription of `top` finds in use."""
    api = make_api(world_with(**changes))
    query = f"?start_date=2022-01-01&seats=1&plan_code={plan_code}"
    answer = ask(api, "POST", f"/namespaces/top/gitlab_subscription{query}")
    seats_in_use: int = answer.json["usage"]["seats_in_use"]
    return seats_in_use


ROLE = {"members": {"ann": "developer"}}
GUEST = {"members": {"ann": "guest"}}
INVITED: dict[str, Any] = {"shared_with": {"above/other": "developer"}}
INVITED_AS_GUEST = {"shared_with": {"above/other": "guest"}}


@pytest.mark.parametrize(
    ("changes", "all_seats", "without_guests"),
    [
        ({}, 0, 0),
        ({"top": ROLE}, 1, 1),
        ({"top/sub": ROLE}, 1, 1),
        ({"top/app": ROLE}, 1, 1),
        ({"top/sub/app": ROLE}, 1, 1),
        ({"else": ROLE, "else/app": ROLE, "above/other": ROLE}, 0, 0),
        ({"top": GUEST}, 1, 0),
        ({"top/app": GUEST}, 1, 0),
        # Somebody with several roles takes one seat, unless all of them are a guest's.
        ({"top": ROLE, "top/sub": GUEST, "top/app": ROLE}, 1, 1),
        ({"top": GUEST, "top/sub/app": ROLE}, 1, 1),
        # Not everybody is somebody.
        ({"top": {"members": dict.fromkeys(("gone", "idle", "bot"), "owner")}}, 0, 0),
        ({"top/app": {"members": dict.fromkeys(("gone", "bot"), "owner")}}, 0, 0),
        ({"top": {"members": {"service": "owner"}}}, 1, 1),
        (
            {
                "top": {
                    "members": {
                        "ann": {"access_level": "owner", "state": "awaiting"},
                        "bob": "reporter",
                    }
                }
            },
            1,
            1,
        ),
        # Groups that are invited, with those that are members from above.
        ({"top": INVITED, "above/other": ROLE}, 1, 1),
        ({"top/sub": INVITED, "above": ROLE}, 1, 1),
        ({"top/sub/app": INVITED, "above/other": ROLE}, 1, 1),
        ({"top/app": INVITED, "above": GUEST}, 1, 0),
        ({"top/app": INVITED_AS_GUEST, "above/other": ROLE}, 1, 0),
        ({"top": INVITED_AS_GUEST, "above/other": ROLE}, 1, 0),
        ({"above": INVITED, "above/other": ROLE}, 0, 0),
        (
            {
                "top": {"members": {"ann": "owner", "bob": "guest"}},
                "top/sub": {"members": {"cid": "reporter"}} | INVITED,
                "above/other": {"members": {"ann": "guest", "dee": "maintainer"}},
            },
            4,
            3,
        ),
    ],
)
def test_who_takes_a_seat(
    make_api: MakeApi, changes: dict[str, Any], all_seats: int, without_guests: int
) -> None:
    """Active people in a group, below it and invited to it take one seat each."""
    for plan_code in ("premium", "opensource"):
        assert count(make_api, plan_code, **changes) == all_seats
    for plan_code in ("gold", "ultimate", "ultimate_trial"):
        assert count(make_api, plan_code, **changes) == without_guests


# -------------------------------------------------------------- the daily count


def subscribed(make_api: MakeApi, *subscriptions: dict[str, Any]) -> Api:
    """An API in which `top` has three people, and these subscriptions."""
    people = {"members": dict.fromkeys(PEOPLE[:3], "developer")}
    world = world_with(top=people)
    world["subscriptions"] = [
        {"start_date": "2022-01-01"} | each for each in subscriptions
    ]
    return make_api(world)


def after_refresh(api: Api) -> tuple[Any, ...]:
    """In use, most, owed and when the most changed, after the daily count."""
    seats.refresh(api.database, NOW)
    (row,) = api.rows(
        """SELECT seats_in_use, max_seats_used, seats_owed, max_seats_used_changed_at
        FROM gitlab_subscriptions"""
    )
    return row


CHANGED_NOW = "2022-08-01T12:00:00.000Z"
BEFORE = "2022-02-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seats": 1}, (3, 3, 2, CHANGED_NOW)),
        ({"seats": 3}, (3, 3, 0, CHANGED_NOW)),
        ({"seats": 9}, (3, 3, 0, CHANGED_NOW)),
        ({"seats": 1, "max_seats_used": 2}, (3, 3, 2, CHANGED_NOW)),
        ({"seats": 1, "max_seats_used": None}, (3, 3, 2, CHANGED_NOW)),
        ({"seats": 1, "max_seats_used": 3}, (3, 3, 2, BEFORE)),
        ({"seats": 1, "max_seats_used": 5, "seats_in_use": 5}, (3, 5, 4, BEFORE)),
        ({"seats": 0, "seats_owed": 7}, (3, 3, 0, CHANGED_NOW)),
        # Nobody pays for these.
        ({"seats": 1, "trial": True, "seats_owed": 7}, (0, 0, 7, BEFORE)),
        ({"seats": 1, "plan_code": "free"}, (0, 0, 0, BEFORE)),
        ({"seats": 1, "plan_code": None}, (0, 0, 0, BEFORE)),
    ],
)
def test_refresh(
    make_api: MakeApi, changes: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """What is in use, the most of it and what is owed follow the members."""
    subscription = {"namespace": "top", "plan_code": "premium"}
    state = {"max_seats_used_changed_at": BEFORE}
    api = subscribed(make_api, subscription | state | changes)
    assert after_refresh(api) == expected
    assert after_refresh(api) == expected
    assert api.rows("SELECT * FROM gitlab_subscription_histories") == []


def test_refresh_of_everybody(make_api: MakeApi) -> None:
    """Each paid subscription is refreshed with the people of its own namespace."""
    paid = {"plan_code": "gold", "seats": 1}
    names = ("top", "else", "ann")
    others: tuple[dict[str, Any], ...] = (
        {"namespace": "above", "plan_code": "free"},
        {"namespace": "bob", "plan_code": "premium", "trial": True},
    )
    api = subscribed(make_api, *(paid | {"namespace": n} for n in names), *others)
    assert seats.refresh(api.database, NOW) == 3
    select = "SELECT seats_in_use FROM gitlab_subscriptions WHERE plan_code = 'gold'"
    assert sorted(api.rows(select)) == [(0,), (1,), (3,)]


def test_the_most_stays_when_people_leave(make_api: MakeApi) -> None:
    """A test moves time: people come, are counted, and go; the most is owed."""
    api = subscribed(make_api, {"namespace": "top", "plan_code": "premium", "seats": 2})
    usages = []
    for leave in ("no one", "ann", "bob"):
        with api.database.writing() as connection:
            connection.execute(
                "UPDATE users SET state = 'blocked' WHERE username = ?", (leave,)
            )
        seats.refresh(api.database, NOW)
        answer = ask(api, "GET", "/namespaces/top/gitlab_subscription")
        usages.append(tuple(answer.json["usage"].values()))
    assert usages == [(2, 3, 3, 1), (2, 2, 3, 1), (2, 1, 3, 1)]


# ---------------------------------------------------------------- laws of updates

COUNTS = st.integers(0, 100)
DATES = st.sampled_from(["2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01"])
SUBSCRIPTIONS = st.builds(
    Subscription,
    plan_code=st.sampled_from(sorted(PLANS)) | st.none(),
    seats=COUNTS,
    seats_in_use=COUNTS,
    max_seats_used=COUNTS | st.none(),
    seats_owed=COUNTS,
    start_date=DATES,
    end_date=DATES | st.none(),
    trial=st.sampled_from([0, 1]),
    trial_starts_on=st.none(),
    trial_ends_on=st.none(),
    trial_extension_type=st.none(),
    auto_renew=st.none(),
    max_seats_used_changed_at=DATES.map(lambda day: f"{day}T00:00:00.000Z") | st.none(),
    updated_at=st.none(),
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "plan_code": st.sampled_from(sorted(PLANS)),
        "seats": COUNTS,
        "max_seats_used": COUNTS,
        "start_date": DATES,
        "end_date": DATES | st.none(),
        "trial": st.sampled_from([0, 1]),
    },
)


@given(SUBSCRIPTIONS, CHANGES, COUNTS)
def test_an_update_resets_all_or_nothing(
    before: Subscription, changes: dict[str, Any], seats_in_use: int
) -> None:
    """What was sent is there after it; only a paid subscription forgets its seats."""
    after = updated(before, changes, NOW, lambda _: seats_in_use)
    kept = before._replace(**changes)
    for name in ("plan_code", "seats", "start_date", "end_date", "trial"):
        assert getattr(after, name) == getattr(kept, name)
    usage = ("seats_in_use", "max_seats_used", "seats_owed")
    now = tuple(getattr(after, name) for name in usage)
    if now != tuple(getattr(kept, name) for name in usage):
        assert is_paid_hosted(after)
        owed = max(0, seats_in_use - after.seats)
        assert now == (seats_in_use, seats_in_use, owed)
        assert after.max_seats_used_changed_at == CHANGED_NOW


@given(SUBSCRIPTIONS, COUNTS)
def test_a_refresh_forgets_no_seat(subscription: Subscription, count_: int) -> None:
    """The most never falls, and what is owed is what was used above what was bought."""
    after = refreshed(subscription, count_, NOW)
    most = max(subscription.max_seats_used or 0, count_)
    assert (after.seats_in_use, after.max_seats_used) == (count_, most)
    is_paid = is_paid_hosted(subscription)
    assert after.seats_owed == (max(0, most - after.seats) if is_paid else 0)
    assert refreshed(after, count_, NOW) == after


def test_new_has_the_defaults_of_its_table(make_api: MakeApi) -> None:
    """A new subscription has what the table has where nothing is said."""
    api = subscribed(make_api, {"namespace": "else"})
    columns = ", ".join(Subscription._fields)
    select = f"SELECT {columns} FROM gitlab_subscriptions"  # noqa: S608
    (row,) = api.rows(select)
    assert Subscription._make(row) == Subscription(start_date="2022-01-01")
