"""What kas counts, added up."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api import Api, Clock, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestResponse

from internal_api import seeds
from internal_api.repository.database import Database

PATH = "kubernetes/usage_metrics"
SYNC, PROXY = "kubernetes_agent_gitops_sync", "kubernetes_agent_k8s_api_proxy_request"
TUNNEL = "agent_users_using_ci_tunnel"
COUNTERS = [
    "gitops_sync",
    "k8s_api_proxy_request",
    "flux_git_push_notifications_total",
    "k8s_api_proxy_requests_via_ci_access",
    "k8s_api_proxy_requests_via_user_access",
    "k8s_api_proxy_requests_via_pat_access",
]
UNIQUE_COUNTERS = [
    TUNNEL,
    *(
        f"k8s_api_proxy_requests_unique_{who}_via_{how}_access"
        for who in ("users", "agents")
        for how in ("ci", "user", "pat")
    ),
    "flux_git_push_notified_unique_projects",
]
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def post(api: Api, params: object, path: str = PATH) -> TestResponse:
    """Send counts as kas does."""
    return api.post_json(path, params, headers=api.kas_headers(None))


def totals(api: Api) -> dict[str, int]:
    """The totals."""
    return dict(api.rows("SELECT name, value FROM usage_counters"))


def members(api: Api) -> list[tuple[str, int]]:
    """The sets."""
    return api.rows("SELECT name, member FROM usage_unique_counters")


def accept(api: Api, params: object) -> None:
    """Send what is good."""
    answer = post(api, params)
    assert (answer.status_int, answer.body) == (204, b"")


def refuse(api: Api, params: object, body: dict[str, str]) -> None:
    """Send what is refused: nothing of it counts."""
    answer = post(api, params)
    assert (answer.status_int, answer.json) == (400, body)
    assert (totals(api), members(api)) == ({}, [])


def test_documented_usage_metrics_204(demo: Api) -> None:
    """The documented request counts one."""
    accept(demo, {"gitops_sync_count": 1})
    assert totals(demo) == {SYNC: 1}


@pytest.mark.parametrize(
    "params",
    [
        {"gitops_sync_count": 10, "k8s_api_proxy_request_count": 5},
        {"gitops_sync_count": "10", "k8s_api_proxy_request_count": "5"},
        {"counters": {"gitops_sync": 10, "k8s_api_proxy_request": 5}},
        {"counters": {"gitops_sync": "10", "k8s_api_proxy_request": " 5"}},
        {"counters": {"gitops_sync": 10, "k8s_api_proxy_request": 5, "other": -1}},
        {
            "counters": {"gitops_sync": 10, "k8s_api_proxy_request": 5},
            "gitops_sync_count": None,
            "k8s_api_proxy_request_count": "",
        },
    ],
)
def test_both_families_204(demo: Api, params: object) -> None:
    """Old and new names count the same, as often as they are sent."""
    for times in (1, 2, 3):
        accept(demo, params)
        assert totals(demo) == {SYNC: 10 * times, PROXY: 5 * times}


@pytest.mark.parametrize("name", COUNTERS)
def test_every_counter(demo: Api, name: str) -> None:
    """Each has a total of its own."""
    accept(demo, {"counters": {name: 3}})
    accept(demo, {"counters": {name: 4}})
    assert totals(demo) == {f"kubernetes_agent_{name}": 7}


@pytest.mark.parametrize("name", UNIQUE_COUNTERS)
def test_every_unique_counter(demo: Api, name: str) -> None:
    """Each has a set of its own, in which everybody counts once."""
    for _ in range(2):
        accept(demo, {"unique_counters": {name: [10, 999, 777, "10"]}})
    assert sorted(members(demo)) == [(name, 10), (name, 777), (name, 999)]
    assert totals(demo) == {}


def test_example_with_counters_and_sets_204(demo: Api) -> None:
    """Totals and sets come together; members may be added to a set later."""
    params = {
        "counters": {"gitops_sync": 10, "k8s_api_proxy_request": 5},
        "unique_counters": {TUNNEL: [10]},
    }
    accept(demo, params)
    accept(demo, {"unique_counters": {TUNNEL: [11]}})
    assert totals(demo) == {SYNC: 10, PROXY: 5}
    assert sorted(members(demo)) == [(TUNNEL, 10), (TUNNEL, 11)]


@pytest.mark.parametrize(
    "params",
    [
        {},
        [],
        "text",
        {"gitops_sync_count": 0, "k8s_api_proxy_request_count": 0},
        {"gitops_sync_count": None, "k8s_api_proxy_request_count": ""},
        {"counters": {}, "unique_counters": {}},
        {"counters": None, "unique_counters": None},
        {"counters": {"gitops_sync": 0}, "unique_counters": {TUNNEL: []}},
        {"counters": {"gitops_sync": None}, "unique_counters": {TUNNEL: None}},
        {"counters": {"gitops_sync": ""}, "unique_counters": {TUNNEL: ""}},
        {"counters": {"unknown": 1}, "unique_counters": {"unknown": 1}, "unknown": 1},
    ],
)
def test_nothing_to_count_204(demo: Api, params: object) -> None:
    """Noughts, nulls, empty lists and unknown names change nothing."""
    accept(demo, params)
    assert (totals(demo), members(demo)) == ({}, [])


def test_no_body_204(demo: Api) -> None:
    """Nothing at all is good, with or without a trailing slash."""
    for path in (PATH, f"{PATH}/"):
        answer = demo.post(path, headers=demo.kas_headers(None))
        assert (answer.status_int, answer.body) == (204, b"")


def test_form_and_query_204(demo: Api) -> None:
    """Parameters come in a form and in the query, too."""
    headers = demo.kas_headers(None)
    form = f"counters[gitops_sync]=2&unique_counters[{TUNNEL}][]=7"
    assert demo.post(PATH, form, headers=headers).status_int == 204
    path = f"{PATH}?gitops_sync_count=3"
    assert demo.post(path, headers=headers).status_int == 204
    assert totals(demo) == {SYNC: 5}
    assert members(demo) == [(TUNNEL, 7)]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"gitops_sync_count": "x"}, "gitops_sync_count is invalid"),
        ({"gitops_sync_count": True}, "gitops_sync_count is invalid"),
        ({"gitops_sync_count": "1.5"}, "gitops_sync_count is invalid"),
        ({"gitops_sync_count": 2**63}, "gitops_sync_count is invalid"),
        (
            {"k8s_api_proxy_request_count": [1]},
            "k8s_api_proxy_request_count is invalid",
        ),
        ({"counters": {"gitops_sync": "string"}}, "counters[gitops_sync] is invalid"),
        ({"counters": {"gitops_sync": {}}}, "counters[gitops_sync] is invalid"),
        ({"counters": 1}, "counters is invalid"),
        ({"counters": [{"gitops_sync": 1}]}, "counters is invalid"),
        ({"unique_counters": "x"}, "unique_counters is invalid"),
        (
            {"unique_counters": {TUNNEL: 1}},
            f"unique_counters[{TUNNEL}] is invalid",
        ),
        (
            {"unique_counters": {TUNNEL: [1, "x"]}},
            f"unique_counters[{TUNNEL}] is invalid",
        ),
        (
            {"unique_counters": {TUNNEL: [1, None]}},
            f"unique_counters[{TUNNEL}] is invalid",
        ),
        (
            {"gitops_sync_count": 1, "counters": {"gitops_sync": 1}},
            "counters, gitops_sync_count are mutually exclusive",
        ),
        (
            {"k8s_api_proxy_request_count": 1, "counters": {"gitops_sync": 1}},
            "counters, k8s_api_proxy_request_count are mutually exclusive",
        ),
        (
            {
                "gitops_sync_count": 1,
                "k8s_api_proxy_request_count": "x",
                "counters": {"gitops_sync": "y"},
                "unique_counters": {TUNNEL: [5]},
            },
            (
                "k8s_api_proxy_request_count is invalid, counters[gitops_sync] is "
                "invalid, counters, gitops_sync_count are mutually exclusive, "
                "counters, k8s_api_proxy_request_count are mutually exclusive"
            ),
        ),
    ],
)
def test_invalid_400(demo: Api, params: object, error: str) -> None:
    """A wrong type, or old and new names together, is told as Grape tells it."""
    refuse(demo, params, {"error": error})


@pytest.mark.parametrize(
    ("params", "event"),
    [
        ({"gitops_sync_count": -1}, "gitops_sync"),
        ({"k8s_api_proxy_request_count": -1}, "k8s_api_proxy_request"),
        (
            {"gitops_sync_count": 1, "k8s_api_proxy_request_count": -1},
            "k8s_api_proxy_request",
        ),
        (
            {"counters": {"gitops_sync": 1, "k8s_api_proxy_request": -5}},
            "k8s_api_proxy_request",
        ),
        (
            {"counters": {"gitops_sync": -1}, "unique_counters": {TUNNEL: [1]}},
            "gitops_sync",
        ),
    ],
)
def test_negative_400(demo: Api, params: object, event: str) -> None:
    """A negative count is refused with the name of the event, and all with it."""
    text = f"400 Bad request - {event} count must be greater than or equal to zero"
    refuse(demo, params, {"message": text})


def test_total_stays_a_number(demo: Api) -> None:
    """At 64 bits a total stops growing."""
    largest = 2**63 - 1
    for count in (largest - 1, 1, 1, largest):
        accept(demo, {"counters": {"gitops_sync": count}})
    assert totals(demo) == {SYNC: largest}


@pytest.mark.parametrize("member", [0, -5, 2**63 - 1, -(2**63)])
def test_whatever_is_counted_can_be_exported(
    demo: Api, tmp_path: Path, member: int
) -> None:
    """Totals and sets are exported, and load back as they are."""
    accept(demo, {"counters": {"gitops_sync": 2**63 - 1}})
    accept(demo, {"unique_counters": {TUNNEL: [member]}})
    path = tmp_path / "export.yml"
    path.write_text(seeds.export(demo.database))
    other = Database()
    other.create()
    seeds.load(other, [seeds.read(str(path))])
    with other.reading() as connection:
        for table in ("usage_counters", "usage_unique_counters"):
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
            assert rows == demo.rows(f"SELECT * FROM {table}")  # noqa: S608


def test_totals_add_up_under_many_clients(tmp_path: Path, clock: Clock) -> None:
    """Of 32 clients at once not one count is lost."""
    clients, calls = 32, 10
    api = Api(tmp_path, "demo", clock, Database(tmp_path / "usage.db"))

    def count(client: int) -> set[int]:
        params = {
            "counters": {"gitops_sync": 2, "k8s_api_proxy_request": client},
            "unique_counters": {TUNNEL: [client, 1000]},
        }
        return {post(api, params).status_int for _ in range(calls)}

    with ThreadPoolExecutor(clients) as pool:
        assert set().union(*pool.map(count, range(clients))) == {204}
    assert totals(api) == {
        SYNC: 2 * clients * calls,
        PROXY: calls * sum(range(clients)),
    }
    assert len(members(api)) == clients + 1
    api.database.close()


NAMES = [
    "gitops_sync_count",
    "k8s_api_proxy_request_count",
    "counters",
    "unique_counters",
    *COUNTERS,
    *UNIQUE_COUNTERS,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), children, max_size=4)
    ),
    max_leaves=12,
)


@FEW
@given(st.dictionaries(st.sampled_from(NAMES[:4]), JSON) | JSON)
def test_anything(demo: Api, params: Any) -> None:
    """Whatever is sent counts or is refused."""
    answer = demo.app.post(
        f"/api/v4/internal/{PATH}",
        json.dumps(params),
        headers=demo.kas_headers(None),
        content_type="application/json",
        status="*",
    )
    assert answer.status_int in {204, 400}


@FEW
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(COUNTERS[:2]), st.integers(-2, 1000), min_size=1
        ),
        max_size=5,
    )
)
def test_totals_are_sums(make_api: MakeApi, batches: list[dict[str, int]]) -> None:
    """The totals are the sums of the batches without a negative count."""
    api = make_api({})
    good = [batch for batch in batches if min(batch.values()) >= 0]
    for batch in batches:
        status = post(api, {"counters": batch}).status_int
        assert status == (204 if batch in good else 400)
    sums = {
        f"kubernetes_agent_{name}": sum(batch.get(name, 0) for batch in good)
        for name in COUNTERS[:2]
    }
    assert totals(api) == {name: value for name, value in sums.items() if value}
