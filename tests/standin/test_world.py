"""What the control routes tell about the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from standin_api import StandinApi

from internal_api.standin.world import MOST_CANDIDATES

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
# Everything that decides about a push, in several ways.
PUSHES = {
    "settings": {"scim_token": "hush-scim"},
    "users": [
        {"id": 101, "username": "dev", "personal_access_tokens": []},
        {"id": 102, "username": "maintainer"},
        {"id": 103, "username": "blocked", "state": "blocked"},
        {"id": 104, "username": "shared"},
        {"id": 105, "username": "reporter"},
        {"id": 106, "username": "blocked-admin", "admin": True, "state": "banned"},
        {"id": 107, "username": "awaiting"},
        {"id": 108, "username": "outsider", "external": True},
    ],
    "groups": [
        {"full_path": "other", "members": {"shared": "owner"}},
        {
            "full_path": "team",
            "members": {
                "dev": "developer",
                "maintainer": "maintainer",
                "blocked": "owner",
                "reporter": "reporter",
                "awaiting": {"access_level": "owner", "state": "awaiting"},
            },
            "shared_with": {"other": "developer"},
        },
    ],
    "projects": [
        {
            "id": 201,
            "full_path": "team/app",
            "protected_branches": [
                {"name": "main"},
                {"name": "next", "push": "developer"},
                {"name": "release/*", "push": "no_one"},
            ],
        },
        {"id": 202, "full_path": "team/sub/archived", "archived": True},
        {"id": 203, "full_path": "team/fresh", "empty": True},
        {"id": 204, "full_path": "dev/own"},
        {
            "id": 205,
            "full_path": "team/open",
            "visibility": "internal",
            "merge_requests_open": [
                {
                    "iid": 1,
                    "source_branch": "fix",
                    "target_branch": "main",
                    "allow_collaboration": True,
                }
            ],
        },
        {"id": 206, "full_path": "team/off", "repository": "disabled"},
        {"id": 207, "full_path": "team/gone", "deleted": True},
        {"id": 208, "full_path": "team/read-only", "repository_read_only": True},
    ],
    "deploy_keys": [
        {
            "id": 301,
            "key": f"{KEY}B writer",
            "user": "maintainer",
            "projects": {"team/app": "write", "team/open": "read"},
        },
        {"id": 302, "key": f"{KEY}C reader", "projects": {"team/app": "read"}},
    ],
    "subscriptions": [
        {"namespace": "team", "start_date": "2022-01-01", "plan_code": "premium"}
    ],
}


@pytest.fixture
def pushes(api: StandinApi) -> StandinApi:
    """An API whose projects let some push."""
    answer = api.control("POST", "seed", PUSHES)
    assert answer.status_int == 200, answer
    return api


def projects(api: StandinApi) -> dict[str, dict[str, Any]]:
    """The projects by path."""
    listed = api.get("world/projects")["projects"]
    return {project["full_path"]: project for project in listed}


def may_push(api: StandinApi, project: str, **params: Any) -> bool:
    """What GitLab's own route says."""
    push = {"action": "git-receive-pack", "project": project, "protocol": "ssh"}
    answer = api.api.post_json("allowed", {"changes": "_any", **push, **params})
    return bool(answer.json["status"])


def attempts(
    api: StandinApi, project: dict[str, Any], **actor: Any
) -> Iterator[str | None]:
    """The protected branches that somebody may push to; None is for some branch."""
    path = project["full_path"]
    if may_push(api, path, **actor):
        yield None
        for branch in project["protected_branches"]:
            change = f"{'1' * 40} {'2' * 40} refs/heads/{branch['name']}"
            if may_push(api, path, changes=change, **actor):
                yield branch["name"]


def test_those_listed_are_whom_allowed_lets_push(pushes: StandinApi) -> None:
    """A list of pushers names those whom `/allowed` lets push, and no others."""
    users = pushes.get("world/users")["users"]
    actors = {user["username"]: {"username": user["username"]} for user in users}
    actors |= {f"deploy key {id_}": {"key_id": id_} for id_ in (301, 302)}
    found = projects(pushes)
    assert len(found) == 10
    for project in found.values():
        listed = {
            pusher["name"]: [None, *pusher["branches"]] for pusher in project["pushers"]
        }
        # A merge request lets those push who are nothing to the project.
        others = listed.pop("everybody", [])
        for name, actor in actors.items():
            allowed = list(attempts(pushes, project, **actor))
            if name in listed or name == "sidney":
                assert allowed == listed.get(name, others), (name, project)
            else:
                assert allowed in ([], others), (name, project)


def test_pushers_of_a_project(pushes: StandinApi) -> None:
    """A project tells who may push, by which right, and to which protected branch."""
    found = projects(pushes)
    assert found["team/app"]["pushers"] == [
        {"name": "root", "role": "admin", "branches": ["main", "next"]},
        {"name": "deploy key 301", "role": "deploy key", "branches": ["main", "next"]},
        {"name": "shared", "role": "developer", "branches": ["next"]},
        {"name": "maintainer", "role": "maintainer", "branches": ["main", "next"]},
        {"name": "dev", "role": "developer", "branches": ["next"]},
    ]
    assert found["team/app"]["protected_branches"][2] == {
        "name": "release/*",
        "push": "no_one",
        "merge": "maintainer",
        "allow_force_push": False,
    }
    everybody = {"name": "everybody", "role": "merge request", "branches": []}
    assert everybody in found["team/open"]["pushers"]
    for path in ("team/sub/archived", "team/off", "team/read-only"):
        assert found[path]["pushers"] == []
    assert "team/gone" not in found


