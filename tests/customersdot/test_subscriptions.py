"""`/namespaces/:id/gitlab_subscription`: plans, seats and terms."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import (
    DOTTED,
    INTERNAL,
    OTHER,
    PERSONAL,
    PUBLIC,
    SUB,
    TOP,
    UNKNOWN,
    WORLD,
    answer_of,
    ask,
)

from internal_api.subscription import PAID_HOSTED_PLANS

NO_NAMESPACE = (404, {"message": "404 Namespace Not Found"})
FORBIDDEN = (403, {"message": "403 Forbidden"})
BLANK = ["can't be blank"]
NULLS = {
    "plan": dict.fromkeys(
        ("code", "name", "trial", "auto_renew", "upgradable", "exclude_guests")
    ),
    "usage": dict.fromkeys(
        ("seats_in_subscription", "seats_in_use", "max_seats_used", "seats_owed")
    ),
    "billing": dict.fromkeys(
        ("subscription_start_date", "subscription_end_date", "trial_ends_on")
    ),
}
PREMIUM = {
    "namespace": "top",
    "plan_code": "premium",
    "seats": 20,
    "seats_in_use": 2,
    "max_seats_used": 42,
    "seats_owed": 22,
    "start_date": "2022-01-01",
    "end_date": "2023-01-01",
}


def path_of(namespace: object) -> str:
    """The path of a namespace's subscription."""
    return f"/namespaces/{namespace}/gitlab_subscription"


def with_subscription(make_api: MakeApi, **changes: Any) -> Api:
    """An API in which `top` has a subscription, four people and once had 42."""
    return make_api(WORLD | {"subscriptions": [PREMIUM | changes]})


def stored(api: Api, *columns: str, namespace: int = TOP) -> tuple[Any, ...]:
    """Columns of the subscription of a namespace."""
    select = f"SELECT {', '.join(columns)} FROM gitlab_subscriptions"  # noqa: S608
    (row,) = api.rows(f"{select} WHERE namespace_id = ?", namespace)
    return row


def histories(api: Api) -> list[tuple[Any, ...]]:
    """Seats, the most that were used, and start of what was there before."""
    return api.rows(
        """SELECT seats, max_seats_used, start_date, created_at
        FROM gitlab_subscription_histories ORDER BY id"""
    )


# ------------------------------------------------------------------- creating


def test_create_201(api: Api) -> None:
    """A subscription has what was sent, counted seats, and defaults for the rest."""
    query = "?seats=10&plan_code=gold&start_date=01/01/2018&end_date=01/02/2019"
    answer = ask(api, "POST", path_of(TOP) + query)
    assert answer_of(answer) == (
        201,
        {
            "plan": {
                "code": "gold",
                "name": "gold",
                "trial": False,
                "auto_renew": None,
                "upgradable": False,
                "exclude_guests": True,
            },
            "usage": {
                "seats_in_subscription": 10,
                "seats_in_use": 3,
                "max_seats_used": 0,
                "seats_owed": 0,
            },
            "billing": {
                "subscription_start_date": "2018-01-01",
                "subscription_end_date": "2019-02-01",
                "trial_ends_on": None,
            },
        },
    )
    assert ask(api, "GET", path_of(TOP)).json == answer.json
    assert histories(api) == []


def test_create_from_everything(api: Api) -> None:
    """Every attribute is stored, texts for numbers and truth values too."""
    params = {
        "start_date": "13 Jun 2021",
        "end_date": "2021-06-14T10:00:00Z",
        "plan_code": "ultimate_trial",
        "seats": "7",
        "max_seats_used": "9",
        "auto_renew": "yes",
        "trial": "1",
        "trial_starts_on": "2021/06/12",
        "trial_ends_on": "20210630",
        "trial_extension_type": "2",
        "unknown": [],
    }
    answer = ask(api, "POST", path_of(TOP), params)
    assert answer.status_int == 201
    assert answer.json["plan"] == {
        "code": "ultimate_trial",
        "name": "ultimate_trial",
        "trial": True,
        "auto_renew": True,
        "upgradable": False,
        "exclude_guests": True,
    }
    assert answer.json["usage"]["max_seats_used"] == 9
    assert answer.json["billing"]["trial_ends_on"] == "2021-06-30"
    columns = ("start_date", "end_date", "trial_starts_on", "trial_extension_type")
    assert stored(api, *columns) == ("2021-06-13", "2021-06-14", "2021-06-12", 2)


