"""`/namespaces/:id/minutes`: packs of CI minutes."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import (
    DOTTED,
    OTHER,
    PERSONAL,
    SUB,
    TOP,
    UNKNOWN,
    WORLD,
    XID,
    answer_of,
    ask,
)

PACK = {
    "number_of_minutes": 10000,
    "expires_at": "2022-01-01",
    "purchase_xid": XID,
}
UNSAVED = {"message": "400 Bad request - Unable to save additional packs"}


def answered(namespace: int, **changes: Any) -> dict[str, Any]:
    """A pack as it is answered."""
    return {"namespace_id": namespace} | PACK | changes


def buy(api: Api, namespace: object, *packs: Any, token: str = "root") -> Any:  # noqa: S107
    """The answer to the purchase of packs."""
    path = f"/namespaces/{namespace}/minutes"
    return answer_of(ask(api, "POST", path, {"packs": list(packs)}, token=token))


def stored(api: Api) -> list[tuple[Any, ...]]:
    """Namespace, minutes and purchase of every pack."""
    return api.rows(
        """SELECT namespace_id, number_of_minutes, purchase_xid
        FROM ci_minutes_additional_packs ORDER BY id"""
    )


def test_one_pack_201(api: Api) -> None:
    """A new pack is stored, and answered in a list with its members in order."""
    answer = ask(api, "POST", f"/namespaces/{TOP}/minutes", {"packs": [PACK]})
    assert answer.status_int == 201
    assert answer.text == (
        f'[{{"namespace_id":{TOP},"expires_at":"2022-01-01",'
        f'"number_of_minutes":10000,"purchase_xid":"{XID}"}}]'
    )
    assert stored(api) == [(TOP, 10000, XID)]


def test_a_form_says_the_same(api: Api) -> None:
    """Packs may come as a form."""
    form = (
        "packs[][number_of_minutes]=5&packs[][expires_at]=01/02/2022"
        "&packs[][purchase_xid]=a&packs[][number_of_minutes]=6"
        "&packs[][expires_at]=13 Jun 2022&packs[][purchase_xid]=b"
    )
    path, token = f"/api/v4/namespaces/{TOP}/minutes", {"PRIVATE-TOKEN": "root"}
    answer = api.app.post(path, form, headers=token)
    dates = [pack["expires_at"] for pack in answer.json]
    assert dates == ["2022-02-01", "2022-06-13"]
    assert stored(api) == [(TOP, 5, "a"), (TOP, 6, "b")]


def test_three_packs_201(api: Api) -> None:
    """Several packs are answered in the order of the request."""
    packs = [PACK | {"purchase_xid": xid} for xid in ("c", "a", "b")]
    status, body = buy(api, TOP, *packs)
    assert (status, [pack["purchase_xid"] for pack in body]) == (201, ["c", "a", "b"])
    assert len(stored(api)) == 3


def test_a_known_purchase_is_answered_as_it_is(api: Api) -> None:
    """The same purchase again changes nothing, whatever else it says now."""
    buy(api, TOP, PACK | {"number_of_minutes": 20000})
    again = PACK | {"expires_at": "2030-01-01"}
    assert buy(api, TOP, again) == (201, [answered(TOP, number_of_minutes=20000)])
    incomplete = PACK | {"expires_at": None, "number_of_minutes": ""}
    assert buy(api, TOP, incomplete)[0] == 201
    assert stored(api) == [(TOP, 20000, XID)]


def test_the_same_pack_twice_in_one_request(api: Api) -> None:
    """One purchase is one pack, and each of its entries is answered."""
    assert buy(api, TOP, PACK, PACK) == (201, [answered(TOP)] * 2)
    assert len(stored(api)) == 1


def test_no_packs_201(api: Api) -> None:
    """An empty list buys nothing."""
    assert buy(api, TOP) == (201, [])


@pytest.mark.parametrize(
    ("namespace", "id_"),
    [
        (SUB, SUB),
        ("top%2Fsub.group", SUB),
        ("test.test-group.2", DOTTED),
        ("owner", PERSONAL + 2),
    ],
)
def test_any_namespace_may_buy(api: Api, namespace: object, id_: int) -> None:
    """Subgroups and users may have packs; ids and paths name them."""
    assert buy(api, namespace, PACK) == (201, [answered(id_)])


@pytest.mark.parametrize(
    "changes",
    [
        {"number_of_minutes": 0},
        {"number_of_minutes": -1},
        {"number_of_minutes": -(2**31)},
        {"expires_at": "1999-01-01"},
        {"purchase_xid": "x" * 32},
        {"purchase_xid": "1"},
        {"note": "unknown members are not looked at"},
    ],
)
def test_what_no_rule_forbids(api: Api, changes: dict[str, Any]) -> None:
    """Neither minutes nor dates have limits."""
    status, (pack,) = buy(api, TOP, PACK | changes)
    assert status == 201
    assert pack == {name: (answered(TOP) | changes)[name] for name in answered(TOP)}


@pytest.mark.parametrize(
    "changes",
    [
        {"purchase_xid": "x" * 33},
        {"purchase_xid": ""},
        {"purchase_xid": " "},
        {"purchase_xid": None},
        {"expires_at": None},
        {"expires_at": ""},
        {"number_of_minutes": None},
        {"number_of_minutes": ""},
        {"number_of_minutes": 2**31},
        {"number_of_minutes": -(2**31) - 1},
        {"purchase_xid": "taken"},
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_bad_pack_400(api: Api, changes: dict[str, Any], position: int) -> None:
    """With one pack that cannot be stored, none is; another namespace's cannot."""
    buy(api, OTHER, PACK | {"purchase_xid": "taken"})
    packs = [PACK | {"purchase_xid": xid} for xid in ("a", "b")]
    packs.insert(position, PACK | changes)
    assert buy(api, TOP, *packs) == (400, UNSAVED)
    assert stored(api) == [(OTHER, 10000, "taken")]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "packs is missing"),
        ({"packs": {}}, "packs is invalid"),
        ({"packs": PACK}, "packs is invalid"),
        ({"packs": "x"}, "packs is invalid"),
        (
            {"packs": [{}]},
            (
                "packs[0][number_of_minutes] is missing, "
                "packs[0][expires_at] is missing, "
                "packs[0][purchase_xid] is missing"
            ),
        ),
        (
            {"packs": [{"expires_at": "1/1/22", "purchase_xid": "x"}]},
            "packs[0][number_of_minutes] is missing",
        ),
        (
            {"packs": [PACK, PACK | {"number_of_minutes": "1.5"}]},
            "packs[1][number_of_minutes] is invalid",
        ),
        (
            {"packs": [PACK | {"expires_at": "soon"}]},
            "packs[0][expires_at] is invalid",
        ),
        (
            {"packs": [PACK | {"purchase_xid": []}]},
            "packs[0][purchase_xid] is invalid",
        ),
    ],
)
def test_wrong_parameters_400(api: Api, params: dict[str, Any], error: str) -> None:
    """Parameters are checked before the namespace, and each error is told."""
    answer = ask(api, "POST", f"/namespaces/{UNKNOWN}/minutes", params)
    assert answer_of(answer) == (400, {"error": error})


