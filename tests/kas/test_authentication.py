"""Who may call the routes of the agent server."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import jwt
import pytest
from api import KAS_SECRET, PREFIX, SHELL_SECRET, Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kas_world import (
    AGENT_TOKEN,
    OTHER_AGENT,
    OTHER_TOKEN,
    REVOKED_TOKEN,
    USER_TOKEN,
    WORLD,
)
from tokens import forge as forge_with

forge = partial(forge_with, secret=KAS_SECRET)
HEADER = "Gitlab-Kas-Api-Request"
AGENT_INFO = "kubernetes/agent_info"
KAS_INVALID = {"message": "KAS JWT authentication invalid"}
UNAUTHORIZED = {"message": "401 Unauthorized"}
HS256, ISSUER = '{"alg":"HS256"}', '{"iss":"gitlab-kas"}'
MODULES = "kubernetes/modules/starboard_vulnerability"
AGENT_ROUTES = [
    ("GET", AGENT_INFO),
    ("GET", "agents/agentk/agent_info"),
    ("GET", "kubernetes/project_info"),
    ("GET", "kubernetes/verify_project_access"),
    ("POST", "kubernetes/modules/cilium_alert"),
    ("PUT", MODULES),
    ("POST", f"{MODULES}/scan_result"),
    ("GET", f"{MODULES}/policies_configuration"),
    ("GET", f"{MODULES}/scan_execution_policies"),
]
SERVER_ROUTES = [
    ("POST", "kubernetes/usage_metrics"),
    ("POST", "kubernetes/agent_configuration"),
    ("POST", "kubernetes/agent_events"),
    ("POST", "kubernetes/authorize_proxy_user"),
]
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of the agent server."""
    return make_api(WORLD)


def call(api: Api, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Call without parameters.

    Returns:
        Status and body, None for an empty one.
    """
    answer = api.app.request(
        PREFIX + path, method=method, headers=headers, expect_errors=True
    )
    return answer.status_int, answer.json if answer.body else None


def status_of(api: Api, token: str, path: str = AGENT_INFO) -> int:
    """The status of a call with this JWT and a good agent token."""
    headers = {HEADER: token, "Authorization": f"Bearer {AGENT_TOKEN}"}
    answer = api.get(path, headers=headers)
    if answer.status_int != 200:
        assert answer.content_type == "application/json"
        assert answer.json == KAS_INVALID
    return answer.status_int


# ------------------------------------------------------------------ both credentials


@pytest.mark.parametrize(("method", "path"), AGENT_ROUTES + SERVER_ROUTES)
def test_every_route_wants_the_jwt_first(api: Api, method: str, path: str) -> None:
    """Without the JWT, or with a wrong one, the agent token is not looked at."""
    bearer = {"Authorization": f"Bearer {AGENT_TOKEN}"}
    for headers in (
        {},
        bearer,
        {HEADER: ""} | bearer,
        {HEADER: "x"} | bearer,
        api.headers() | bearer,
        api.kas_headers("wrong", exp=1),
    ):
        assert call(api, method, path, headers) == (401, KAS_INVALID)
        assert call(api, method, f"{path}/", headers) == (401, KAS_INVALID)


@pytest.mark.parametrize(("method", "path"), AGENT_ROUTES)
@pytest.mark.parametrize(
    "token",
    [None, "NONEXISTENT", REVOKED_TOKEN, USER_TOKEN, "token-of-a-job", AGENT_TOKEN[1:]],
)
def test_agent_routes_want_an_agent_token(
    api: Api, method: str, path: str, token: str | None
) -> None:
    """No token, an unknown or a revoked one, and a user's or a job's are refused."""
    answer = call(api, method, path, api.kas_headers(token))
    assert answer == (401, UNAUTHORIZED)


@pytest.mark.parametrize(("method", "path"), AGENT_ROUTES)
def test_agent_routes_with_both(api: Api, method: str, path: str) -> None:
    """With both credentials the route answers, whatever the parameters lack."""
    status, _body = call(api, method, path, api.kas_headers(AGENT_TOKEN))
    assert status in {200, 400, 404}


@pytest.mark.parametrize(("method", "path"), SERVER_ROUTES)
@pytest.mark.parametrize("token", [None, "NONEXISTENT", REVOKED_TOKEN])
def test_server_routes_want_no_agent_token(
    api: Api, method: str, path: str, token: str | None
) -> None:
    """The routes for the agent server itself look at the JWT only."""
    status, _body = call(api, method, path, api.kas_headers(token))
    assert status in {204, 400}


def test_an_agent_token_opens_no_other_route(api: Api) -> None:
    """Neither credential of the agent server counts for GitLab Shell's routes."""
    headers = api.kas_headers(AGENT_TOKEN)
    assert call(api, "GET", "check", headers) == (401, UNAUTHORIZED)
    answer = api.app.get("/api/v4/job/allowed_agents", headers=headers, status=401)
    assert answer.json == UNAUTHORIZED


# ------------------------------------------------------------------ JWT


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": None, "nbf": None, "iat": None, "aud": None},
        {"aud": "gitlab"},
        {"aud": ["other", "gitlab"]},
        {"iat": 2**40},
        {"iat": "yesterday"},
        {"exp": 2**70},
        {"jti": "7f8e", "sub": 7},
    ],
)
def test_jwt_200(api: Api, claims: dict[str, Any]) -> None:
    """A token of gitlab-kas is accepted; `iat` is not looked at."""
    token = api.kas_headers()[HEADER]
    assert status_of(api, token) == 200
    payload = jwt.decode(token, options={"verify_signature": False}) | claims
    payload = {name: value for name, value in payload.items() if value is not None}
    assert status_of(api, forge(HS256, json.dumps(payload))) == 200