@pytest.mark.parametrize("form", ["query", "form", "JSON"])
def test_create_from_any_form(api: Api, form: str) -> None:
    """Query, form and JSON say the same."""
    text, path = "start_date=01/02/2018&seats=3", f"/api/v4{path_of(TOP)}"
    token = {"PRIVATE-TOKEN": "root"}
    if form == "query":
        answer = api.app.post(f"{path}?{text}", headers=token)
    elif form == "form":
        answer = api.app.post(path, text, headers=token)
    else:
        params = {"start_date": "01/02/2018", "seats": 3}
        answer = api.app.post_json(path, params, headers=token)
    assert answer.status_int == 201
    assert answer.json["billing"]["subscription_start_date"] == "2018-02-01"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, None),
        ({"plan_code": "premium"}, "premium"),
        ({"plan_code": None}, "free"),
        ({"plan_code": ""}, None),
        ({"plan_code": "nonsense"}, None),
        ({"plan_code": "opensource"}, "opensource"),
        ({"plan": "premium"}, "premium"),
        ({"plan": '"premium"'}, "premium"),
        ({"plan": "premium", "plan_code": "silver"}, "silver"),
        ({"plan": "premium", "plan_code": None}, "free"),
        ({"plan": None}, None),
    ],
)
def test_plan(api: Api, params: dict[str, Any], code: str | None) -> None:
    """The plan is that of `plan_code`, or of `plan`; null is free, unknown is none."""
    answer = ask(api, "POST", path_of(TOP), params | {"start_date": "2022-01-01"})
    assert answer.status_int == 201
    assert answer.json["plan"]["code"] == code


def test_trial_starts_with_the_subscription(api: Api) -> None:
    """A trial that does not say when it starts does with the subscription."""
    params = {"trial": True, "start_date": "2022-01-02"}
    assert ask(api, "POST", path_of(TOP), params).status_int == 201
    assert stored(api, "trial_starts_on") == ("2022-01-02",)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"seats": 10}, "start_date is missing"),
        ({"start_date": "foo"}, "start_date is invalid"),
        ({"start_date": "06/13/2021"}, "start_date is invalid"),
        ({"start_date": 20210613}, "start_date is invalid"),
        ({"end_date": "foo"}, "start_date is missing, end_date is invalid"),
        ({"start_date": "1/1/18", "seats": "1.5"}, "seats is invalid"),
        ({"start_date": "1/1/18", "seats": "abc"}, "seats is invalid"),
        ({"start_date": "1/1/18", "seats": True}, "seats is invalid"),
        ({"start_date": "1/1/18", "max_seats_used": "x"}, "max_seats_used is invalid"),
        ({"start_date": "1/1/18", "plan_code": {}}, "plan_code is invalid"),
        ({"start_date": "1/1/18", "plan": []}, "plan is invalid"),
        ({"start_date": "1/1/18", "trial": "maybe"}, "trial is invalid"),
        ({"start_date": "1/1/18", "auto_renew": 2}, "auto_renew is invalid"),
        ({"start_date": "1/1/18", "trial_ends_on": "x"}, "trial_ends_on is invalid"),
    ],
)
@pytest.mark.parametrize("token", ["root", "owner"])
def test_create_wrong_parameters_400(
    api: Api, params: dict[str, Any], error: str, token: str
) -> None:
    """Parameters are checked first, also for those who may not create anything."""
    answer = ask(api, "POST", path_of(UNKNOWN), params, token=token)
    assert answer_of(answer) == (400, {"error": error})


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        ({"start_date": ""}, {"start_date": BLANK}),
        ({"start_date": None}, {"start_date": BLANK}),
        ({"start_date": "2022-01-01", "seats": None}, {"seats": BLANK}),
        ({"start_date": "2022-01-01", "seats": ""}, {"seats": BLANK}),
        ({"start_date": None, "seats": None}, {"seats": BLANK, "start_date": BLANK}),
    ],
)
def test_create_blank_400(
    api: Api, params: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    """The model refuses null where it needs a value, and nothing is stored."""
    answer = ask(api, "POST", path_of(TOP), params)
    assert answer_of(answer) == (400, {"message": errors})
    assert api.rows("SELECT * FROM gitlab_subscriptions") == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"seats": 2**31}, "seats is out of range"),
        ({"max_seats_used": -(2**40)}, "max_seats_used is out of range"),
        (
            {"trial_extension_type": 3},
            "'3' is not a valid trial_extension_type",
        ),
    ],
)
def test_what_no_column_holds_400(
    make_api: MakeApi, method: str, params: dict[str, Any], reason: str
) -> None:
    """Values that GitLab's database could not hold are refused, in words, at last."""
    api = with_subscription(make_api)
    params |= {"start_date": "2022-01-01"}
    path = path_of(TOP if method == "PUT" else OTHER)
    assert answer_of(ask(api, method, path, params, token="owner")) == FORBIDDEN
    assert answer_of(ask(api, method, path_of(UNKNOWN), params)) == NO_NAMESPACE
    answer = ask(api, method, path, params)
    assert answer_of(answer) == (400, {"message": f"400 Bad request - {reason}"})