@pytest.mark.parametrize("packs", [None, ""])
def test_null_400(api: Api, packs: object) -> None:
    """Null instead of a list, on which GitLab fails, is told in words."""
    answer = ask(api, "POST", f"/namespaces/{TOP}/minutes", {"packs": packs})
    text = "400 Bad request - packs is invalid"
    assert answer_of(answer) == (400, {"message": text})


@pytest.mark.parametrize("namespace", [UNKNOWN, "nonsense", "top%2Fapp"])
def test_unknown_namespace_404(api: Api, namespace: object) -> None:
    """Nothing can be bought for what is not there, or is a project."""
    missing = {"message": "404 Namespace Not Found"}
    assert buy(api, namespace, PACK) == (404, missing)


@pytest.mark.parametrize("packs", [[PACK], "x"])
def test_not_admin_403(api: Api, packs: object) -> None:
    """Who is no admin is refused before anything is read."""
    answer = ask(
        api, "POST", f"/namespaces/{TOP}/minutes", {"packs": packs}, token="owner"
    )
    assert answer_of(answer) == (403, {"message": "403 Forbidden"})
    assert stored(api) == []


# --------------------------------------------------------------------- moving

ACCEPTED = (202, {"message": "202 Accepted"})


@pytest.fixture
def supplied(make_api: MakeApi) -> Api:
    """An API in which `top` has two packs, one of them expired, and `other` one."""
    packs = [
        PACK | {"namespace": name, "purchase_xid": xid, "expires_at": date}
        for name, xid, date in (
            ("top", "a", "1999-01-01"),
            ("top", "b", "2099-01-01"),
            ("other", "c", "2099-01-01"),
        )
    ]
    return make_api(WORLD | {"minutes_packs": packs})


