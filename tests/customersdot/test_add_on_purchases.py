"""`/namespaces/:id/subscription_add_on_purchase/:add_on_name`: add-ons."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import OTHER, SUB, TOP, UNKNOWN, WORLD, answer_of, ask

from internal_api.subscription import ADD_ONS

BLANK = "can't be blank"
SENT = {"quantity": 10, "expires_on": "2024-07-15", "purchase_xid": "S-A00000001"}
ANSWER = {
    "namespace_id": TOP,
    "namespace_name": "Top",
    "add_on": "Code Suggestions",
    **SENT,
}


def path_of(namespace: object = TOP, add_on: str = "code_suggestions") -> str:
    """The path of an add-on."""
    return f"/namespaces/{namespace}/subscription_add_on_purchase/{add_on}"


@pytest.fixture
def bought(make_api: MakeApi) -> Api:
    """An API in which `top` has an add-on."""
    purchase = SENT | {"namespace": "top", "add_on": "code_suggestions"}
    return make_api(WORLD | {"subscription_add_on_purchases": [purchase]})


def test_create_201(api: Api) -> None:
    """A purchase is stored, and answered with the names of namespace and add-on."""
    answer = ask(api, "POST", path_of(), SENT)
    assert answer.status_int == 201
    assert list(answer.json.items()) == list(ANSWER.items())
    assert answer_of(ask(api, "GET", path_of())) == (200, ANSWER)


@pytest.mark.parametrize("add_on", ADD_ONS)
def test_every_add_on(api: Api, add_on: str) -> None:
    """A namespace may have each of the add-ons, and has them apart."""
    for name in {*ADD_ONS} - {add_on}:
        assert ask(api, "POST", path_of("top", name), SENT).status_int == 201
    answer = ask(api, "POST", path_of("top", add_on), SENT)
    assert (answer.status_int, answer.json["add_on"]) == (
        201,
        add_on.replace("_", " ").title(),
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("namespace", "add_on", "missing"),
    [
        (UNKNOWN, "nonsense", "Namespace"),
        ("top%2Fapp", "code_suggestions", "Namespace"),
        (TOP, "nonsense", "Subscription Add-on"),
        (TOP, "Code Suggestions", "Subscription Add-on"),
    ],
)
def test_not_found_404(
    bought: Api, method: str, namespace: object, add_on: str, missing: str
) -> None:
    """Namespace and add-on are looked for before the parameters."""
    params = None if method == "GET" else {}
    answer = ask(bought, method, path_of(namespace, add_on.replace(" ", "%20")), params)
    assert answer_of(answer) == (404, {"message": f"404 {missing} Not Found"})


def test_get_nothing_404(api: Api) -> None:
    """A namespace without the add-on has nothing to show."""
    assert ask(api, "GET", path_of()).status_int == 404


def test_create_again_400(bought: Api) -> None:
    """What is there is not created anew, and does not change."""
    answer = ask(bought, "POST", path_of(), SENT | {"quantity": 0})
    text = (
        "400 Bad request - Add-on purchase for namespace Top and add-on Code "
        "Suggestions already exists, update the existing record"
    )
    assert answer_of(answer) == (400, {"message": text})
    assert ask(bought, "GET", path_of()).json == ANSWER


def test_create_in_a_group_400(api: Api) -> None:
    """Only top-level namespaces have add-ons."""
    answer = ask(api, "POST", path_of(SUB), SENT)
    text = "400 Bad request - Namespace sub.group is not a root namespace"
    assert answer_of(answer) == (400, {"message": text})


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        (
            "POST",
            {},
            "quantity is missing, expires_on is missing, purchase_xid is missing",
        ),
        ("POST", SENT | {"quantity": "x"}, "quantity is invalid"),
        ("POST", SENT | {"purchase_xid": {}}, "purchase_xid is invalid"),
        ("PUT", {"quantity": 1}, "expires_on is missing"),
        ("PUT", SENT | {"expires_on": "x"}, "expires_on is invalid"),
    ],
)
def test_wrong_parameters_400(
    api: Api, method: str, params: dict[str, Any], error: str
) -> None:
    """Parameters have to be there, and of their type."""
    assert answer_of(ask(api, method, path_of(), params)) == (400, {"error": error})


LONG = "is too long (maximum is 255 characters)"


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        ({"quantity": 0}, {"quantity": ["must be greater than or equal to 1"]}),
        ({"quantity": -1}, {"quantity": ["must be greater than or equal to 1"]}),
        ({"purchase_xid": ""}, {"purchase_xid": [BLANK]}),
        ({"purchase_xid": "x" * 256}, {"purchase_xid": [LONG]}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_refused_by_the_model_400(
    bought: Api, method: str, params: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    """The model's errors are told by attribute, and nothing changes."""
    namespace = TOP if method == "PUT" else OTHER
    answer = ask(bought, method, path_of(namespace), SENT | params)
    assert answer_of(answer) == (400, {"message": errors})
    assert bought.rows("SELECT quantity FROM subscription_add_on_purchases") == [(10,)]


def test_create_null_400(api: Api) -> None:
    """Null is no value for a new purchase."""
    answer = ask(api, "POST", path_of(), dict.fromkeys(SENT))
    errors = {
        "expires_on": [BLANK],
        "quantity": [BLANK, "is not a number"],
        "purchase_xid": [BLANK],
    }
    assert answer_of(answer) == (400, {"message": errors})


def test_too_many_400(bought: Api) -> None:
    """A quantity that GitLab's database could not hold is refused, in words."""
    for method, namespace in (("POST", OTHER), ("PUT", TOP)):
        answer = ask(bought, method, path_of(namespace), SENT | {"quantity": 2**31})
        text = "400 Bad request - quantity is out of range"
        assert answer_of(answer) == (400, {"message": text})


@pytest.mark.parametrize(
    ("params", "changes"),
    [
        (
            SENT | {"quantity": 15, "purchase_xid": "B"},
            {"quantity": 15, "purchase_xid": "B"},
        ),
        ({"expires_on": "01/02/2030"}, {"expires_on": "2030-02-01"}),
        ({"expires_on": None, "quantity": "11"}, {"quantity": 11}),
        (dict.fromkeys(SENT), {}),
    ],
)
def test_update_200(
    bought: Api, params: dict[str, Any], changes: dict[str, Any]
) -> None:
    """What was sent and is not null changes; the rest stays."""
    answer = ask(bought, "PUT", path_of("top"), params)
    assert answer_of(answer) == (200, ANSWER | changes)
    assert ask(bought, "GET", path_of()).json == ANSWER | changes


def test_update_nothing_400(api: Api) -> None:
    """There is nothing to update before it was created."""
    text = (
        "400 Bad request - Add-on purchase for namespace Top and add-on Code "
        "Suggestions does not exist, create a new record instead"
    )
    answer = ask(api, "PUT", path_of(), SENT)
    assert answer_of(answer) == (400, {"message": text})