def test_create_again_400(make_api: MakeApi) -> None:
    """A second subscription is refused, and the first one stays."""
    api = with_subscription(make_api)
    params = {"start_date": "2030-01-01", "seats": 1}
    answer = ask(api, "POST", path_of(TOP), params)
    taken = {"namespace_id": ["has already been taken"]}
    assert answer_of(answer) == (400, {"message": taken})
    assert stored(api, "seats", "start_date") == (20, "2022-01-01")
    assert histories(api) == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("namespace", [UNKNOWN, "nonsense", "top%2Fapp", "9" * 30, -1])
def test_unknown_namespace_404(api: Api, method: str, namespace: object) -> None:
    """An unknown id, an unknown path and the path of a project are not found."""
    answer = ask(api, method, path_of(namespace), {"start_date": "2022-01-01"})
    assert answer_of(answer) == NO_NAMESPACE


@pytest.mark.parametrize(
    ("namespace", "id_"),
    [
        (TOP, TOP),
        ("top", TOP),
        ("TOP", TOP),
        ("test.test-group.2", DOTTED),
        ("top%2Fsub.group", SUB),
        ("top%2fSub.group", SUB),
        ("owner", PERSONAL + 2),
        (f"{TOP}/", TOP),
    ],
)
def test_namespaces_by_number_and_path(api: Api, namespace: object, id_: int) -> None:
    """A namespace is an id or an encoded path, in any case and with dots."""
    path = f"/namespaces/{namespace}/gitlab_subscription".replace("//", "/")
    created = ask(api, "POST", path, {"start_date": "2022-01-01"})
    updated = ask(api, "PUT", f"{path}/", {"seats": 4})
    assert (created.status_int, updated.status_int) == (201, 200)
    assert ask(api, "GET", path).json == updated.json
    assert stored(api, "seats", namespace=id_) == (4,)


# -------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("namespace", "token", "expected"),
    [
        (TOP, "root", (200, NULLS)),
        (TOP, "owner", (200, NULLS)),
        (SUB, "owner", (200, NULLS)),
        (TOP, "maintainer", FORBIDDEN),
        (TOP, "developer", FORBIDDEN),
        (SUB, "developer", FORBIDDEN),
        # Who is in a project of a group may see the group.
        (TOP, "in-project", FORBIDDEN),
        (SUB, "in-project", NO_NAMESPACE),
        (TOP, "outsider", NO_NAMESPACE),
        (PUBLIC, "outsider", FORBIDDEN),
        (PUBLIC, "external", FORBIDDEN),
        (INTERNAL, "outsider", FORBIDDEN),
        (INTERNAL, "external", NO_NAMESPACE),
        ("owner", "owner", (200, NULLS)),
        ("developer", "developer", (200, NULLS)),
        ("owner", "root", (200, NULLS)),
        ("owner", "developer", NO_NAMESPACE),
        (UNKNOWN, "root", NO_NAMESPACE),
        ("top%2Fapp", "owner", NO_NAMESPACE),
        (TOP, None, (401, {"message": "401 Unauthorized"})),
        (UNKNOWN, None, (401, {"message": "401 Unauthorized"})),
    ],
)
def test_who_may_read(
    api: Api, namespace: object, token: str | None, expected: tuple[int, Any]
) -> None:
    """Owners read, also where there is nothing; others hear 403 or, unseen, 404."""
    assert answer_of(ask(api, "GET", path_of(namespace), token=token)) == expected


