"""The clock, and what depends on it."""

from __future__ import annotations

from typing import Any

import pytest
from api import Clock
from standin_api import PULL, StandinApi

NOW = "2022-08-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"now": "2030-01-02T03:04:05Z"}, "2030-01-02T03:04:05.000Z"),
        ({"now": "2030-01-02T03:04:05"}, "2030-01-02T03:04:05.000Z"),
        ({"now": "2030-01-02T03:04:05+02:00"}, "2030-01-02T01:04:05.000Z"),
        ({"advance": 90}, "2022-08-01T12:01:30.000Z"),
        ({"advance": -90}, "2022-08-01T11:58:30.000Z"),
        ({}, NOW),
    ],
)
def test_clock_is_moved(
    api: StandinApi, clock: Clock, change: dict[str, Any], now: str
) -> None:
    """A clock that was moved goes on from there."""
    answer = api.control("PUT", "clock", change).json
    assert answer == {"now": now, "frozen": False}
    clock.advance(seconds=1)
    assert api.get("clock")["now"] == now.replace(":05.", ":06.").replace(
        "00.000", "01.000"
    ).replace("30.000", "31.000")


def test_frozen_clock_stands_still(api: StandinApi, clock: Clock) -> None:
    """A frozen clock moves when it is told to, and runs again when it is let go."""
    api.control("PUT", "clock", {"frozen": True})
    clock.advance(hours=1)
    assert api.get("clock") == {"now": NOW, "frozen": True}
    answer = api.control("PUT", "clock", {"advance": 60}).json
    assert answer == {"now": "2022-08-01T12:01:00.000Z", "frozen": True}
    api.control("PUT", "clock", {"frozen": False})
    clock.advance(seconds=5)
    assert api.get("clock") == {"now": "2022-08-01T12:01:05.000Z", "frozen": False}
    assert api.control("DELETE", "clock").status_int == 204
    assert api.get("clock")["now"] == "2022-08-01T13:00:05.000Z"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"now": "soon"}', "$.now"),
        ('{"later": 1}', "unknown field `later`"),
        ('{"now": "1950-01-01T00:00:00Z"}', "not in the years 1970 to 8999"),
        ('{"now": "9999-12-31T23:59:59Z", "advance": 10}', "out of range"),
        ('{"advance": 1e300}', "out of range"),
        ('{"advance": "x"}', "$.advance"),
        ("", "truncated"),
    ],
)
def test_time_that_cannot_be(api: StandinApi, body: str, error: str) -> None:
    """A time that cannot be is a clear error, and the clock stays as it was."""
    answer = api.control("PUT", "clock", body)
    assert answer.status_int == 400
    assert error in answer.json["error"]
    assert api.get("clock")["now"] == NOW


def test_expiry_follows_the_clock(api: StandinApi) -> None:
    """Keys expire by the service's time."""
    messages = []
    seed = (
        "keys: [{id: 77, user: rubi, expires_at: '2022-09-01T00:00:00Z', key: "
        "'ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB'}]"
    )
    assert api.control("POST", "seed", seed).status_int == 200
    for days in (0, 60):
        api.control("PUT", "clock", {"advance": days * 86400})
        messages.append(api.pull(key_id=77).json)
    assert messages[0]["status"] is True
    assert messages[1]["message"] == "Your SSH key has expired."


def test_messages_are_forgotten_after_five_minutes(api: StandinApi) -> None:
    """What waits for the next push waits by the service's time."""
    push = {"key_id": "11", "action": "git-receive-pack", "changes": "_any"}
    created = api.api.post_json("allowed", push | {"project": "root/fresh"}).json
    received = {"gl_repository": created["gl_repository"], "identifier": "key-11"}
    api.control("PUT", "clock", {"advance": 301})
    answer = api.api.post_json("post_receive", received | {"changes": ""}).json
    assert not any("created" in message["message"] for message in answer["messages"])


def test_seats_are_refreshed_at_the_time_of_the_service(api: StandinApi) -> None:
    """What a refresh notes is older than a term that begins after it."""
    admin = {"PRIVATE-TOKEN": "demo-admin-token"}
    path = "/api/v4/namespaces/test_group/gitlab_subscription"
    api.control("PUT", "clock", {"now": "2021-07-01T00:00:00Z"})
    term = "start_date=2020-07-15&end_date=2021-07-15&plan_code=premium&seats=1"
    api.api.app.post(f"{path}?{term}", headers=admin)
    assert api.control("POST", "seats/refresh").json == {"refreshed": 1}
    usage = api.api.app.get(path, headers=admin).json["usage"]
    assert usage["seats_owed"] == usage["max_seats_used"] - 1 > 0
    usage = api.api.app.put(
        f"{path}?start_date=2021-07-15&seats=10", headers=admin
    ).json["usage"]
    assert usage["seats_owed"] == 0


def test_clients_sign_in_real_time(api: StandinApi) -> None:
    """A moved clock does not lock out clients: their tokens are of the real time."""
    api.control("PUT", "clock", {"now": "2040-01-01T00:00:00Z"})
    assert api.api.post_json("allowed", PULL).status_int == 200
