"""Who may use the control routes."""

from __future__ import annotations

import pytest
from standin_api import ELSEWHERE, StandinApi

from internal_api.standin.app import ROUTES
from internal_api.standin.mount import PREFIX

LOOPBACK = {"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "127.0.0.1"}


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1", "SERVER_NAME": "::1"}, 200),
        ({"REMOTE_ADDR": "", "SERVER_NAME": "any"}, 200),
        ({"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "0.0.0.0"}, 401),  # noqa: S104
        ({"REMOTE_ADDR": "10.0.0.9", "SERVER_NAME": "127.0.0.1"}, 401),
        (ELSEWHERE, 401),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "Bearer control-token"}, 200),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "bearer control-token"}, 200),
        (ELSEWHERE | {"QUERY_STRING": "token=control-token"}, 200),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "Bearer "}, 401),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "Bearer control-toke"}, 401),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "Basic control-token"}, 401),
        (ELSEWHERE | {"HTTP_AUTHORIZATION": "Bearer \xff"}, 401),
        (ELSEWHERE | {"QUERY_STRING": "token="}, 401),
        (ELSEWHERE | {"HTTP_HOST": "localhost"}, 401),
        (LOOPBACK | {"HTTP_HOST": "localhost:3001"}, 200),
        (LOOPBACK | {"HTTP_HOST": "[::1]:3001"}, 200),
        (LOOPBACK | {"HTTP_HOST": "rebound.example"}, 401),
        (LOOPBACK | {"HTTP_HOST": "[::1"}, 401),
        (LOOPBACK | {"HTTP_HOST": ":x"}, 401),
    ],
)
def test_only_this_machine_or_the_token(
    api: StandinApi, environ: dict[str, str], status: int
) -> None:
    """Where other machines can call, the token is asked for."""
    answer = api.control("GET", "clock", environ=environ)
    assert answer.status_int == status
    if status != 200:
        assert answer.json == {"error": "the control token is missing or wrong"}


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:80", 204),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[::1", 403),
    ],
)
def test_pages_of_other_sites_may_not(
    api: StandinApi, origin: str, status: int
) -> None:
    """A web page that somebody visits cannot reset the stand-in."""
    headers = {"Origin": origin, "Host": "localhost:80"}
    assert api.control("POST", "reset", headers=headers).status_int == status


@pytest.mark.parametrize("path", [path for path, _resource in ROUTES])
def test_wrong_verb_is_a_clear_error(api: StandinApi, path: str) -> None:
    """Every control route answers an error as JSON."""
    url = f"{PREFIX}{path}".replace("{name}", "x")
    answer = api.api.app.request(url, method="PATCH", expect_errors=True)
    assert answer.status_int == 405
    assert answer.json == {"error": "405 Method Not Allowed"}


def test_unknown_control_route(api: StandinApi) -> None:
    """What is no control route says so."""
    answer = api.control("GET", "nothing")
    assert (answer.status_int, answer.json) == (404, {"error": "404 Not Found"})
