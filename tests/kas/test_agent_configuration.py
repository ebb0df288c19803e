"""Whom an agent's configuration lets in is what was sent last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kas_world import (
    AGENT,
    APP,
    CONFIG_PROJECT,
    OTHER_AGENT,
    PERSONAL,
    PERSONAL_AGENT,
    PUBLIC,
    SUB,
    TOP,
    WORLD,
)
from webtest import TestResponse

from internal_api import seeds
from internal_api.repository.database import Database

PATH = "kubernetes/agent_configuration"
ROWS = """SELECT agent_id, access, coalesce('p' || project_id, 'g' || group_id), config
    FROM agent_authorizations ORDER BY 1, 2, 3"""
AS_AGENT = {"access_as": {"agent": {}}}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of the agent server."""
    return make_api(WORLD)


def post(api: Api, params: object, path: str = PATH) -> TestResponse:
    """Send what kas read."""
    return api.post_json(path, params, headers=api.kas_headers(None))


def configure(api: Api, config: object, agent_id: object = AGENT) -> None:
    """Send a good configuration."""
    answer = post(api, {"agent_id": agent_id, "agent_config": config})
    assert (answer.status_int, answer.body) == (204, b"")


def let_in(api: Api, agent_id: int = AGENT) -> dict[tuple[str, str], Any]:
    """The configurations, by the kind of access and `p` or `g` with an id."""
    return {
        (access, target): json.loads(config)
        for agent, access, target, config in api.rows(ROWS)
        if agent == agent_id
    }


def projects(*paths: str, **config: Any) -> dict[str, Any]:
    """A configuration that names projects for CI."""
    entries = [{"id": path, **config} for path in paths]
    return {"ci_access": {"projects": entries}}


def test_ci_access_204(api: Api) -> None:
    """Projects and groups are kept with the rest of what stands beside their path."""
    for path in (PATH, f"{PATH}/"):
        params = {
            "agent_id": AGENT,
            "agent_config": {
                "ci_access": {
                    "projects": [
                        {"id": "top/public", "default_namespace": "web"},
                        {"id": "TOP/Sub/app", "access_as": {"ci_job": {}}},
                    ],
                    "groups": [{"id": "top"}, {"id": "top/SUB", "environments": ["a"]}],
                }
            },
        }
        answer = post(api, params, path)
        assert (answer.status_int, answer.body) == (204, b"")
        assert let_in(api) == {
            ("ci", f"p{PUBLIC}"): {"default_namespace": "web"},
            ("ci", f"p{APP}"): {"access_as": {"ci_job": {}}},
            ("ci", f"g{TOP}"): {},
            ("ci", f"g{SUB}"): {"environments": ["a"]},
        }


def test_user_access_204(api: Api) -> None:
    """For users only the identity is kept, the same for all projects and groups."""
    user_access = {
        "projects": [{"id": "top/public", "x": 1}],
        "groups": [{"id": "top/sub"}],
    }
    configure(api, {"user_access": AS_AGENT | user_access})
    assert let_in(api) == {
        ("user", f"p{PUBLIC}"): AS_AGENT,
        ("user", f"g{SUB}"): AS_AGENT,
    }
    configure(api, {"user_access": user_access})
    assert let_in(api) == {("user", f"p{PUBLIC}"): {}, ("user", f"g{SUB}"): {}}


def test_both_kinds_are_apart(api: Api) -> None:
    """A project may be let in both ways; a configuration replaces both."""
    both = projects("top/public") | {
        "user_access": AS_AGENT | projects("top/public")["ci_access"]
    }
    configure(api, both)
    assert set(let_in(api)) == {("ci", f"p{PUBLIC}"), ("user", f"p{PUBLIC}")}
    configure(api, projects("top/public"))
    assert set(let_in(api)) == {("ci", f"p{PUBLIC}")}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"ci_access": None, "user_access": None},
        {"ci_access": {}, "user_access": {}},
        {"ci_access": {"projects": [], "groups": []}},
        {"ci_access": {"projects": None, "groups": None}},
        {"gitops": {"manifest_projects": []}, "observability": {}},
        "{}",
        projects("top/none"),
    ],
)
def test_empty_configuration_removes_all(api: Api, config: object) -> None:
    """What is not named any more is let in no more; other agents keep theirs."""
    configure(api, {"ci_access": {"groups": [{"id": "other"}]}}, OTHER_AGENT)
    configure(api, projects("top/public", "top/sub/app"))
    configure(api, config)
    assert let_in(api) == {}
    assert len(let_in(api, OTHER_AGENT)) == 1


