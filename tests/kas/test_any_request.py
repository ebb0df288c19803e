"""Whatever kas and agents send, the service does not fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api import PREFIX, Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kas_world import AGENT_TOKEN, WORLD

from internal_api.app import routes

METHODS = {"on_get": "GET", "on_post": "POST", "on_put": "PUT"}
KAS_ROUTES = [
    (method, path)
    for path, resource in routes()
    for name, method in METHODS.items()
    if hasattr(resource, name)
    and path.startswith((f"{PREFIX}kubernetes", f"{PREFIX}agents", "/api/v4/job"))
]
NAMES = [
    *("id", "agent_id", "agent_config", "ci_access", "user_access", "projects"),
    *("groups", "access_type", "access_key", "csrf_token", "counters", "gitops_sync"),
    *("unique_counters", "gitops_sync_count", "agent_users_using_ci_tunnel", "events"),
    *("k8s_api_proxy_requests_unique_users_via_ci_access", "register_agent_at_kas"),
    *("alert", "vulnerability", "scanner", "location", "uuids"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["1", "top/public", "session_cookie", "personal_access_token"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), children, max_size=4)
    ),
    max_leaves=10,
)
LATIN = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of the agent server."""
    return make_api(WORLD)


def test_every_route_is_there() -> None:
    """No route of the agent server is left out below."""
    assert len(KAS_ROUTES) == 14


@pytest.mark.parametrize(("method", "path"), KAS_ROUTES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    params=st.dictionaries(st.sampled_from(NAMES), VALUES) | VALUES,
    headers=st.dictionaries(
        st.sampled_from(["Gitlab-Agentk-Api-Request", "Accept", "Content-Type"]), LATIN
    ),
    query=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9),
)
def test_any_request(  # noqa: PLR0913 - what a request has
    api: Api,
    *,
    method: str,
    path: str,
    params: Any,
    headers: dict[str, str],
    query: str,
) -> None:
    """With good credentials any query, headers and body are answered, without 5xx."""
    credentials = api.kas_headers(AGENT_TOKEN) | {"Job-Token": "token-of-a-job"}
    for body_headers in (
        credentials | headers,
        credentials | {"Content-Type": "application/json"},
    ):
        answer = api.app.request(
            path,
            method=method,
            headers=body_headers,
            environ={"QUERY_STRING": query},
            body=json.dumps(params).encode(),
            expect_errors=True,
        )
        assert answer.status_int < 500
        if answer.body and answer.content_type == "application/json":
            assert answer.json is not None