@pytest.mark.parametrize("share", ["group", "project"])
def test_a_shared_group_lets_see(make_api: MakeApi, share: str) -> None:
    """Members of a group that a group or its project is shared with see the group."""
    invited = {"full_path": "invited", "members": {"outsider": "owner"}}
    shared = {"shared_with": {"invited": "developer"}}
    world = WORLD | {"groups": [*WORLD["groups"], invited]}
    if share == "group":
        world["groups"] = [
            group | shared if group["full_path"] == "top" else group
            for group in world["groups"]
        ]
    else:
        world["projects"] = [WORLD["projects"][0] | shared]
    api = make_api(world)
    assert answer_of(ask(api, "GET", path_of(TOP), token="outsider")) == FORBIDDEN


@pytest.mark.parametrize("code", sorted(PAID_HOSTED_PLANS | {"free", "default"}))
@pytest.mark.parametrize("follow", ["documentation", "gitlab"])
def test_name_and_upgradable(make_api: MakeApi, follow: str, code: str) -> None:
    """Documentation: the name is the code, nothing upgradable. GitLab: title, rule."""
    subscription = PREMIUM | {"plan_code": code}
    api = make_api(WORLD | {"subscriptions": [subscription]}, follow=follow)
    plan = ask(api, "GET", path_of(TOP)).json["plan"]
    if follow == "documentation":
        assert (plan["name"], plan["upgradable"]) == (code, False)
    else:
        lower = {"bronze", "silver", "premium", "ultimate_trial", "premium_trial"}
        assert (plan["name"], plan["upgradable"]) == (
            code.replace("_", " ").title(),
            code in lower,
        )
    assert plan["exclude_guests"] == (code in {"gold", "ultimate", "ultimate_trial"})


@pytest.mark.parametrize(
    ("changes", "upgradable"),
    [
        ({}, True),
        ({"end_date": None}, True),
        ({"end_date": "2022-08-01"}, True),
        ({"end_date": "2022-07-31"}, False),
        ({"trial": True}, False),
        ({"seats": 0}, False),
        ({"plan_code": None}, False),
    ],
)
def test_upgradable_for_gitlab(
    make_api: MakeApi, changes: dict[str, Any], *, upgradable: bool
) -> None:
    """Only a purchase of seats that has not ended can be upgraded."""
    subscriptions = [PREMIUM | changes]
    api = make_api(WORLD | {"subscriptions": subscriptions}, follow="gitlab")
    assert ask(api, "GET", path_of(TOP)).json["plan"]["upgradable"] is upgradable


@pytest.mark.parametrize(
    ("changes", "seats_in_use"),
    [
        ({}, 2),
        ({"trial": True}, 4),
        ({"seats": 0}, 4),
        ({"plan_code": "free"}, 4),
        ({"plan_code": None}, 4),
        ({"plan_code": "gold", "trial": True}, 3),
        ({"plan_code": "free", "namespace": "owner"}, 1),
    ],
)
def test_seats_in_use(
    make_api: MakeApi, changes: dict[str, Any], seats_in_use: int
) -> None:
    """Who pays is told what was counted last; free and trial are counted now."""
    api = with_subscription(make_api, seats_in_use=2, **changes)
    namespace = changes.get("namespace", TOP)
    usage = ask(api, "GET", path_of(namespace)).json["usage"]
    assert usage["seats_in_use"] == seats_in_use


# ------------------------------------------------------------------- updating


def test_update_keeps_what_was_not_sent(make_api: MakeApi) -> None:
    """Only what was sent changes; no default is written over the rest."""
    api = with_subscription(make_api)
    params = {"plan_code": "ultimate", "trial_ends_on": "2030-01-01"}
    answer = ask(api, "PUT", path_of(TOP), params)
    assert answer.status_int == 200
    assert answer.json["usage"] == {
        "seats_in_subscription": 20,
        "seats_in_use": 2,
        "max_seats_used": 42,
        "seats_owed": 22,
    }
    assert answer.json["plan"]["code"] == "ultimate"
    assert answer.json["billing"] == {
        "subscription_start_date": "2022-01-01",
        "subscription_end_date": "2023-01-01",
        "trial_ends_on": "2030-01-01",
    }