@pytest.mark.parametrize(
    "issuer", [None, "", "gitlab-workhorse", "gitlab-shell", "Gitlab-Kas"]
)
def test_jwt_of_another_issuer_401(api: Api, issuer: str | None) -> None:
    """`iss` is `gitlab-kas`."""
    headers = api.kas_headers(AGENT_TOKEN, iss=issuer)
    assert call(api, "GET", AGENT_INFO, headers) == (401, KAS_INVALID)


@pytest.mark.parametrize("issuer", ['["gitlab-kas"]', "1", "null", "{}"])
def test_jwt_with_an_issuer_that_is_no_text_401(api: Api, issuer: str) -> None:
    """`iss` is a text."""
    assert status_of(api, forge(HS256, f'{{"iss":{issuer}}}')) == 401


@pytest.mark.parametrize(
    "audience", ['""', '"gitlab-kas"', "[]", '["other"]', '[["gitlab"]]', "null", "{}"]
)
def test_jwt_for_somebody_else_401(api: Api, audience: str) -> None:
    """`aud`, where it is there, names `gitlab`."""
    payload = f'{{"iss":"gitlab-kas","aud":{audience}}}'
    assert status_of(api, forge(HS256, payload)) == 401


def test_jwt_with_another_secret_401(api: Api) -> None:
    """The key is the decoded secret: neither its Base64 nor the Shell's secret."""
    assert status_of(api, forge(HS256, ISSUER)) == 200
    encoded = base64.b64encode(KAS_SECRET)
    for secret in (bytes(32), b"", SHELL_SECRET, encoded, encoded + b"\n"):
        assert status_of(api, forge(HS256, ISSUER, secret=secret)) == 401


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_jwt_with_another_algorithm_401(api: Api, algorithm: str) -> None:
    """Only HS256 counts, though the secret is right."""
    key = None if algorithm == "none" else KAS_SECRET
    assert status_of(api, jwt.encode({"iss": "gitlab-kas"}, key, algorithm)) == 401


