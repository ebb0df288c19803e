"""What agents are to scan, and when: the policies of their projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from agent_modules import NOT_FOUND, agent, answer, exported, get, world
from api import Api, MakeApi
from hypothesis import given
from hypothesis import strategies as st

from internal_api.scan_schedules import schedules

POLICIES = "scan_execution_policies"
CONFIGURATION = "policies_configuration"
UPDATED_AT = "2022-06-02T05:36:26+00:00"
SCHEDULE: dict[str, Any] = {
    "type": "schedule",
    "cadence": "30 2 * * *",
    "agents": {"production": {"namespaces": ["namespace-a", "namespace-b"]}},
}
CONFIGURED = {
    "cadence": "30 2 * * *",
    "namespaces": ["namespace-a", "namespace-b"],
    "updated_at": UPDATED_AT,
}
DOCUMENTED = {
    "name": "Policy",
    "description": "Policy description",
    "enabled": True,
    "yaml": "---\nname: Policy\ndescription: 'Policy description'\nenabled: true\n"
    "actions:\n- scan: container_scanning\nrules:\n- type: pipeline\n  branches:\n"
    "  - main\n",
    "updated_at": UPDATED_AT,
}


def document(**changes: Any) -> str:
    """A policy in YAML: one that has production scanned every night."""
    actions = [{"scan": "container_scanning"}]
    return yaml.safe_dump({"actions": actions, "rules": [SCHEDULE]} | changes)


def policy(text: str, name: str = "nightly", **more: Any) -> dict[str, Any]:
    """A policy of a seed."""
    return {"name": name, "yaml": text, "updated_at": UPDATED_AT} | more


def with_policies(*policies: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A world whose team/app has these."""
    project = {"id": 9, "full_path": "team/app"}
    other = {"id": 7, "full_path": "team/other"}
    return world(
        projects=[project | {POLICIES: list(policies)}, other],
        **changes,
    )


def rule(**changes: Any) -> str:
    """A policy whose rule is changed."""
    return document(rules=[SCHEDULE | changes])


# ------------------------------------------------------------------ the list


def test_documented_policy_200(demo: Api) -> None:
    """The documented policy is answered, and the other one of the demo."""
    status, body = answer(get(demo, POLICIES, "demo-agent-token"))
    assert status == 200
    assert body["policies"][0] == DOCUMENTED
    assert [each["name"] for each in body["policies"]] == ["Policy", "Nightly scan"]


def test_policies_200(make_api: MakeApi) -> None:
    """All are answered in their order, disabled and malformed ones too."""
    api = make_api(
        with_policies(
            policy("[", "z", enabled=False, description="D"),
            policy("", "a", description=None),
        )
    )
    last = {"description": None, "enabled": True, "yaml": "", "updated_at": UPDATED_AT}
    first = last | {"description": "D", "enabled": False, "yaml": "["}
    expected = {"policies": [{"name": "z"} | first, {"name": "a"} | last]}
    assert answer(get(api, POLICIES)) == (200, expected)


def test_agents_of_a_project_share_its_policies(make_api: MakeApi) -> None:
    """Policies are the project's; those of others are not seen."""
    api = make_api(with_policies(policy("")))
    assert get(api, POLICIES, "staging").json == get(api, POLICIES).json
    empty: dict[str, Any] = {"policies": []}
    assert answer(get(api, POLICIES, "elsewhere")) == (200, empty)


# ------------------------------------------------------------------ the schedules


def test_documented_configuration_200(demo: Api) -> None:
    """The documented answer is that of the demo."""
    response = get(demo, CONFIGURATION, "demo-agent-token")
    assert answer(response) == (200, {"configurations": [CONFIGURED]})


@pytest.mark.parametrize(
    "text",
    [
        document(),
        document(actions=[{"scan": "cluster_image_scanning"}]),
        document(actions=[{"scan": "dast"}, {"scan": "container_scanning"}]),
        document(enabled=False),
        document(rules=[{"type": "pipeline"}, SCHEDULE, {}]),
        rule(agents=SCHEDULE["agents"] | {"staging": None}),
    ],
)
def test_scheduled_200(make_api: MakeApi, text: str) -> None:
    """An enabled policy that scans clusters tells when; the seed enables it."""
    api = make_api(with_policies(policy(text)))
    expected = {"configurations": [CONFIGURED]}
    assert answer(get(api, CONFIGURATION)) == (200, expected)


@pytest.mark.parametrize(
    ("namespaces", "answered"),
    [
        (["a"], ["a"]),
        ([], []),
        (None, []),
        ("a", ["a"]),
        ([1, "b", None], ["1", "b"]),
    ],
)
def test_namespaces(make_api: MakeApi, namespaces: object, answered: list[str]) -> None:
    """Namespaces are always a list; an empty one stands for all of them."""
    text = rule(agents={"production": {"namespaces": namespaces}})
    api = make_api(with_policies(policy(text)))
    assert get(api, CONFIGURATION).json["configurations"] == [
        CONFIGURED | {"namespaces": answered}
    ]


@pytest.mark.parametrize("agents", [{"production": None}, {"production": {}}])
def test_no_namespaces(make_api: MakeApi, agents: dict[str, Any]) -> None:
    """An agent that is merely named scans all namespaces."""
    api = make_api(with_policies(policy(rule(agents=agents))))
    (configuration,) = get(api, CONFIGURATION).json["configurations"]
    assert configuration["namespaces"] == []