def test_update_with_the_same_values(make_api: MakeApi) -> None:
    """The same values change `updated_at` and nothing else, without a history row."""
    api = with_subscription(make_api)
    select = "SELECT * FROM gitlab_subscriptions"
    (before,) = api.rows(select)
    params = {name: PREMIUM[name] for name in PREMIUM if name != "namespace"}
    assert ask(api, "PUT", path_of(TOP), params).status_int == 200
    assert stored(api, "updated_at") == ("2022-08-01T12:00:00.000Z",)
    (after,) = api.rows(select)
    assert [value for value in after if value not in before] == [after[-1]]
    assert histories(api) == []


def test_history_has_what_was_before(make_api: MakeApi) -> None:
    """Every update of a tracked attribute writes down the previous state."""
    api = with_subscription(make_api)
    for params in ({"seats": 21}, {"seats": 21}, {"max_seats_used": 40}, {}):
        api.clock.advance(hours=1)
        assert ask(api, "PUT", path_of(TOP), params).status_int == 200
    assert histories(api) == [
        (20, 42, "2022-01-01", "2022-08-01T13:00:00.000Z"),
        (21, 42, "2022-01-01", "2022-08-01T15:00:00.000Z"),
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"end_date": None},
        {"auto_renew": False},
        {"trial": True},
        {"trial_starts_on": "2022-01-01"},
        {"trial_ends_on": "2022-01-01"},
        {"trial_extension_type": 1},
        {"plan_code": "gold"},
        {"plan": "gold"},
        {"start_date": "2021-12-31"},
    ],
)
def test_history_of_each_attribute(make_api: MakeApi, params: dict[str, Any]) -> None:
    """A change of any tracked attribute leaves one row."""
    api = with_subscription(make_api)
    assert ask(api, "PUT", path_of(TOP), params).status_int == 200
    assert histories(api) == [(20, 42, "2022-01-01", "2022-08-01T12:00:00.000Z")]


def test_max_seats_used_owes_nothing(make_api: MakeApi) -> None:
    """Setting the most that was used changes its time, not what is owed."""
    api = with_subscription(make_api)
    answer = ask(api, "PUT", path_of(TOP), {"max_seats_used": 0})
    assert answer.json["usage"] == {
        "seats_in_subscription": 20,
        "seats_in_use": 2,
        "max_seats_used": 0,
        "seats_owed": 22,
    }
    assert stored(api, "max_seats_used_changed_at") == ("2022-08-01T12:00:00.000Z",)


def test_max_seats_used_is_as_young_as_its_change(make_api: MakeApi) -> None:
    """The most that is sent is of now, however old the one before it was."""
    api = with_subscription(make_api, max_seats_used_changed_at="2021-01-01T00:00:00Z")
    usage = ask(api, "PUT", path_of(TOP), {"max_seats_used": 5}).json["usage"]
    assert (usage["max_seats_used"], usage["seats_owed"]) == (5, 22)


def test_max_seats_used_null(make_api: MakeApi) -> None:
    """GitLab's column takes null, and so a new term begins with what is counted."""
    api = with_subscription(make_api)
    answer = ask(api, "PUT", path_of(TOP), {"max_seats_used": None})
    assert answer.json["usage"]["max_seats_used"] is None
    term = {"start_date": "2023-01-01", "end_date": "2024-01-01"}
    usage = ask(api, "PUT", path_of(TOP), term).json["usage"]
    assert usage["max_seats_used"] == 4


NEXT_TERM = {"start_date": "2024-01-01", "end_date": "2025-01-01"}