@pytest.mark.parametrize(
    "algorithm", ["RS256", "none", "None", "hs256", "", None, 1, [], ["HS256"], {}]
)
def test_jwt_that_names_another_algorithm_401(api: Api, algorithm: object) -> None:
    """A token signed with HS256 is refused where it says something else."""
    header = json.dumps({"typ": "JWT", "alg": algorithm})
    assert status_of(api, forge(header, ISSUER)) == 401


@pytest.mark.parametrize(
    ("claims", "advance_s", "status"),
    [
        ({"exp": 1}, 0, 200),
        ({"exp": 1}, 0.9, 200),
        ({"exp": 1}, 1, 401),
        ({"exp": 0}, 0, 401),
        ({"exp": -1}, 0, 401),
        ({"nbf": 0}, 0, 200),
        ({"nbf": 1}, 0, 401),
        ({"nbf": 1}, 0.9, 401),
        ({"nbf": 1}, 1, 200),
    ],
)
def test_jwt_times(
    api: Api, claims: dict[str, Any], advance_s: float, status: int
) -> None:
    """`exp` and `nbf` hold to the second; a token seen before grows old too."""
    now = int(api.clock().timestamp())
    times = {name: now + offset for name, offset in claims.items()}
    token = forge(HS256, json.dumps({"iss": "gitlab-kas"} | times))
    at_once = 200 if claims.get("exp", 1) > 0 and claims.get("nbf", 0) <= 0 else 401
    assert status_of(api, token) == at_once
    api.clock.advance(seconds=advance_s)
    assert status_of(api, token) == status


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize("value", ['"1659355260"', "[]", "{}", "true", "null", "1e999"])
def test_jwt_with_a_time_that_is_no_number_401(
    api: Api, claim: str, value: str
) -> None:
    """Times are numbers that are finite."""
    payload = f'{{"iss":"gitlab-kas","{claim}":{value}}}'
    assert status_of(api, forge(HS256, payload)) == 401


@pytest.mark.parametrize(
    "token", ["", " ", ".", "..", "a.b.c", "é.é.é", "\xff\xfe", "x" * 9000]
)
def test_garbage_instead_of_a_jwt_401(api: Api, token: str) -> None:
    """What is no token is refused."""
    assert status_of(api, token) == 401


def test_jwt_with_one_character_changed_401(api: Api) -> None:
    """Wherever one character changes, the token is another one."""
    token = api.kas_headers()[HEADER]
    assert status_of(api, token) == 200
    for index in range(len(token) - 1):
        other = "A" if token[index] != "A" else "B"
        assert status_of(api, token[:index] + other + token[index + 1 :]) == 401, index


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
NAMES = st.sampled_from(["alg", "typ", "crit", "iss", "aud", "exp", "nbf", "iat"])


@FEW
@given(
    header=st.dictionaries(NAMES, JSON) | JSON,
    payload=st.dictionaries(NAMES, JSON) | JSON,
)
def test_signed_jwt_of_anything(api: Api, header: object, payload: object) -> None:
    """A token with the right signature and any content is accepted or refused."""
    if isinstance(header, dict):
        header = {"alg": "HS256"} | header
    if isinstance(payload, dict):
        payload = {"iss": "gitlab-kas"} | payload
    token = forge(json.dumps(header), json.dumps(payload))
    assert status_of(api, token) in {200, 401}


