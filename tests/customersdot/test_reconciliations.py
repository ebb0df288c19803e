"""`/internal/upcoming_reconciliations`: when seats are reconciled next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import OTHER, PERSONAL, SUB, TOP, UNKNOWN, WORLD, answer_of, ask

PATH = "/internal/upcoming_reconciliations"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NAMESPACE_BLANK = "Namespace can't be blank"


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An API in which `other` has a reconciliation."""
    known = {
        "namespace": "other",
        "next_reconciliation_date": "2020-01-02",
        "display_alert_from": "2020-01-01",
    }
    return make_api(WORLD | {"upcoming_reconciliations": [known]})


KNOWN = (OTHER, "2020-01-02", "2020-01-01")
NEW = (TOP, "2021-06-13", "2021-06-06")


def element(namespace_id: object = TOP, **changes: Any) -> dict[str, Any]:
    """What is sent of a namespace."""
    return {
        "namespace_id": namespace_id,
        "next_reconciliation_date": "13 Jun 2021",
        "display_alert_from": "06/06/2021",
    } | changes


def put(api: Api, elements: Any) -> tuple[int, Any]:
    """The answer to a list."""
    return answer_of(ask(api, "PUT", PATH, {"upcoming_reconciliations": elements}))


def stored(api: Api) -> list[tuple[Any, ...]]:
    """Every reconciliation."""
    return api.rows("SELECT * FROM upcoming_reconciliations ORDER BY namespace_id")


def refusal(*errors: object) -> tuple[int, Any]:
    """The answer that holds these errors, as JSON within a text."""
    text = json.dumps(errors, separators=(",", ":"))
    return 400, {"message": {"error": text}}


@pytest.mark.parametrize(
    "elements",
    [
        [element()],
        element(),
        json.dumps([element()]),
        json.dumps(element()),
        [element(str(TOP))],
    ],
)
def test_put_200(api: Api, elements: Any) -> None:
    """A list, one object, or a text with either is stored; the body is `200`."""
    answer = ask(api, "PUT", PATH, {"upcoming_reconciliations": elements})
    assert (answer.status_int, answer.text) == (200, "200")
    assert answer.headers["Content-Type"] == "application/json"
    assert stored(api) == [NEW, KNOWN]


def test_put_replaces(api: Api) -> None:
    """A namespace has one reconciliation, the last; the others stay."""
    assert put(api, [element(OTHER)]) == (200, 200)
    assert stored(api) == [(OTHER, *NEW[1:])]
    elements = [element(TOP), element(OTHER, display_alert_from="01/01/2021")]
    assert put(api, elements) == (200, 200)
    assert stored(api) == [NEW, (OTHER, "2021-06-13", "2021-01-01")]


def test_any_namespace(api: Api) -> None:
    """Subgroups and personal namespaces are namespaces."""
    assert put(api, [element(SUB), element(PERSONAL + 2)]) == (200, 200)
    assert len(stored(api)) == 3


def test_nothing_200(api: Api) -> None:
    """An empty list changes nothing."""
    assert put(api, []) == (200, 200)
    assert stored(api) == [KNOWN]