@pytest.mark.parametrize(
    ("before", "params", "is_reset"),
    [
        # A new term: both dates change, and it starts when the old one ended, or later.
        ({}, NEXT_TERM, True),
        ({}, {"start_date": "2023-01-01", "end_date": "2024-01-01"}, True),
        ({}, {"start_date": "2022-12-31", "end_date": "2024-01-01"}, False),
        ({"end_date": None}, NEXT_TERM, True),
        ({}, {"start_date": "2024-01-01"}, False),
        ({}, {"end_date": "2025-01-01"}, False),
        # A trial that becomes a purchase.
        ({"trial": True}, {"trial": False}, True),
        ({"trial": True}, {"trial": None}, True),
        ({}, {"trial": False}, False),
        # The most was used before the subscription started.
        ({"max_seats_used_changed_at": "2021-12-31T23:00:00Z"}, {}, True),
        ({"max_seats_used_changed_at": "2022-01-01T00:00:00Z"}, {}, False),
        (
            {"max_seats_used_changed_at": "2022-02-01T00:00:00Z"},
            {"start_date": "2022-02-02"},
            True,
        ),
        # Only who pays.
        ({}, NEXT_TERM | {"trial": True}, False),
        ({}, NEXT_TERM | {"seats": 0}, False),
        ({}, NEXT_TERM | {"plan_code": "free"}, False),
        ({"plan_code": "free"}, NEXT_TERM | {"plan_code": "gold"}, True),
    ],
)
def test_reset(
    make_api: MakeApi, before: dict[str, Any], params: dict[str, Any], *, is_reset: bool
) -> None:
    """What was used is forgotten when a paid term begins, and only then."""
    api = with_subscription(make_api, **before)
    assert ask(api, "PUT", path_of(TOP), params).status_int == 200
    columns = ("seats_in_use", "max_seats_used", "seats_owed")
    seats = 3 if "gold" in params.values() else 4
    assert stored(api, *columns) == ((seats, seats, 0) if is_reset else (2, 42, 22))
    (changed_at,) = stored(api, "max_seats_used_changed_at")
    assert (changed_at == "2022-08-01T12:00:00.000Z") is is_reset


def test_reset_owes_what_is_above(make_api: MakeApi) -> None:
    """After a reset, seats above those of the subscription are owed at once."""
    api = with_subscription(make_api)
    usage = ask(api, "PUT", path_of(TOP), NEXT_TERM | {"seats": 1}).json["usage"]
    assert (usage["max_seats_used"], usage["seats_owed"]) == (4, 3)


def test_reset_wins_over_what_was_sent(make_api: MakeApi) -> None:
    """In a new term the counted seats count, whatever `max_seats_used` was sent."""
    api = with_subscription(make_api)
    params = NEXT_TERM | {"max_seats_used": 50}
    usage = ask(api, "PUT", path_of(TOP), params).json["usage"]
    assert usage["max_seats_used"] == 4


def test_trial_keeps_its_start(make_api: MakeApi) -> None:
    """A trial that names no start, not even the subscription's, keeps what it has."""
    api = with_subscription(make_api, trial_starts_on="2022-03-03")
    ask(api, "PUT", path_of(TOP), {"trial": True})
    assert stored(api, "trial_starts_on") == ("2022-03-03",)
    ask(api, "PUT", path_of(TOP), {"trial": True, "start_date": "2022-04-04"})
    assert stored(api, "trial_starts_on") == ("2022-04-04",)


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        ({"seats": None}, {"seats": BLANK}),
        ({"start_date": None}, {"start_date": BLANK}),
    ],
)
def test_update_blank_400(
    make_api: MakeApi, params: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    """The model refuses null where it needs a value, and nothing changes."""
    api = with_subscription(make_api)
    answer = ask(api, "PUT", path_of(TOP), params | {"plan_code": "gold"})
    assert answer_of(answer) == (400, {"message": errors})
    assert stored(api, "plan_code") == ("premium",)


@pytest.mark.parametrize("token", ["root", "owner"])
def test_update_wrong_parameters_400(api: Api, token: str) -> None:
    """Parameters are checked before the caller and the namespace."""
    answer = ask(api, "PUT", path_of(UNKNOWN), {"seats": "x"}, token=token)
    assert answer_of(answer) == (400, {"error": "seats is invalid"})


def test_update_none_404(api: Api) -> None:
    """There is nothing to update where there is no subscription."""
    answer = ask(api, "PUT", path_of(TOP), {"seats": None})
    assert answer_of(answer) == (404, {"message": "404 GitlabSubscription Not Found"})