# ------------------------------------------------------------------ agent token


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {AGENT_TOKEN}", 200),
        (f"Token {AGENT_TOKEN}", 200),
        (f"Bearer  {AGENT_TOKEN}", 200),
        (f"bearer {AGENT_TOKEN}", 401),
        (f"BEARER {AGENT_TOKEN}", 401),
        (f"token {AGENT_TOKEN}", 401),
        (f"Basic {AGENT_TOKEN}", 401),
        (AGENT_TOKEN, 401),
        ("Bearer", 401),
        (f"Bearer{AGENT_TOKEN}", 401),
        (f"Bearer {AGENT_TOKEN}, x", 401),
        (f"Bearer {AGENT_TOKEN.upper()}", 401),
        ("Bearer \xff", 401),
    ],
)
def test_authorization(api: Api, authorization: str, status: int) -> None:
    """The scheme is `Bearer` or `Token`, as written here, then the whole token."""
    headers = api.kas_headers(None) | {"Authorization": authorization}
    answer = api.get(AGENT_INFO, headers=headers)
    assert answer.status_int == status
    if status == 401:
        assert answer.json == UNAUTHORIZED


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Gitlab-Agentk-Api-Request": AGENT_TOKEN}, 200),
        ({"Gitlab-Agentk-Api-Request": AGENT_TOKEN, "Authorization": ""}, 200),
        ({"Gitlab-Agentk-Api-Request": AGENT_TOKEN, "Authorization": "Bearer x"}, 401),
        ({"Gitlab-Agentk-Api-Request": AGENT_TOKEN, "Authorization": "Basic x"}, 401),
        ({"Gitlab-Agentk-Api-Request": f"Bearer {AGENT_TOKEN}"}, 401),
        ({"Gitlab-Agentk-Api-Request": REVOKED_TOKEN}, 401),
        ({"Gitlab-Agentk-Api-Request": ""}, 401),
        ({"PRIVATE-TOKEN": AGENT_TOKEN}, 401),
    ],
)
def test_header_of_newer_agent_servers(
    api: Api, headers: dict[str, str], status: int
) -> None:
    """The newer header holds the bare token, and counts without the older one only."""
    answer = api.get(AGENT_INFO, headers=api.kas_headers(None) | headers)
    assert answer.status_int == status


def test_tokens_are_their_agents(api: Api) -> None:
    """Each token stands for its own agent."""
    answer = api.get(AGENT_INFO, headers=api.kas_headers(OTHER_TOKEN))
    assert answer.json["agent_id"] == OTHER_AGENT


@FEW
@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"])))
def test_any_agent_token_401(api: Api, token: str) -> None:
    """Any text is refused that is no agent's token."""
    for name in ("Authorization", "Gitlab-Agentk-Api-Request"):
        answer = api.get(AGENT_INFO, headers=api.kas_headers(None) | {name: token})
        assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


# ------------------------------------------------------------------ last_used_at

USES = (
    "SELECT last_used_at FROM cluster_agent_tokens "
    "WHERE last_used_at IS NOT NULL ORDER BY last_used_at"
)


def test_use_of_a_token_is_noted(api: Api) -> None:
    """The first use is noted, and again when the last one is 40 minutes ago."""
    minutes = []
    for _ in range(3):
        api.get(AGENT_INFO, headers=api.kas_headers(AGENT_TOKEN))
        minutes += api.rows(USES)
        api.clock.advance(minutes=20)
    assert minutes == [
        ("2022-08-01T12:00:00.000Z",),
        ("2022-08-01T12:00:00.000Z",),
        ("2022-08-01T12:40:00.000Z",),
    ]


def test_use_of_a_token_with_bad_parameters_is_noted(api: Api) -> None:
    """Whoever is known has used the token, whatever is answered."""
    headers = api.kas_headers(AGENT_TOKEN)
    assert api.get("kubernetes/project_info", headers=headers).status_int == 404
    assert len(api.rows(USES)) == 1


def test_refused_use_is_not_noted(api: Api) -> None:
    """Neither a wrong JWT nor a revoked token leaves a trace."""
    api.get(AGENT_INFO, headers=api.kas_headers(AGENT_TOKEN, exp=1))
    api.get(AGENT_INFO, headers=api.kas_headers(REVOKED_TOKEN))
    assert api.rows(USES) == []


def test_token_that_is_revoked_meanwhile_401(api: Api) -> None:
    """A token that was good a moment ago is not remembered."""
    headers = api.kas_headers(AGENT_TOKEN)
    assert api.get(AGENT_INFO, headers=headers).status_int == 200
    with api.database.writing() as connection:
        connection.execute("UPDATE cluster_agent_tokens SET revoked = 1")
    assert api.get(AGENT_INFO, headers=headers).json == UNAUTHORIZED
