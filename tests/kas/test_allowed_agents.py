"""Which agents a CI job may use."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from kas_world import (
    AGENT,
    AGENT_TOKEN,
    APP,
    CONFIG_PROJECT,
    DEVELOPER,
    OTHER_AGENT,
    OWNER,
    PERSONAL,
    PERSONAL_AGENT,
    SUB,
    TOP,
    USER_TOKEN,
    WORLD,
)
from webtest import TestResponse

from internal_api import environments

PATH = "/api/v4/job/allowed_agents"
UNAUTHORIZED = {"message": "401 Unauthorized"}
JOB, DEPLOYMENT = "token-of-a-job", "token-of-a-deployment"
ROLES = ["guest", "reporter", "developer", "maintainer", "owner"]


def get(api: Api, token: str = JOB, **headers: str) -> TestResponse:
    """Ask as kas does, without a JWT."""
    return api.app.get(PATH, headers={"Job-Token": token} | headers, status="*")


def allow(**members: Any) -> dict[str, Any]:
    """An entry of a seed: jobs of a project or a group may use an agent."""
    agent = {"agent": "one", "agent_project": "top/config", "access": "ci"}
    return agent | members


def allowed(api: Api, token: str = JOB) -> dict[int, Any]:
    """The configurations of the agents, by id, in the order of the answer."""
    found = get(api, token).json["allowed_agents"]
    return {agent["id"]: agent["configuration"] for agent in found}


def test_allowed_agents_200(make_api: MakeApi) -> None:
    """The agents, and for whom and what the job runs."""
    config = {"default_namespace": "web", "access_as": {"agent": {}}}
    named = [allow(project="top/sub/app", configuration=config)]
    api = make_api(WORLD | {"agent_authorizations": named})
    for path in (PATH, f"{PATH}/"):
        answer = api.app.get(path, headers={"Job-Token": JOB})
        assert answer.status_int == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json == {
            "allowed_agents": [
                {
                    "id": AGENT,
                    "config_project": {"id": CONFIG_PROJECT},
                    "configuration": config,
                }
            ],
            "job": {"id": 5},
            "pipeline": {"id": 6},
            "project": {"id": APP, "groups": [{"id": TOP}, {"id": SUB}]},
            "user": {
                "id": DEVELOPER,
                "username": "developer",
                "roles_in_project": ROLES[:4],
            },
        }


def test_environment_200(make_api: MakeApi) -> None:
    """Of a job that deploys the environment is told."""
    answer = get(make_api(WORLD), DEPLOYMENT).json
    assert answer["environment"] == {
        "slug": "review-feature-1-1q251u",
        "tier": "development",
    }
    assert answer["user"] == {
        "id": OWNER,
        "username": "owner",
        "roles_in_project": ROLES,
    }


def test_no_agent_200(make_api: MakeApi) -> None:
    """A job may be allowed none."""
    assert allowed(make_api(WORLD)) == {}


def test_agents_of_the_project_itself(make_api: MakeApi) -> None:
    """Jobs may use the agents of their own project, without any configuration."""
    api = make_api(WORLD)
    assert allowed(api, DEPLOYMENT) == {AGENT: {}}
    answer = get(api, "token-of-a-personal-job").json
    assert answer["project"] == {"id": PERSONAL, "groups": []}
    assert [agent["id"] for agent in answer["allowed_agents"]] == [PERSONAL_AGENT]


def test_nearest_configuration_counts(make_api: MakeApi) -> None:
    """The project wins over its own agents, those over groups, near over far ones."""
    far = allow(group="top", configuration={"from": "top"})
    near = allow(group="top/sub", configuration={"from": "top/sub"})
    project = allow(project="top/sub/app", configuration={"from": "project"})
    own = allow(project="top/config", configuration={"from": "own"})
    for named, of_app, of_own in (
        ([far], "top", None),
        ([near, far], "top/sub", None),
        ([far, project, near], "project", None),
        ([far, own], "top", "own"),
    ):
        api = make_api(WORLD | {"agent_authorizations": named})
        assert allowed(api) == {AGENT: {"from": of_app}}
        expected = {} if of_own is None else {"from": of_own}
        assert allowed(api, DEPLOYMENT) == {AGENT: expected}


def test_order(make_api: MakeApi) -> None:
    """Agents that name the project come first, then its own, then those of groups."""
    agents = [
        {"id": 30 + number, "name": f"a{number}", "project": project}
        for number, project in enumerate(["top/config", "top/sub/app", "top/config"])
    ]
    named = [
        allow(agent="a0", group="top"),
        allow(agent="a2", project="top/sub/app"),
    ]
    seed = {"agents": WORLD["agents"] + agents, "agent_authorizations": named}
    assert list(allowed(make_api(WORLD | seed))) == [32, 31, 30]


def test_agents_from_elsewhere_are_left_out(make_api: MakeApi) -> None:
    """Neither another root group's agents, nor those of deleted projects, nor users."""
    named = [
        allow(agent="two", agent_project="other/public", project="top/sub/app"),
        allow(agent="three", agent_project="top/deleted", group="top"),
        allow(access="user", project="top/sub/app"),
        allow(project="top/public"),
        allow(group="other"),
    ]
    api = make_api(WORLD | {"agent_authorizations": named})
    assert allowed(api) == {}
    assert api.rows(
        "SELECT count(*) FROM agent_authorizations WHERE agent_id = ?", OTHER_AGENT
    ) == [(1,)]