def test_configuration_replaces(api: Api) -> None:
    """What is named again has the new configuration, and is there once."""
    configure(api, projects("top/public", "top/sub/app", default_namespace="old"))
    configure(api, projects("top/public", "top/config", default_namespace="new"))
    assert let_in(api) == {
        ("ci", f"p{PUBLIC}"): {"default_namespace": "new"},
        ("ci", f"p{CONFIG_PROJECT}"): {"default_namespace": "new"},
    }


def test_unknown_paths_are_left_out(api: Api) -> None:
    """Only what exists below the root group of the agent's project is let in."""
    names = ["top/none", "other/public", "owner/personal", "top/deleted", "former/path"]
    groups = ["none", "other", "owner", "top/public", ""]
    entries = {
        "projects": [{"id": name} for name in [*names, "top", "top/public"]],
        "groups": [{"id": name} for name in [*groups, "top/sub"]],
    }
    configure(api, {"ci_access": entries, "user_access": entries})
    kept = [f"g{SUB}", f"p{PUBLIC}"]
    expected = [(access, target) for access in ("ci", "user") for target in kept]
    assert list(let_in(api)) == expected


def test_agent_of_a_personal_project(api: Api) -> None:
    """It lets in the projects of that user, and no groups."""
    entries = {
        "projects": [{"id": "owner/personal"}, {"id": "top/public"}],
        "groups": [{"id": "owner"}, {"id": "top"}],
    }
    configure(api, {"ci_access": entries}, PERSONAL_AGENT)
    assert set(let_in(api, PERSONAL_AGENT)) == {("ci", f"p{PERSONAL}")}


def test_first_hundred_count(make_api: MakeApi) -> None:
    """Of projects and of groups the first 100 each count, of each kind."""
    names = [f"g/p{index}" for index in range(101)]
    api = make_api(
        {
            "projects": [{"full_path": name} for name in [*names, "g/config"]],
            "groups": [{"full_path": f"g/g{index}"} for index in range(101)],
            "agents": [{"id": 1, "name": "a", "project": "g/config"}],
        }
    )
    entries = {
        "projects": [{"id": name} for name in names],
        "groups": [{"id": f"g/g{index}"} for index in range(101)],
    }
    configure(api, {"ci_access": entries, "user_access": entries}, 1)
    count = (
        "SELECT access, count(project_id), count(group_id) FROM agent_authorizations"
    )
    assert api.rows(f"{count} GROUP BY access") == [
        ("ci", 100, 100),
        ("user", 100, 100),
    ]
    missing = api.rows(
        """SELECT path FROM routes WHERE source_type = 'Project' AND source_id NOT IN
        (SELECT project_id FROM agent_authorizations WHERE project_id IS NOT NULL)
        ORDER BY path"""
    )
    assert missing == [("g/config",), ("g/p100",)]


def test_project_named_twice(api: Api) -> None:
    """The last entry counts."""
    entries = [{"id": "top/public", "n": 1}, {"id": "TOP/public", "n": 2}]
    configure(api, {"ci_access": {"projects": entries}})
    assert let_in(api) == {("ci", f"p{PUBLIC}"): {"n": 2}}


@pytest.mark.parametrize("agent_id", [str(AGENT), f" {AGENT}"])
def test_agent_id_as_text_204(api: Api, agent_id: str) -> None:
    """Newer kas sends the id as a text, and the configuration may be one as well."""
    configure(api, json.dumps(projects("top/public")), agent_id)
    assert set(let_in(api)) == {("ci", f"p{PUBLIC}")}


