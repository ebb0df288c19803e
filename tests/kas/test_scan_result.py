"""`POST …/starboard_vulnerability/scan_result` resolves what is no longer found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agent_modules import (
    DOCUMENTED,
    FORBIDDEN,
    NOT_FOUND,
    REPORT,
    VALUES,
    agent,
    answer,
    changed,
    exported,
    findings,
    post,
    put,
    world,
)
from api import Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATH = "starboard_vulnerability/scan_result"
OK = (200, 200)


def finding(uuid: str, **more: Any) -> dict[str, Any]:
    """A finding of `production` in a seed, whose location names agent 9."""
    return {
        "uuid": uuid,
        "project": "team/app",
        "agent": "production",
        "name": "CVE-1",
        "severity": "high",
        "location": located("9"),
    } | more


def located(agent_id: object) -> dict[str, Any]:
    """A location that names an agent."""
    return {"kubernetes_resource": {"agent_id": agent_id}}


def with_findings(*entries: dict[str, Any]) -> dict[str, Any]:
    """A world where these have been found."""
    return world(findings=list(entries))


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """Four findings of `production` are open."""
    return make_api(with_findings(*map(finding, "abcd")))


def resolved(api: Api) -> set[str]:
    """The UUIDs of what is resolved."""
    return {uuid for uuid, state in findings(api).items() if state == "resolved"}


@pytest.mark.parametrize(
    ("uuids", "gone"),
    [
        (["a", "c"], "bd"),
        (["a", "b", "c", "d"], ""),
        (["a", "a", "a"], "bcd"),
        (["x", "y"], "abcd"),
        (["a", "x", ""], "bcd"),
        ([], "abcd"),
        (None, "abcd"),
        ([1, True], "abcd"),
    ],
)
def test_all_others_are_resolved_200(
    api: Api, uuids: list[object] | None, gone: str
) -> None:
    """What is not in the list is resolved; null, as agentk 15 sends it, is no list."""
    for _ in range(5):
        assert answer(post(api, PATH, {"uuids": uuids})) == OK
        assert resolved(api) == set(gone)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
def test_documented_200(demo: Api, path: str) -> None:
    """The documented request answers 200 in the demo, with the status as its body."""
    uuids = [
        "102e8a0a-fe29-59bd-b46c-57c3e9bc6411",
        "5eb12985-0ed5-51f4-b545-fd8871dc2870",
    ]
    response = post(demo, path, {"uuids": uuids}, "demo-agent-token")
    assert answer(response) == OK
    assert response.body == b"200"


@pytest.mark.parametrize(
    ("more", "is_resolved"),
    [
        ({"state": "detected"}, True),
        ({"state": "confirmed"}, True),
        ({"state": "dismissed"}, False),
        ({"location": located(9)}, True),
        ({"location": located("10")}, False),
        ({"location": located("09")}, False),
        ({"location": located("")}, False),
        ({"location": located(None)}, True),
        ({"location": {"kubernetes_resource": {}}}, True),
        ({"location": {}}, True),
        ({"location": {"kubernetes_resource": "x"}}, True),
        ({"agent": "staging"}, True),
        ({"agent": "staging", "location": located("10")}, False),
        ({"agent": "staging", "location": {}}, False),
        ({"agent": "elsewhere", "project": "team/other"}, False),
        (
            {"agent": "elsewhere", "project": "team/other", "location": {}},
            False,
        ),
    ],
)
def test_whose_findings_are_resolved(
    make_api: MakeApi,
    more: dict[str, Any],
    is_resolved: bool,  # noqa: FBT001
) -> None:
    """Open findings in the agent's project that name it, or that it has reported."""
    api = make_api(with_findings(finding("a", **more)))
    before = findings(api)
    assert answer(post(api, PATH, {"uuids": []})) == OK
    assert findings(api) == ({"a": "resolved"} if is_resolved else before)


def test_a_scan_and_the_next_one(make_api: MakeApi, tmp_path: Path) -> None:
    """What a scan no longer finds is resolved for good, and of this agent only."""
    api = make_api(world())
    documented = put(api).json["uuid"]
    reported = put(api, REPORT).json["uuid"]
    other = changed(REPORT, "vulnerability.location.kubernetes_resource.agent_id", "10")
    others = put(api, other, "staging").json["uuid"]
    assert answer(post(api, PATH, {"uuids": [reported]})) == OK
    states = {documented: "resolved", reported: "detected", others: "detected"}
    assert findings(api) == states
    assert put(api).json["uuid"] == documented
    assert findings(api) == states
    assert findings(make_api(exported(api, tmp_path))) == states
    assert answer(post(api, PATH, {"uuids": None}, "staging")) == OK
    assert findings(api) == states | {others: "resolved"}


def test_form_200(api: Api) -> None:
    """A form brings the same parameter."""
    path = f"/api/v4/internal/kubernetes/modules/{PATH}"
    headers = api.kas_headers("production")
    assert api.app.post(path, "uuids[]=a&uuids[]=b", headers=headers).body == b"200"
    assert resolved(api) == {"c", "d"}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "uuids is missing"),
        ([], "uuids is missing"),
        ({"uuids": -1}, "uuids is invalid"),
        ({"uuids": "a"}, "uuids is invalid"),
        ({"uuids": {}}, "uuids is invalid"),
        ({"uuids": ["a", None]}, "uuids is invalid"),
        ({"uuids": [["a"]]}, "uuids is invalid"),
        ({"uuids": [{}]}, "uuids is invalid"),
    ],
)
def test_parameters_400(api: Api, params: object, error: str) -> None:
    """The list must be there, and one of texts; else nothing happens."""
    assert answer(post(api, PATH, params)) == (400, {"error": error})
    assert resolved(api) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"licensed_features": ["security_orchestration_policies"]}},
        {"agents": [agent(9, "production", "team/app", created_by="rep")]},
        {"agents": [agent(9, "production", "team/app", created_by=None)]},
    ],
)
def test_not_allowed_403(make_api: MakeApi, changes: dict[str, Any]) -> None:
    """The agent's creator must be a developer at least, and the feature licensed."""
    api = make_api(world(**changes, findings=[finding("a")]))
    assert answer(post(api, PATH, {"uuids": []})) == (403, FORBIDDEN)
    assert resolved(api) == set()


def test_project_gone_404(make_api: MakeApi) -> None:
    """An agent whose project was deleted finds nothing, after its parameters."""
    project = {"id": 9, "full_path": "team/app", "deleted": True}
    agents = [agent(9, "production", "team/app")]
    api = make_api(world(projects=[project], agents=agents))
    assert answer(post(api, PATH, {"uuids": []})) == (404, NOT_FOUND)
    assert post(api, PATH, {}).status_int == 400
    assert post(api, PATH, {}, "no token").status_int == 401


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.text()) | VALUES)
def test_any_value(api: Api, uuids: object) -> None:
    """Whatever the list is, something is resolved or it is refused."""
    response = post(api, PATH, {"uuids": uuids, "more": DOCUMENTED})
    assert response.status_int in {200, 400}
    if response.status_int == 200:
        assert json.loads(response.body) == 200
