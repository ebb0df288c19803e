"""Who used agents, as newer kas tells it."""

from __future__ import annotations

import pytest
from api import Api, MakeApi
from kas_world import DEVELOPER, GUEST, PUBLIC, WORLD
from webtest import TestResponse

PATH = "kubernetes/agent_events"
EVENTS = [
    f"k8s_api_proxy_requests_unique_users_via_{how}_access"
    for how in ("ci", "user", "pat")
]
REGISTRATION = {
    "project_id": PUBLIC,
    "agent_version": "v17.1.0",
    "architecture": "arm64",
    "agent_id": 1,
    "kubernetes_version": "1.30",
    "extra_telemetry_data": {
        "installation_method": "helm",
        "helm_chart_version": "2.0.0",
    },
}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of the agent server."""
    return make_api(WORLD)


def post(api: Api, params: object, path: str = PATH) -> TestResponse:
    """Send events as kas does."""
    return api.post_json(path, params, headers=api.kas_headers(None))


def members(api: Api) -> list[tuple[str, int]]:
    """Who was there."""
    return sorted(api.rows("SELECT name, member FROM usage_unique_counters"))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_users_are_noted_once_204(api: Api, event: str, path: str) -> None:
    """Users of projects are noted for the event and for the CI tunnel."""
    sent = [
        {"user_id": DEVELOPER, "project_id": PUBLIC},
        {"user_id": str(DEVELOPER), "project_id": PUBLIC},
        {"user_id": GUEST, "project_id": PUBLIC},
        {"user_id": 99, "project_id": PUBLIC},
        {"user_id": DEVELOPER + 2, "project_id": 99},
        {"user_id": 1},
        {"project_id": PUBLIC},
        {},
        None,
    ]
    for _ in range(2):
        answer = post(api, {"events": {event: sent}}, path)
        assert (answer.status_int, answer.body) == (204, b"")
        names = (event, "agent_users_using_ci_tunnel")
        expected = [(name, user) for name in names for user in (DEVELOPER, GUEST)]
        assert members(api) == sorted(expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"events": {}},
        {"events": None},
        {"events": {EVENTS[0]: []}},
        {"events": {EVENTS[0]: None}},
        {"events": {"register_agent_at_kas": [REGISTRATION]}},
        {"events": {"unknown": [{"user_id": DEVELOPER, "project_id": PUBLIC}]}},
        {"unknown": 1},
    ],
)
def test_nothing_to_note_204(api: Api, params: object) -> None:
    """No users, new agents and unknown events leave no trace."""
    answer = post(api, params)
    assert (answer.status_int, answer.body) == (204, b"")
    assert members(api) == []


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"events": 1}, "events is invalid"),
        ({"events": [1]}, "events is invalid"),
        ({"events": {EVENTS[0]: 1}}, f"events[{EVENTS[0]}] is invalid"),
        (
            {"events": {EVENTS[1]: [{"user_id": DEVELOPER}, {"user_id": "x"}]}},
            f"events[{EVENTS[1]}][1][user_id] is invalid",
        ),
        (
            {"events": {"register_agent_at_kas": [REGISTRATION | {"agent_id": "x"}]}},
            "events[register_agent_at_kas][0][agent_id] is invalid",
        ),
    ],
)
def test_invalid_400(api: Api, params: object, error: str) -> None:
    """A wrong type is told as Grape tells it, and nothing is noted."""
    answer = post(api, params)
    assert (answer.status_int, answer.json) == (400, {"error": error})
    assert members(api) == []
