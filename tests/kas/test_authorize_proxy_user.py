"""Which users kas lets through to a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kas_world import (
    AGENT,
    AGENT_TOKEN,
    APP,
    CONFIG_PROJECT,
    DEVELOPER,
    PUBLIC,
    SUB,
    TOP,
    USER_TOKEN,
    WORLD,
)
from webtest import TestResponse

PATH = "kubernetes/authorize_proxy_user"
FORBIDDEN = {"message": "403 Forbidden"}
AS_AGENT, AS_USER = {"access_as": {"agent": {}}}, {"access_as": {"user": {}}}
COOKIE = {"agent_id": AGENT, "access_type": "session_cookie", "access_key": "c"}
TOKEN = {
    "agent_id": AGENT,
    "access_type": "personal_access_token",
    "access_key": USER_TOKEN,
}


def let_in(target: dict[str, str], config: Any = AS_AGENT) -> dict[str, Any]:
    """An entry of a seed: users of a project or a group may use the agent."""
    agent = {"agent": "one", "agent_project": "top/config", "access": "user"}
    return agent | target | {"configuration": config}


PROJECT, GROUP = {"project": "top/public"}, {"group": "top/sub"}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world, where developers of a project may use the agent."""
    return make_api(WORLD | {"agent_authorizations": [let_in(PROJECT)]})


def post(api: Api, params: object, path: str = PATH) -> TestResponse:
    """Ask as kas does."""
    return api.post_json(path, params, headers=api.kas_headers(None))


def test_access_as_agent_201(api: Api) -> None:
    """A developer is let in with the agent's own rights."""
    for path in (PATH, f"{PATH}/"):
        answer = post(api, TOKEN, path)
        assert answer.status_int == 201
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json == {
            "agent": {"id": AGENT, "config_project": {"id": CONFIG_PROJECT}},
            "user": {"id": DEVELOPER, "username": "developer"},
            "access_as": {"agent": {}},
        }


def test_access_as_user_201(make_api: MakeApi) -> None:
    """With the user's own rights, all roles are told of what lets the user in."""
    entries = [PROJECT, {"project": "top/sub/app"}, GROUP, {"group": "top"}]
    named = [let_in(entry, AS_USER) for entry in entries]
    api = make_api(WORLD | {"agent_authorizations": named})
    roles = ["guest", "reporter", "developer", "maintainer"]
    assert post(api, TOKEN).json["access_as"] == {
        "user": {
            "projects": [
                {"id": PUBLIC, "roles": roles[:3]},
                {"id": APP, "roles": roles},
            ],
            "groups": [{"id": SUB, "roles": roles}],
        }
    }
    guest = post(api, TOKEN | {"access_key": "token-of-a-guest"})
    assert (guest.status_int, guest.json) == (403, FORBIDDEN)


def test_group_and_those_above_it_201(make_api: MakeApi) -> None:
    """Members of a group are let in, those of the groups above it, too."""
    for group in ({"group": "top/sub"}, {"group": "top"}):
        api = make_api(WORLD | {"agent_authorizations": [let_in(group)]})
        status = post(api, TOKEN).status_int
        assert status == (201 if group == GROUP else 403)
        with api.database.writing() as connection:
            connection.execute(
                "INSERT INTO members (source_type, source_id, user_id, access_level) "
                "VALUES ('Namespace', ?, ?, 30)",
                (TOP, DEVELOPER),
            )
        assert post(api, TOKEN).status_int == 201


@pytest.mark.parametrize("token", ["token-of-a-guest", "token-of-an-outsider"])
def test_below_developer_403(api: Api, token: str) -> None:
    """A guest and somebody who is no member, even an admin, are kept out."""
    answer = post(api, TOKEN | {"access_key": token})
    assert (answer.status_int, answer.json) == (403, FORBIDDEN)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"access_as": None},
        {"access_as": {}},
        {"access_as": "agent"},
        {"access_as": ["agent"]},
        {"access_as": {"agent": {}, "user": {}}},
        {"access_as": {"ci_job": {}}},
    ],
)
def test_unknown_identity_403(make_api: MakeApi, config: dict[str, Any]) -> None:
    """The configuration says as whom, the agent or the user, and once."""
    api = make_api(WORLD | {"agent_authorizations": [let_in(PROJECT, config)]})
    answer = post(api, TOKEN)
    assert (answer.status_int, answer.json) == (403, FORBIDDEN)


def test_ci_access_is_not_for_users_403(make_api: MakeApi) -> None:
    """What lets jobs in lets no users in; nor does nothing."""
    ci = let_in(PROJECT) | {"access": "ci"}
    for named in ([ci], []):
        api = make_api(WORLD | {"agent_authorizations": named})
        assert post(api, TOKEN).json == FORBIDDEN


def test_configuration_of_an_agent_lets_users_in(make_api: MakeApi) -> None:
    """What `agent_configuration` was told is what counts."""
    api = make_api(WORLD)
    assert post(api, TOKEN).status_int == 403
    config = {"user_access": AS_AGENT | {"projects": [{"id": "top/public"}]}}
    sent = {"agent_id": AGENT, "agent_config": config}
    post(api, sent, "kubernetes/agent_configuration")
    assert post(api, TOKEN).status_int == 201
    post(api, sent | {"agent_config": {}}, "kubernetes/agent_configuration")
    assert post(api, TOKEN).status_int == 403