def test_many_candidates_are_cut(api: StandinApi) -> None:
    """Of a large team the first are asked, and it is told that there are more."""
    names = [f"user-{number:03}" for number in range(MOST_CANDIDATES + 20)]
    members = dict.fromkeys(names, "guest") | {names[-1]: "owner"}
    seed = {
        "users": [{"username": name} for name in names],
        "projects": [{"full_path": "large/team", "members": members}],
    }
    assert api.control("POST", "seed", seed).status_int == 200
    found = projects(api)
    assert found["large/team"]["more_pushers"] is True
    roles = {each["name"]: each["role"] for each in found["large/team"]["pushers"]}
    assert roles == {"root": "admin", names[-1]: "owner"}
    assert found["gnuwget/wget2"]["more_pushers"] is False


def test_totals(pushes: StandinApi) -> None:
    """The overview counts what the lists hold."""
    totals = pushes.get("world")
    assert totals == {
        "users": 14,  # the ghost owns the other deploy key
        "keys": 4,
        "projects": 10,
        "groups": 11,
        "agents": 1,
        "subscriptions": 1,
    }
    for name, total in totals.items():
        answer = pushes.get(f"world/{name}")
        assert answer.keys() == {"total", name}
        assert (answer["total"], len(answer[name])) == (total, total)


@pytest.mark.parametrize(
    ("name", "search", "found"),
    [
        ("users", "EICHMANN", ["rubi"]),
        ("users", "name@example.com", ["username"]),
        ("users", "100%25", []),
        ("keys", "admin@", ["admin@example.com"]),
        ("keys", "RUBI", ["rubi@example.com"]),
        ("keys", "HUWWMnl4PZ4/W2hx4QU", ["rubi@example.com"]),
        ("projects", "gnulib", ["gnuwget/gnulib"]),
        ("groups", "initech", ["initech"]),
        ("agents", "wget2", ["production"]),
        ("subscriptions", "x", []),
    ],
)
def test_search(api: StandinApi, name: str, search: str, found: list[str]) -> None:
    """A search finds part of a name, in any case, and counts what it finds."""
    answer = api.get(f"world/{name}", search=search)
    assert answer["total"] == len(found)
    titles = [
        entry.get("username" if name == "users" else "title")
        or entry.get("full_path")
        or entry["name"]
        for entry in answer[name]
    ]
    assert titles == found


def test_long_list_is_cut(api: StandinApi) -> None:
    """A list has a hundred entries at most, and says how many there are."""
    users = [{"username": f"user-{number}"} for number in range(150)]
    assert api.control("POST", "seed", {"users": users}).status_int == 200
    answer = api.get("world/users")
    assert (answer["total"], len(answer["users"])) == (155, 100)
    answer = api.get("world/users", search="user-1")
    assert (answer["total"], len(answer["users"])) == (61, 61)


def test_keys_tell_where_they_lead(pushes: StandinApi) -> None:
    """A deploy key has its projects, and a used key when that was."""
    pushes.pull()
    keys = {key["id"]: key for key in pushes.get("world/keys")["keys"]}
    assert keys[301]["projects"] == ["team/app (write)", "team/open"]
    assert (keys[301]["type"], keys[301]["username"]) == ("DeployKey", "maintainer")
    assert keys[302]["username"] is None
    assert keys[11]["last_used_at"] == "2022-08-01T12:00:00.000Z"


def test_agents_tell_whom_they_let_in(api: StandinApi) -> None:
    """An agent has the paths that its configuration names."""
    config = {
        "ci_access": {"groups": [{"id": "gnuwget"}], "projects": []},
        "user_access": {"access_as": {"agent": {}}, "projects": []},
    }
    config["user_access"]["projects"] = [{"id": "gnuwget/gnulib"}]
    body = {"agent_id": 9, "agent_config": config}
    headers = api.api.kas_headers()
    path = "kubernetes/agent_configuration"
    assert api.api.post_json(path, body, headers=headers).status_int == 204
    (agent,) = api.get("world/agents")["agents"]
    assert agent["ci_access"] == ["gnuwget"]
    assert agent["user_access"] == ["gnuwget/gnulib"]
    assert (agent["created_by"], agent["tokens"]) == ("rubi", 1)


def test_no_secrets(pushes: StandinApi) -> None:
    """No list has a secret, a digest or the public key itself."""
    text = json.dumps([pushes.get(f"world/{name}") for name in pushes.get("world")])
    for secret in ("hush", "demo-", "digest", "otp_secret", "AAAAC3Nza"):
        assert secret not in text


def test_unknown_list(api: StandinApi) -> None:
    """What is no list is a clear error."""
    answer = api.control("GET", "world/secrets")
    assert answer.status_int == 404
    assert answer.json["error"].startswith("'secrets' is none of users, keys, ")


@pytest.mark.parametrize("search", ["%00", "%FF", "%ED%A0%80", "'", "%25" * 2000])
def test_any_search_is_answered(api: StandinApi, search: str) -> None:
    """Whatever is searched for, nothing breaks."""
    for name in api.get("world"):
        assert api.get(f"world/{name}", search=search)["total"] >= 0