@pytest.mark.parametrize(
    "text",
    [
        rule(agents={"staging": {"namespaces": ["a"]}}),
        rule(agents={}),
        rule(agents=None),
        rule(agents=["production"]),
        rule(type="pipeline"),
        rule(type=["schedule"]),
        rule(cadence=None),
        document(actions=[{"scan": "dast"}]),
        document(actions=[{"scan": ["container_scanning"]}]),
        document(actions=["container_scanning"]),
        document(actions=[]),
        document(actions=None),
        document(rules=None),
        document(rules=["schedule"]),
        document(rules=SCHEDULE),
        "",
        "text",
        "[",
        "- a",
        "a: !!int x",
        "a: !!timestamp x",
        "a: !!bool x",
        "a: !!python/object:os.system x",
        "a: 2022-99-99",
        "&a [*a]",
        "? [a]\n: b",
    ],
)
def test_not_scheduled_200(make_api: MakeApi, text: str) -> None:
    """Other agents, rules and scans say nothing, and nor does what is malformed."""
    api = make_api(with_policies(policy(text)))
    assert answer(get(api, CONFIGURATION)) == (200, {"configurations": []})


def test_disabled_200(make_api: MakeApi) -> None:
    """A disabled policy says nothing."""
    api = make_api(with_policies(policy(document(), enabled=False)))
    assert answer(get(api, CONFIGURATION)) == (200, {"configurations": []})


def test_no_policies_200(make_api: MakeApi) -> None:
    """A project without policies has nothing scanned."""
    api = make_api(world())
    assert answer(get(api, CONFIGURATION)) == (200, {"configurations": []})


def test_each_rule_of_each_policy(make_api: MakeApi) -> None:
    """Rules and policies are answered in their order, each with its policy's time."""
    weekly = SCHEDULE | {"cadence": "0 0 * * 0"}
    earlier = "2020-01-02T03:04:05+00:00"
    api = make_api(
        with_policies(
            policy(document(rules=[weekly, SCHEDULE]), "b", updated_at=earlier),
            policy(document(), "a"),
        )
    )
    assert get(api, CONFIGURATION).json["configurations"] == [
        CONFIGURED | {"cadence": "0 0 * * 0", "updated_at": earlier},
        CONFIGURED | {"updated_at": earlier},
        CONFIGURED,
    ]
    assert get(api, CONFIGURATION, "staging").json == {"configurations": []}


def test_updated_at_is_rfc_3339(make_api: MakeApi) -> None:
    """The time has seconds, no fractions, and the offset of UTC."""
    text = "2022-06-02T07:36:26.789+02:00"
    api = make_api(with_policies(policy(document(), updated_at=text)))
    assert get(api, CONFIGURATION).json["configurations"] == [CONFIGURED]


def test_changed_policy(make_api: MakeApi, tmp_path: Path) -> None:
    """Another version of a policy is read anew."""
    api = make_api(with_policies(policy(document())))
    assert get(api, CONFIGURATION).json["configurations"] == [CONFIGURED]
    with api.database.writing() as connection:
        connection.execute(
            "UPDATE scan_execution_policies SET yaml = ?", (rule(cadence="0 0 * * *"),)
        )
    (configuration,) = get(api, CONFIGURATION).json["configurations"]
    assert configuration["cadence"] == "0 0 * * *"
    second = make_api(exported(api, tmp_path))
    assert get(second, CONFIGURATION).json == get(api, CONFIGURATION).json
    assert get(second, POLICIES).json == get(api, POLICIES).json


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["scan", "type", "cadence", "agents", "namespaces"])
                | st.sampled_from(["actions", "rules", "production"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from(["actions", "rules", "agents", "production"]),
)
def test_any_policy(value: object, member: str) -> None:
    """Whatever a policy holds, its schedules are texts and lists of texts."""
    agents = {"production": value, "staging": value}
    text = (
        rule(agents=agents if member == "production" else value)
        if member in {"agents", "production"}
        else document(**{member: value})
    )
    for schedule in schedules(text):
        assert isinstance(schedule.cadence, str)
        for namespaces in schedule.namespaces.values():
            assert all(isinstance(namespace, str) for namespace in namespaces)


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize("path", [POLICIES, CONFIGURATION])
@pytest.mark.parametrize(
    ("features", "status"),
    [
        ([], 404),
        (["cluster_image_scanning", "cilium_alerts"], 404),
        (["security_orchestration_policies"], 200),
        ("all", 200),
    ],
)
def test_licensed(make_api: MakeApi, path: str, features: object, status: int) -> None:
    """Without a license there is nothing, as agents of 15.x expect it."""
    settings = {"licensed_features": features}
    api = make_api(with_policies(policy(document()), settings=settings))
    response = get(api, path)
    assert response.status_int == status
    if status == 404:
        assert answer(response) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", [POLICIES, CONFIGURATION])
def test_project_gone_404(make_api: MakeApi, path: str) -> None:
    """An agent whose project was deleted finds nothing."""
    project = {"id": 9, "full_path": "team/app", "deleted": True}
    agents = [agent(9, "production", "team/app")]
    api = make_api(world(projects=[project], agents=agents))
    assert answer(get(api, path)) == (404, NOT_FOUND)
    assert get(api, path, "no token").status_int == 401


@pytest.mark.parametrize("path", [POLICIES, CONFIGURATION])
def test_anybody_s_agent_200(make_api: MakeApi, path: str) -> None:
    """Nobody asks who made the agent, and a slash at the end changes nothing."""
    agents = [agent(9, "production", "team/app", created_by=None)]
    api = make_api(with_policies(policy(document()), agents=agents))
    assert get(api, path).status_int == 200
    assert answer(get(api, f"{path}/")) == answer(get(api, path))