@pytest.mark.parametrize("agent_id", [-1, 0, 99, 2**63 - 1, None, ""])
def test_unknown_agent_404(api: Api, agent_id: object) -> None:
    """There is no such record."""
    answer = post(api, {"agent_id": agent_id, "agent_config": {}})
    assert (answer.status_int, answer.json) == (404, {"message": "404 Not found"})


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"agent_id": AGENT}, "agent_config is missing"),
        ({"agent_config": {}}, "agent_id is missing"),
        ({}, "agent_id is missing, agent_config is missing"),
        ({"agent_id": "x", "agent_config": {}}, "agent_id is invalid"),
        ({"agent_id": 2**63, "agent_config": {}}, "agent_id is invalid"),
        ({"agent_id": AGENT, "agent_config": 1}, "agent_config is invalid"),
        ({"agent_id": AGENT, "agent_config": []}, "agent_config is invalid"),
        ({"agent_id": AGENT, "agent_config": "{"}, "agent_config is invalid"),
        ({"agent_id": AGENT, "agent_config": "[1]"}, "agent_config is invalid"),
    ],
)
def test_invalid_400(api: Api, params: object, error: str) -> None:
    """A missing parameter and a wrong type are told as Grape tells them."""
    answer = post(api, params)
    assert (answer.status_int, answer.json) == (400, {"error": error})


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        {"ci_access": 1},
        {"ci_access": [{"projects": []}]},
        {"user_access": "x"},
        {"ci_access": {"projects": {"id": "top/public"}}},
        {"ci_access": {"projects": "top/public"}},
        {"ci_access": {"projects": ["top/public"]}},
        {"ci_access": {"projects": [{"id": "top/public"}, {}]}},
        {"ci_access": {"groups": [{"id": None}]}},
        {"user_access": {"groups": [{"id": 7}]}},
        {"user_access": {"projects": [None]}},
    ],
)
def test_odd_configuration_400(api: Api, config: object) -> None:
    """One of another shape is refused, and nothing changes."""
    configure(api, projects("top/public"))
    answer = post(api, {"agent_id": AGENT, "agent_config": config})
    assert answer.status_int == 400
    message = answer.json["message"]
    assert message.startswith("400 Bad request - agent_config")
    assert message.endswith(" is invalid")
    assert set(let_in(api)) == {("ci", f"p{PUBLIC}")}


def nested(levels: int) -> object:
    """A value of so many levels."""
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        "\u2028 \x7f \U0001f600: - #",
        "- a\n- b",
        "a\n\n  b\n",
        10**30,
        -(10**30),
        1e300,
        "null",
        "1.5",
        [{"": {}}],
        nested(96),
    ],
)
def test_whatever_is_kept_can_be_exported(
    api: Api, tmp_path: Path, value: object
) -> None:
    """Any configuration is exported, and loads back as it was sent."""
    config = projects("top/public", value=value)
    answer = post(api, {"agent_id": AGENT, "agent_config": json.dumps(config)})
    assert answer.status_int == 204
    path = tmp_path / "export.yml"
    path.write_text(seeds.export(api.database, api.clock()))
    database = Database()
    database.create()
    seeds.load(database, [seeds.read(str(path))])
    with database.reading() as connection:
        ((loaded,),) = connection.execute("SELECT config FROM agent_authorizations")
    assert json.loads(loaded) == let_in(api)["ci", f"p{PUBLIC}"] == {"value": value}


def test_too_deep_400(api: Api) -> None:
    """What is nested deeper than GitLab reads is refused."""
    config = projects("top/public", value=nested(97))
    answer = post(api, {"agent_id": AGENT, "agent_config": json.dumps(config)})
    assert answer.status_int == 400


NAMES = ["ci_access", "user_access", "projects", "groups", "id", "access_as"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["top/public", "top/sub", "top"])
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), children)
    ),
    max_leaves=12,
)
ENTRIES = st.lists(st.fixed_dictionaries({"id": JSON}, optional={"x": JSON}))
SECTION = st.fixed_dictionaries(
    {}, optional={"projects": ENTRIES | JSON, "groups": ENTRIES, "access_as": JSON}
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.fixed_dictionaries({"ci_access": SECTION | JSON, "user_access": SECTION}) | JSON
)
def test_anything(api: Api, config: object) -> None:
    """Whatever is sent is kept, and can be exported, or refused."""
    params = {"agent_id": AGENT, "agent_config": config}
    assert post(api, params).status_int in {204, 400}
    seeds.export(api.database, api.clock())
