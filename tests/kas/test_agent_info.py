"""Whose token it is, and where the agent's configuration lies."""

from __future__ import annotations

import hashlib

import pytest
from api import Api, MakeApi
from kas_world import AGENT, AGENT_TOKEN, CONFIG_PROJECT, HOMELESS_TOKEN, WORLD

PATHS = ["kubernetes/agent_info", "agents/agentk/agent_info"]


def disk_path(project_id: int) -> str:
    """Where GitLab keeps the repository of a project."""
    digest = hashlib.sha256(str(project_id).encode()).hexdigest()
    return f"@hashed/{digest[:2]}/{digest[2:4]}/{digest}.git"


@pytest.mark.parametrize("path", [*PATHS, *(f"{path}/" for path in PATHS)])
def test_agent_info_200(make_api: MakeApi, path: str) -> None:
    """The agent, and all that is needed to read its project, also an empty one."""
    api = make_api(WORLD)
    answer = api.get(path, headers=api.kas_headers(AGENT_TOKEN))
    assert answer.status_int == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {
        "project_id": CONFIG_PROJECT,
        "agent_id": AGENT,
        "agent_name": "one",
        "gitaly_info": {
            "address": "tcp://gitaly:8075",
            "token": "secret",
            "features": {"gitaly-feature-x": "true", "gitaly-feature-y": "false"},
        },
        "gitaly_repository": {
            "storage_name": "fast",
            "relative_path": disk_path(CONFIG_PROJECT),
            "gl_repository": f"project-{CONFIG_PROJECT}",
            "gl_project_path": "top/config",
        },
        "default_branch": "trunk",
    }


@pytest.mark.parametrize("path", PATHS)
def test_documented_agent_info_200(demo: Api, path: str) -> None:
    """The documented request is answered, without any parameters."""
    answer = demo.get(path, headers=demo.kas_headers())
    assert answer.status_int == 200
    body = answer.json
    assert (body["project_id"], body["agent_id"], body["agent_name"]) == (
        3,
        9,
        "production",
    )
    assert body["gitaly_info"] == {
        "address": "unix:/Users/bvl/repos/gitlab/gitaly.socket",
        "token": None,
        "features": {},
    }
    assert body["gitaly_repository"]["gl_project_path"] == "gnuwget/wget2"
    assert body["default_branch"] == "main"


@pytest.mark.parametrize("path", PATHS)
def test_agent_of_a_deleted_project_404(make_api: MakeApi, path: str) -> None:
    """There is nothing to configure the agent with: kas gives up on it."""
    api = make_api(WORLD)
    answer = api.get(path, headers=api.kas_headers(HOMELESS_TOKEN))
    assert (answer.status_int, answer.json) == (404, {"message": "404 Not Found"})


def test_agent_info_tells_what_changed(demo: Api) -> None:
    """What was answered a moment ago is not remembered over a change."""
    headers = demo.kas_headers()
    assert demo.get(PATHS[0], headers=headers).json["default_branch"] == "main"
    with demo.database.writing() as connection:
        connection.execute("UPDATE projects SET default_branch = 'new' WHERE id = 3")
        connection.execute("UPDATE cluster_agents SET name = 'renamed'")
    body = demo.get(PATHS[0], headers=headers).json
    assert (body["default_branch"], body["agent_name"]) == ("new", "renamed")


def test_agents_of_one_project_are_told_apart(make_api: MakeApi) -> None:
    """Each is answered its own name, however often both ask."""
    agents = [
        {"name": name, "project": "top/config", "tokens": [{"token": f"of-{name}"}]}
        for name in ("first", "second")
    ]
    api = make_api(WORLD | {"agents": agents})
    for name in ("first", "second") * 2:
        answer = api.get(PATHS[0], headers=api.kas_headers(f"of-{name}"))
        assert answer.json["agent_name"] == name