@pytest.mark.parametrize(
    ("bad", "errors"),
    [
        (element(UNKNOWN), [NAMESPACE_BLANK]),
        (element(-1), [NAMESPACE_BLANK]),
        (
            element(SUB, next_reconciliation_date=None),
            ["Next reconciliation date can't be blank"],
        ),
        (
            element(SUB, display_alert_from=""),
            ["Display alert from can't be blank"],
        ),
        (
            element(UNKNOWN, display_alert_from="", next_reconciliation_date=None),
            [
                NAMESPACE_BLANK,
                "Next reconciliation date can't be blank",
                "Display alert from can't be blank",
            ],
        ),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_partial_success_400(
    api: Api, bad: dict[str, Any], errors: list[str], position: int
) -> None:
    """The good ones are stored, new and known, although the answer names a bad one."""
    elements = [element(), element(OTHER)]
    elements.insert(position, bad)
    assert put(api, elements) == refusal({str(bad["namespace_id"]): errors})
    assert stored(api) == [NEW, (OTHER, *NEW[1:])]


def test_every_bad_one_is_named(api: Api) -> None:
    """Several bad ones are told in their order."""
    expected = refusal({"999": [NAMESPACE_BLANK]}, {"0": [NAMESPACE_BLANK]})
    assert put(api, [element(UNKNOWN), element(0)]) == expected


@pytest.mark.parametrize("others", [[], [element(UNKNOWN)]])
@pytest.mark.parametrize(
    ("elements", "failure"),
    [
        (
            [element(), element()],
            (
                "PG::CardinalityViolation: ERROR:  ON CONFLICT DO UPDATE command "
                "cannot affect row a second time\nHINT:  Ensure that no rows proposed "
                "for insertion within the same command have duplicate constrained "
                "values.\n"
            ),
        ),
        (
            [element(note=1), element(OTHER)],
            "unknown attribute 'note' for GitlabSubscriptions::UpcomingReconciliation.",
        ),
    ],
)
def test_failed_statement_400(
    api: Api, elements: list[Any], failure: str, others: list[Any]
) -> None:
    """The same namespace twice or an unknown member: nothing at all is stored."""
    errors = [{"999": [NAMESPACE_BLANK]}] if others else []
    assert put(api, others + elements) == refusal(*errors, {"bulk_upsert": failure})
    assert stored(api) == [KNOWN]


def test_unknown_member_of_what_cannot_be_stored_400(api: Api) -> None:
    """An unknown member stops all, also where the element is wrong otherwise."""
    failure = (
        "unknown attribute 'note' for GitlabSubscriptions::UpcomingReconciliation."
    )
    elements = [element(999, note=1), element(OTHER), element(998)]
    assert put(api, elements) == refusal({"bulk_upsert": failure})
    assert stored(api) == [KNOWN]


def test_columns_that_are_not_the_callers_200(api: Api) -> None:
    """An id or a time of making is no unknown member; both are GitLab's own."""
    assert put(api, [element(OTHER, id=7, created_at="2000-01-01")])[0] == 200


@pytest.mark.parametrize(
    ("elements", "error"),
    [
        ([element(None)], "[namespace_id] is empty"),
        ([element("")], "[namespace_id] is empty"),
        ([element("x")], "[namespace_id] is invalid"),
        ([element("1.5")], "[namespace_id] is invalid"),
        (
            [element(next_reconciliation_date="soon")],
            "[next_reconciliation_date] is invalid",
        ),
        ([element(display_alert_from=[])], "[display_alert_from] is invalid"),
        (
            [{"next_reconciliation_date": "1/1/22", "display_alert_from": "1/1/22"}],
            "[namespace_id] is missing",
        ),
        (
            [{"namespace_id": TOP}],
            (
                "[next_reconciliation_date] is missing, "
                "upcoming_reconciliations[display_alert_from] is missing"
            ),
        ),
        ([1], " is invalid"),
        (1, " is invalid"),
    ],
)
def test_wrong_parameters_400(api: Api, elements: Any, error: str) -> None:
    """Wrong types are told without the place in the list, and nothing is stored."""
    good = [element()] if isinstance(elements, list) else None
    sent = elements + good if good else elements
    expected = {"error": f"upcoming_reconciliations{error}"}
    assert put(api, sent) == (400, expected)
    assert stored(api) == [KNOWN]


def test_put_nothing_400(api: Api) -> None:
    """The list must be there."""
    expected = {"error": "upcoming_reconciliations is missing"}
    assert answer_of(ask(api, "PUT", PATH, {})) == (400, expected)


@pytest.mark.parametrize("elements", [None, "", " "])
def test_put_null_400(api: Api, elements: object) -> None:
    """Null instead of a list, on which GitLab fails, is told in words."""
    text = "400 Bad request - upcoming_reconciliations is invalid"
    assert put(api, elements) == (400, {"message": text})


@pytest.mark.parametrize("form", ["query", "form", "JSON"])
def test_delete_204(api: Api, form: str) -> None:
    """What is stored goes, once: the second time there is nothing, so 404."""

    def delete() -> tuple[int, Any]:
        token, text = {"PRIVATE-TOKEN": "root"}, f"namespace_id={OTHER}"
        if form == "JSON":
            answer = ask(api, "DELETE", PATH, {"namespace_id": OTHER})
        else:
            query, body = (f"?{text}", "") if form == "query" else ("", text)
            answer = api.app.request(
                f"/api/v4{PATH}{query}",
                method="DELETE",
                body=body.encode(),
                headers=token
                | (
                    {"Content-Type": "application/x-www-form-urlencoded"}
                    if body
                    else {}
                ),
                status="*",
            )
        return answer_of(answer)

    assert delete() == (204, None)
    assert stored(api) == []
    assert delete() == (404, {"message": "404 Not Found"})


@pytest.mark.parametrize("namespace_id", [TOP, SUB, UNKNOWN, -1])
def test_delete_nothing_404(api: Api, namespace_id: int) -> None:
    """Namespaces are not looked up: where nothing is stored it is not found."""
    answer = ask(api, "DELETE", PATH, {"namespace_id": namespace_id})
    assert answer_of(answer) == (404, {"message": "404 Not Found"})


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "namespace_id is missing"),
        ({"namespace_id": None}, "namespace_id is empty"),
        ({"namespace_id": "other"}, "namespace_id is invalid"),
    ],
)
def test_delete_wrong_parameters_400(
    api: Api, params: dict[str, Any], error: str
) -> None:
    """The id of a namespace must be there."""
    answer = ask(api, "DELETE", PATH, params)
    assert answer_of(answer) == (400, {"error": error})
    assert stored(api) == [KNOWN]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_admin_first(api: Api, method: str) -> None:
    """Who is no admin is refused before anything is read."""
    for token, status in ((None, 401), ("owner", 403)):
        assert ask(api, method, PATH, {}, token=token).status_int == status