def test_blocked_user_403(api: Api) -> None:
    """A user who may not log in is kept out."""
    with api.database.writing() as connection:
        connection.execute("UPDATE users SET state = 'blocked'")
    assert post(api, TOKEN).json == FORBIDDEN


# ------------------------------------------------------------------ credentials


def test_session_cookie_401(api: Api) -> None:
    """There are no sessions; the agent is not looked for."""
    for agent_id in (AGENT, -1):
        params = COOKIE | {"csrf_token": "t", "agent_id": agent_id}
        answer = post(api, params)
        body = {"message": "401 Unauthorized - Invalid session"}
        assert (answer.status_int, answer.json) == (401, body)


@pytest.mark.parametrize("token", ["nonexistent", AGENT_TOKEN, "", None])
def test_unknown_token_400(api: Api, token: str | None) -> None:
    """Nobody is found by what is no personal access token."""
    answer = post(api, TOKEN | {"access_key": token})
    body = {"message": "400 Bad request - Unable to get user from request data"}
    assert (answer.status_int, answer.json) == (400, body)


@pytest.mark.parametrize(
    ("token", "description"),
    [
        (
            "old",
            "Token is expired. You can either do re-authorization or token refresh.",
        ),
        ("lost", "Token was revoked. You have to re-authorize from the user."),
    ],
)
def test_void_token_401(api: Api, token: str, description: str) -> None:
    """A token that has expired today or was revoked is told apart."""
    answer = post(api, TOKEN | {"access_key": token})
    body = {"error": "invalid_token", "error_description": description}
    assert (answer.status_int, answer.json) == (401, body)


def test_token_until_tomorrow_201(api: Api) -> None:
    """A token counts until the day on which it expires."""
    params = TOKEN | {"access_key": "young"}
    assert post(api, params).status_int == 201
    api.clock.advance(hours=12)
    assert post(api, params).status_int == 401


def test_insufficient_scope_403(api: Api) -> None:
    """The scope is `k8s_proxy`; not even `api` includes it."""
    answer = post(api, TOKEN | {"access_key": "api"})
    assert (answer.status_int, answer.json) == (
        403,
        {
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided "
            "by the access token.",
            "scope": "k8s_proxy",
        },
    )


def test_use_of_the_token_is_noted_once_a_day(api: Api) -> None:
    """The use of a good token is noted, again when a day has passed."""
    uses = "SELECT last_used_at FROM personal_access_tokens WHERE last_used_at NOT NULL"
    post(api, TOKEN | {"access_key": "lost"})
    assert api.rows(uses) == []
    seen = []
    for _ in range(3):
        post(api, TOKEN)
        seen += api.rows(uses)
        api.clock.advance(hours=12)
    days = ["2022-08-01T12:00:00.000Z"] * 2 + ["2022-08-02T12:00:00.000Z"]
    assert seen == [(day,) for day in days]


@pytest.mark.parametrize("agent_id", [-1, 99, None, ""])
def test_unknown_agent_404(api: Api, agent_id: object) -> None:
    """There is no such record; the token is looked at before."""
    answer = post(api, TOKEN | {"agent_id": agent_id})
    assert (answer.status_int, answer.json) == (404, {"message": "404 Not found"})
    answer = post(api, TOKEN | {"agent_id": agent_id, "access_key": "lost"})
    assert answer.status_int == 401


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "agent_id is missing, access_type is missing, access_key is missing"),
        (COOKIE, "csrf_token is missing"),
        (COOKIE | {"csrf_token": " "}, "csrf_token is empty"),
        (COOKIE | {"csrf_token": None}, "csrf_token is empty"),
        (COOKIE | {"csrf_token": []}, "csrf_token is invalid"),
        (TOKEN | {"agent_id": "x"}, "agent_id is invalid"),
        (TOKEN | {"access_type": "x"}, "access_type does not have a valid value"),
        (TOKEN | {"access_type": None}, "access_type does not have a valid value"),
        (TOKEN | {"access_key": {}}, "access_key is invalid"),
        (
            {"access_type": "session_cookie"},
            "agent_id is missing, access_key is missing, csrf_token is missing",
        ),
    ],
)
def test_invalid_400(api: Api, params: object, error: str) -> None:
    """A missing parameter and a wrong type are told as Grape tells them."""
    answer = post(api, params)
    assert (answer.status_int, answer.json) == (400, {"error": error})


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from([USER_TOKEN, "session_cookie", "personal_access_token", AGENT]),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=4,
)
NAMES = st.sampled_from(["agent_id", "access_type", "access_key", "csrf_token"])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.dictionaries(NAMES, VALUES))
def test_anything(api: Api, odd: dict[str, Any]) -> None:
    """Whatever is sent, the answer is one of those above."""
    answer = api.app.post(
        f"/api/v4/internal/{PATH}",
        json.dumps(TOKEN | odd),
        headers=api.kas_headers(None),
        content_type="application/json",
        status="*",
    )
    assert answer.status_int in {201, 400, 401, 403, 404}
