"""`/namespaces/…/storage/limit_exclusion`: where the limit of storage does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import OTHER, SUB, TOP, UNKNOWN, WORLD, answer_of, ask

ALL = "/namespaces/storage/limit_exclusions"
REASON = "a reason to exclude the Namespace"
ROOT_ONLY = (400, {"message": "400 Bad request - must use a root namespace"})
NOT_FOUND = (404, {"message": "404 Namespace Not Found"})


def path_of(namespace: object) -> str:
    """The path of a namespace's exclusion."""
    return f"/namespaces/{namespace}/storage/limit_exclusion"


def exclude(api: Api, namespace: object, reason: Any = REASON) -> tuple[int, Any]:
    """The answer to an exclusion."""
    return answer_of(ask(api, "POST", path_of(namespace), {"reason": reason}))


def test_exclude_and_list_and_include(api: Api) -> None:
    """Exclusions are answered with their ids, listed in their order, and go again."""
    first = {
        "id": 1,
        "namespace_id": TOP,
        "namespace_name": "Top",
        "reason": REASON,
    }
    second = {
        "id": 2,
        "namespace_id": OTHER,
        "namespace_name": "Other",
        "reason": "5",
    }
    assert answer_of(ask(api, "GET", ALL)) == (200, [])
    assert exclude(api, "top") == (201, first)
    assert exclude(api, OTHER, 5) == (201, second)
    assert answer_of(ask(api, "GET", ALL)) == (200, [first, second])
    assert answer_of(ask(api, "DELETE", path_of(TOP))) == (204, None)
    assert answer_of(ask(api, "GET", ALL)) == (200, [second])


def test_exclude_again_400(api: Api) -> None:
    """A namespace is excluded once, with the first reason."""
    exclude(api, TOP)
    text = "400 Bad request - already excluded"
    assert exclude(api, TOP, "another") == (400, {"message": text})
    assert [each["reason"] for each in ask(api, "GET", ALL).json] == [REASON]


def test_include_what_is_not_excluded_400(api: Api) -> None:
    """What is not excluded cannot be included again."""
    answer = ask(api, "DELETE", path_of(TOP))
    text = "400 Bad request - not excluded"
    assert answer_of(answer) == (400, {"message": text})


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        (SUB, ROOT_ONLY),
        ("top%2Fsub.group", ROOT_ONLY),
        (UNKNOWN, NOT_FOUND),
        ("top%2Fapp", NOT_FOUND),
    ],
)
def test_only_top_level_namespaces(
    api: Api, namespace: object, expected: tuple[int, Any]
) -> None:
    """Groups within others have no exclusion of their own."""
    assert exclude(api, namespace) == expected
    assert answer_of(ask(api, "DELETE", path_of(namespace))) == expected


@pytest.mark.parametrize(
    ("reason", "errors"),
    [
        (None, ["can't be blank"]),
        ("", ["can't be blank"]),
        (" ", ["can't be blank"]),
        ("x" * 256, ["is too long (maximum is 255 characters)"]),
    ],
)
def test_reason_400(api: Api, reason: object, errors: list[str]) -> None:
    """There is a reason, of at most 255 characters."""
    assert exclude(api, TOP, reason) == (400, {"message": {"reason": errors}})
    assert ask(api, "GET", ALL).json == []


@pytest.mark.parametrize("token", ["root", "owner"])
@pytest.mark.parametrize(
    ("params", "error"),
    [({}, "reason is missing"), ({"reason": []}, "reason is invalid")],
)
def test_parameters_first_400(
    api: Api, params: dict[str, Any], error: str, token: str
) -> None:
    """Parameters are checked before the caller is asked to be an admin."""
    answer = ask(api, "POST", path_of(UNKNOWN), params, token=token)
    assert answer_of(answer) == (400, {"error": error})


def test_also_elsewhere_than_on_gitlab_com(make_api: MakeApi) -> None:
    """Only reconciliations depend on whether the instance is GitLab.com."""
    api = make_api(WORLD | {"settings": {"gitlab_com": False}})
    assert answer_of(ask(api, "GET", ALL)) == (200, [])


@pytest.fixture
def crowd(make_api: MakeApi) -> Api:
    """An API with 45 exclusions."""
    groups = [{"full_path": f"g{number}"} for number in range(45)]
    exclusions = [
        {"id": number + 1, "namespace": f"g{number}", "reason": "x"}
        for number in range(45)
    ]
    world = {"groups": groups, "storage_limit_exclusions": exclusions}
    return make_api(WORLD | world)


@pytest.mark.parametrize(
    ("query", "ids", "headers"),
    [
        ("", range(1, 21), (45, 3, 20, 1, "", 2)),
        ("?page=2", range(21, 41), (45, 3, 20, 2, 1, 3)),
        ("?page=3", range(41, 46), (45, 3, 20, 3, 2, "")),
        ("?page=4", (), (45, 3, 20, 4, "", "")),
        ("?page=0", range(1, 21), (45, 3, 20, 1, "", 2)),
        ("?page=-9", range(1, 21), (45, 3, 20, 1, "", 2)),
        ("?page=&per_page=", range(1, 21), (45, 3, 20, 1, "", 2)),
        ("?per_page=2", range(1, 3), (45, 23, 2, 1, "", 2)),
        ("?per_page=0", range(1, 21), (45, 3, 20, 1, "", 2)),
        ("?per_page=1000", range(1, 46), (45, 1, 100, 1, "", "")),
        (f"?page={2**63 - 1}", (), (45, 3, 20, 2**63 - 1, "", "")),
    ],
)
def test_pages(crowd: Api, query: str, ids: range, headers: tuple[object, ...]) -> None:
    """The list comes in pages, and headers tell which one of how many it is."""
    answer = ask(crowd, "GET", ALL + query)
    assert [exclusion["id"] for exclusion in answer.json] == list(ids)
    names = ("Total", "Total-Pages", "Per-Page", "Page", "Prev-Page", "Next-Page")
    told = tuple(answer.headers[f"X-{name}"] for name in names)
    assert told == tuple(map(str, headers))


@pytest.mark.parametrize("name", ["page", "per_page"])
def test_pages_are_numbers_400(api: Api, name: str) -> None:
    """A page that is no number is refused."""
    answer = ask(api, "GET", f"{ALL}?{name}=x")
    assert answer_of(answer) == (400, {"error": f"{name} is invalid"})


def test_a_namespace_called_storage(make_api: MakeApi) -> None:
    """The word in the path of the list may be a namespace elsewhere."""
    api = make_api(WORLD | {"groups": [{"id": 5, "full_path": "storage"}]})
    assert exclude(api, "storage")[1]["namespace_id"] == 5
    answer = ask(api, "GET", "/namespaces/storage/gitlab_subscription")
    assert answer.status_int == 200
