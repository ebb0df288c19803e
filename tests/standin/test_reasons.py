"""Every refusal says why."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from api import SHELL_SECRET, Api
from standin_api import StandinApi

from internal_api.app import ROUTES

REASON = "X-Standin-Reason"
PUSH = {"action": "git-receive-pack", "protocol": "ssh", "project": "gnuwget/wget2"}


def test_success_has_no_reason(api: StandinApi) -> None:
    """What is answered is not refused."""
    assert REASON not in api.pull().headers


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "gitlab"}, "JWT: iss is 'gitlab', expected 'gitlab-shell'"),
        ({"iss": None}, "JWT: iss is None, expected 'gitlab-shell'"),
        ({"exp": 1}, "JWT: expired"),
        ({"iat": 9999999999}, "JWT: not valid for another"),
        ({"exp": "x"}, "JWT: its claims cannot be read"),
    ],
)
def test_jwt(api: StandinApi, claims: dict[str, Any], reason: str) -> None:
    """A refused token says which claim is wrong."""
    answer = api.api.get("check", {}, headers=api.api.headers(**claims))
    assert (answer.status_int, answer.json) == (401, {"message": "401 Unauthorized"})
    assert answer.headers[REASON].startswith(reason)


def test_wrong_signature(api: StandinApi) -> None:
    """A token of another secret says so, and nothing of what is in it."""
    token = jwt.encode({"iss": "hush"}, SHELL_SECRET + b"x", algorithm="HS256")
    headers = {"Gitlab-Shell-Api-Request": token}
    reason = api.api.get("check", {}, headers=headers).headers[REASON]
    assert reason.startswith("JWT: Signature verification failed; no shared secret")
    assert "hush" not in reason


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"username": "second", "changes": "_any"}, "non-members may not push"),
        ({"key_id": 11, "changes": None}, "changes"),
        ({"key_id": 999, "changes": "_any"}, "nobody may push without an account"),
        (
            {"key_id": 11, "project": "no/where", "action": "git-upload-pack"},
            "there is",
        ),
    ],
)
def test_git(api: StandinApi, params: dict[str, Any], reason: str) -> None:
    """A refused Git command says by which rule."""
    answer = api.api.post_json("allowed", PUSH | params)
    assert answer.json.get("status") is not True
    assert reason in answer.headers[REASON]


def test_protected_branch(api: StandinApi) -> None:
    """A refused push names the rule, the branch and the role."""
    seed = "groups: [{full_path: gnuwget, members: {sidney: developer}}]"
    api.control("POST", "seed", seed)
    change = f"{'1' * 40} {'2' * 40} refs/heads/main"
    answer = api.api.post_json("allowed", PUSH | {"user_id": 29, "changes": change})
    assert answer.status_int == 401
    reason = "protected branch 'main': developers may not push"
    assert answer.headers[REASON] == reason


@pytest.mark.parametrize(
    ("headers", "params"),
    [
        ({"Gitlab-Error-Tracking-Token": "hush"}, {}),
        ({}, {"error_tracking_token": "hush"}),
    ],
)
def test_error_tracking_token(
    api: StandinApi, headers: dict[str, str], params: dict[str, Any]
) -> None:
    """A wrong error tracking token is told of, but not repeated."""
    answer = api.api.post_json("error_tracking/allowed", params, headers=headers)
    reason = "a wrong error tracking token; no JWT; no shared secret, or a wrong one"
    assert (answer.status_int, answer.headers[REASON]) == (401, reason)


def test_refusal_with_status_200(api: StandinApi) -> None:
    """What is a success to HTTP only says why, too."""
    answer = api.api.post_json("two_factor_recovery_codes", {"key_id": 999})
    assert answer.json["success"] is False
    assert answer.headers[REASON] == "Could not find the given key"


@pytest.mark.parametrize("path", ["/nothing", "/api/v4/internal/nothing", "/api/v3/x"])
def test_no_route(api: StandinApi, path: str) -> None:
    """Where there is nothing the reason says so."""
    answer = api.api.app.get(path, expect_errors=True)
    assert answer.headers[REASON] in {
        "no route",
        "API V3 is no longer supported. Use API V4 instead.",
    }


@pytest.mark.parametrize("path", [path for path, _resource in ROUTES])
def test_every_route_says_why(api: StandinApi, path: str) -> None:
    """Whatever is refused without a credential or with another verb says why."""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        url = path.replace("{", "").replace("}", "")
        answer = api.api.app.request(url, method=method, expect_errors=True)
        assert (REASON in answer.headers) == (answer.status_int >= 400)
        assert answer.status_int < 500


def test_without_control_there_is_none(tmp_path: Any, clock: Any) -> None:
    """Without control routes nothing is added to GitLab's answers."""
    api = Api(tmp_path, "demo", clock)
    answer = api.app.get("/api/v4/internal/check", status=401)
    assert REASON not in answer.headers
    answer = api.app.get("/_standin/v1/clock", status=404)
    assert answer.json == {"error": "404 Not Found"}


def test_reason_is_one_line_of_ascii(api: StandinApi) -> None:
    """Whatever is in a request, a reason can be sent as a header."""
    answer = api.pull(project="gnuwget/wget2", action="päck\n\x7f")
    assert answer.status_int == 401
    assert answer.headers[REASON].isascii()
    assert answer.headers[REASON].isprintable()