def move(api: Api, source: object, target: object) -> tuple[int, Any]:
    """The answer to a move."""
    return answer_of(ask(api, "PATCH", f"/namespaces/{source}/minutes/move/{target}"))


@pytest.mark.parametrize(
    ("source", "target", "id_"),
    [
        (TOP, OTHER, OTHER),
        ("top", "test.test-group.2", DOTTED),
        ("TOP", PERSONAL + 2, PERSONAL + 2),
        (TOP, "owner", PERSONAL + 2),
    ],
)
def test_move_202(supplied: Api, source: object, target: object, id_: int) -> None:
    """All packs of a namespace go to the other one, expired ones too, and once."""
    assert move(supplied, source, target) == ACCEPTED
    assert [row for row in stored(supplied) if row[2] != "c"] == [
        (id_, 10000, "a"),
        (id_, 10000, "b"),
    ]
    before = stored(supplied)
    assert move(supplied, source, target) == ACCEPTED
    assert stored(supplied) == before


def test_a_moved_purchase_is_the_other_namespaces(supplied: Api) -> None:
    """Who gave a pack away cannot have it again; who has it now is answered it."""
    move(supplied, TOP, OTHER)
    assert buy(supplied, TOP, PACK | {"purchase_xid": "a"}) == (400, UNSAVED)
    assert buy(supplied, OTHER, PACK | {"purchase_xid": "a"})[0] == 201


@pytest.mark.parametrize(
    ("source", "target", "status", "text"),
    [
        (UNKNOWN, OTHER, 404, "404 Namespace Not Found"),
        ("nonsense", UNKNOWN, 404, "404 Namespace Not Found"),
        ("top%2Fapp", OTHER, 404, "404 Namespace Not Found"),
        (TOP, UNKNOWN, 404, "404 Target namespace Not Found"),
        (SUB, "nonsense", 404, "404 Target namespace Not Found"),
        (
            SUB,
            SUB,
            400,
            "400 Bad request - Namespace must be a top-level namespace",
        ),
        (
            "top%2Fsub.group",
            OTHER,
            400,
            "400 Bad request - Namespace must be a top-level namespace",
        ),
        (
            TOP,
            "top%2Fsub.group",
            400,
            "400 Bad request - Target namespace must be a top-level namespace",
        ),
        (TOP, "top", 400, "400 Bad request - Namespace and target must be different"),
    ],
)
def test_move_refused(
    supplied: Api, source: object, target: object, status: int, text: str
) -> None:
    """Each refusal names what is wrong, in this order, and nothing moves."""
    before = stored(supplied)
    assert move(supplied, source, target) == (status, {"message": text})
    assert stored(supplied) == before