@pytest.mark.parametrize(
    ("patterns", "for_job", "for_deployment"),
    [
        (None, True, True),
        ([], True, True),
        ("", True, True),
        (["review/*"], False, True),
        (["production", "*"], False, True),
        (["review/feature-1"], False, True),
        ("review/*", False, True),
        (["production"], False, False),
        (["review"], False, False),
        ([None, 1, {}], False, False),
        (True, False, False),
    ],
)
def test_environments(
    make_api: MakeApi,
    patterns: object,
    for_job: bool,  # noqa: FBT001
    for_deployment: bool,  # noqa: FBT001
) -> None:
    """An agent that is for some environments is for jobs that deploy to those."""
    config = {"environments": patterns}
    targets = ("top/sub/app", "top/config")
    named = [allow(project=target, configuration=config) for target in targets]
    api = make_api(WORLD | {"agent_authorizations": named})
    assert (AGENT in allowed(api)) == for_job
    assert (AGENT in allowed(api, DEPLOYMENT)) == for_deployment


# ------------------------------------------------------------------ credentials


@pytest.mark.parametrize(
    "token",
    ["", "nonexistent", JOB[1:], AGENT_TOKEN, USER_TOKEN, "token-of-a-homeless-job"],
)
def test_wrong_token_401(make_api: MakeApi, token: str) -> None:
    """Only the token of a job whose project is there is accepted."""
    answer = get(make_api(WORLD), token)
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


def test_no_token_401(make_api: MakeApi) -> None:
    """Other credentials do not count here, not even both of kas."""
    api = make_api(WORLD)
    bearer = {"Authorization": f"Bearer {JOB}"}
    for headers in ({}, bearer, api.kas_headers(AGENT_TOKEN), api.headers()):
        answer = api.app.get(PATH, headers=headers, status="*")
        assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("name", ["job_token", "token"])
def test_token_as_a_parameter(make_api: MakeApi, name: str) -> None:
    """The token may be a parameter, which wins over the header."""
    api = make_api(WORLD)
    assert api.app.get(PATH, {name: JOB}).json["job"] == {"id": 5}
    headers = {"Job-Token": JOB}
    answer = api.app.get(PATH, {name: "wrong"}, headers=headers, status="*")
    assert answer.status_int == 401
    answer = api.app.get(PATH, {f"{name}[]": JOB}, status="*")
    assert answer.status_int == 401


def test_job_of_a_blocked_user_403(make_api: MakeApi) -> None:
    """Whoever may not use GitLab any more is told so."""
    api = make_api(WORLD)
    with api.database.writing() as connection:
        connection.execute("UPDATE users SET state = 'blocked'")
    answer = get(api)
    body = {"message": "403 Forbidden - Your account has been blocked."}
    assert (answer.status_int, answer.json) == (403, body)


# ------------------------------------------------------------------ environments


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("production", "production"),
        ("staging-1234567890123456", "staging-1234567890123456"),
        ("staging-12345678-", "staging-12345678"),
        ("foo-", "foo"),
        ("review/feature-1", "review-feature-1-1q251u"),
    ],
)
def test_slug(name: str, slug: str) -> None:
    """A name that is a slug already stays as it is, but for a dash at the end."""
    assert environments.slug(name) == slug


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("PRODUCTION", "production-"),
        ("staging-12345678901234567", "staging-123456789-"),
        ("staging-1234567890123456-", "staging-123456789-"),
        ("staging-12345678-01234567", "staging-12345678-"),
        ("9-staging-123456789012345", "env-9-staging-123-"),
        ("1-foo", "env-1-foo-"),
        ("*-foo", "env-foo-"),
        ("foo--bar", "foo-bar-"),
        ("foo**bar", "foo-bar-"),
        ("", "env-"),
        ("\u0663", "env-"),
    ],
)
def test_slug_with_a_suffix(name: str, start: str) -> None:
    """Any other name is shortened, and gets six characters of its own."""
    slug = environments.slug(name)
    assert slug.startswith(start)
    assert len(slug) == len(start) + 6
    assert environments.slug(f"{name}x") != slug


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("review/x", "development"),
        ("DEV", "development"),
        ("qa", "testing"),
        ("acceptance", "testing"),
        ("stg", "staging"),
        ("model", "staging"),
        ("prd", "production"),
        ("Live", "production"),
        ("canary", "other"),
    ],
)
def test_tier(name: str, tier: str) -> None:
    """What an environment is for is guessed from its name."""
    assert environments.tier(name) == tier
