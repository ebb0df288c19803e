"""`POST shellhorse/git_audit_event`: after a transfer through Gitaly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from git_world import (
    BLOCKED,
    DEVELOPER,
    DOWNLOAD,
    GUEST,
    NAMESPACE_NOT_FOUND,
    OUTSIDER,
    PRIVATE,
    PROJECT_NOT_FOUND,
    PROTECTED,
    PULL,
    PUSH,
    world,
)

if TYPE_CHECKING:
    from api import MakeApi

ROUTE = "shellhorse/git_audit_event"
EVENT = {
    "action": PULL,
    "protocol": "ssh",
    "gl_repository": PRIVATE,
    "username": "developer",
    "key_id": DEVELOPER,
    "changes": "_any",
    "check_ip": "127.0.0.1",
    "packfile_stats": {"wants": 1, "haves": 0},
}
NOT_NEEDED = {"status": False, "message": "No git audit event needed"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"action": PUSH},
        {"packfile_stats": None},
        {"packfile_stats": {}},
        {"packfile_stats": {"wants": "2", "haves": None, "other": "x"}},
        {"check_ip": None, "key_id": None},
        {"protocol": "http", "written_bytes": 1, "identifier": "key-30"},
    ],
)
def test_git_audit_event_200(make_api: MakeApi, changes: dict[str, Any]) -> None:
    """No audit event is ever needed, and the clients are told so."""
    answer = make_api(world()).post_json(ROUTE, EVENT | changes)
    assert (answer.status_int, answer.json) == (200, NOT_NEEDED)


def test_git_audit_event_however_sent(make_api: MakeApi) -> None:
    """Form, query and JSON mean the same."""
    api = make_api(world())
    pairs = [(name, str(value)) for name, value in EVENT.items()][:-1]
    pairs += [("packfile_stats[wants]", "1"), ("packfile_stats[haves]", "0")]
    assert api.post(ROUTE, urlencode(pairs)).json == NOT_NEEDED
    assert api.post(f"{ROUTE}?{urlencode(pairs)}").json == NOT_NEEDED


MISSING = "action is missing, protocol is missing, gl_repository is missing, "


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({}, f"{MISSING}changes is missing"),
        (
            {"action": PULL, "protocol": "ssh", "changes": ""},
            "gl_repository is missing",
        ),
        (EVENT | {"action": []}, "action is invalid"),
        (EVENT | {"changes": ["a"]}, "changes is invalid"),
        (EVENT | {"check_ip": {}}, "check_ip is invalid"),
        (EVENT | {"packfile_stats": "many"}, "packfile_stats is invalid"),
        (
            EVENT | {"packfile_stats": {"wants": "x", "haves": [1]}},
            "packfile_stats[wants] is invalid, packfile_stats[haves] is invalid",
        ),
    ],
)
def test_git_audit_event_invalid_400(
    make_api: MakeApi, event: dict[str, Any], error: str
) -> None:
    """What is missing or has a wrong type is said in Grape's words."""
    answer = make_api(world()).post_json(ROUTE, event)
    assert (answer.status_int, answer.json) == (400, {"error": error})


@pytest.mark.parametrize("action", ["git-upload-archive", "", None, 5, "_any"])
def test_git_audit_event_action_400(make_api: MakeApi, action: object) -> None:
    """Only fetches and pushes are audited; that is said before anything else."""
    event = EVENT | {"action": action, "gl_repository": "project-999"}
    answer = make_api(world()).post_json(ROUTE, event)
    body = {"status": False, "message": "No valid action specified"}
    assert (answer.status_int, answer.json) == (400, body)


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"key_id": OUTSIDER}, 404, PROJECT_NOT_FOUND),
        ({"key_id": None, "username": "outsider"}, 404, PROJECT_NOT_FOUND),
        ({"key_id": GUEST}, 401, DOWNLOAD),
        ({"key_id": BLOCKED}, 401, "Your account has been blocked."),
        ({"gl_repository": "project-999"}, 404, NAMESPACE_NOT_FOUND),
        (
            {"action": PUSH, "changes": f"{'1' * 40} {'2' * 40} refs/heads/main"},
            401,
            PROTECTED,
        ),
    ],
)
def test_git_audit_event_denied(
    make_api: MakeApi, changes: dict[str, Any], status: int, message: str | None
) -> None:
    """Who has no access gets the answer of `/allowed`."""
    api, event = make_api(world()), EVENT | changes
    answer = api.post_json(ROUTE, event)
    body = {"status": False, "message": message}
    assert (answer.status_int, answer.json) == (status, body)
    assert api.post_json("allowed", event).json == body


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gl_repository": "foo"}, "gl_repository is invalid"),
        ({"gl_repository": 3}, "gl_repository is invalid"),
        ({"gl_repository": None}, "gl_repository or project is missing"),
        ({"action": PUSH, "changes": None}, "changes is missing"),
    ],
)
def test_git_audit_event_malformed_400(
    make_api: MakeApi, changes: dict[str, Any], reason: str
) -> None:
    """What Rails answers with 500 is a 400 that says what is wrong."""
    answer = make_api(world()).post_json(ROUTE, EVENT | changes)
    assert answer.status_int == 400
    assert answer.json == {"message": f"400 Bad request - {reason}"}


def test_git_audit_event_leaves_no_trace(make_api: MakeApi) -> None:
    """It is no use of the key and no activity of the user."""
    api = make_api(world())
    api.post_json(ROUTE, EVENT)
    assert api.rows("SELECT last_used_at FROM keys WHERE id = 30") == [(None,)]
    assert api.rows("SELECT last_activity_on FROM users WHERE id = 30") == [(None,)]
