"""Faults: what a client does when GitLab fails."""

from __future__ import annotations

from typing import Any

import pytest
from api import Clock
from standin_api import StandinApi

ALLOWED = {"path": "/api/v4/internal/allowed"}


def test_fault_happens_so_many_times(api: StandinApi) -> None:
    """The documented rule fails one request to one path, and the next one is real."""
    rule = {"match": ALLOWED, "times": 1, "status": 500}
    assert api.control("PUT", "faults", rule).json == {"faults": [rule | {"acted": 0}]}
    assert api.api.get("check").status_int == 200
    answer = api.pull()
    assert answer.status_int == 500
    assert answer.json == {"message": "500 Internal Server Error"}
    assert answer.headers["X-Standin-Reason"] == "fault: status 500"
    assert api.pull().status_int == 200
    assert api.get("faults") == {"faults": [rule | {"acted": 1}]}


def test_fault_with_a_cookie(api: StandinApi) -> None:
    """What a proxy in front may send can be sent, cookies too."""
    headers = {"Set-Cookie": "a=b; Path=/", "X-Frame-Options": "DENY"}
    api.control("PUT", "faults", {"status": 502, "body": "x", "headers": headers})
    answer = api.pull()
    assert (answer.status_int, answer.text) == (502, "x")
    assert answer.headers.getall("Set-Cookie") == ["a=b; Path=/"]
    assert answer.headers.getall("X-Frame-Options") == ["DENY"]


def test_fault_without_an_end_is_counted(api: StandinApi) -> None:
    """Whoever looks sees how often a rule has acted that goes on acting."""
    api.control("PUT", "faults", [{"status": 500}])
    assert [api.pull().status_int for _ in range(3)] == [500] * 3
    (rule,) = api.get("faults")["faults"]
    assert rule == {"match": {}, "status": 500, "acted": 3}


@pytest.mark.parametrize(
    ("match", "acts"),
    [
        ({}, True),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"path": "/api/v4/internal/allowed/"}, True),
        ({"path": "/api/*"}, True),
        ({"path": "/api/v4/internal"}, False),
        ({"path": "/api/v4/internal/allowe?"}, False),
        ({"path": "/api/v4/internal/allowe[d]"}, False),
        ({"parameters": {"key_id": 11}}, True),
        ({"parameters": {"key_id": "11", "action": "git-upload-pack"}}, True),
        ({"parameters": {"key_id": 12}}, False),
        ({"parameters": {"changes": None}}, False),
    ],
)
def test_match(api: StandinApi, match: dict[str, Any], acts: bool) -> None:  # noqa: FBT001
    """A rule is about the requests that fit all it says."""
    api.control("PUT", "faults", [{"match": match, "status": 503}])
    assert api.pull().status_int == (503 if acts else 200)


def test_first_rule_with_times_left_acts(api: StandinApi) -> None:
    """Rules take their turn: a sequence of answers is a list of rules."""
    rules = [{"status": 500, "times": 1}, {"status": 502, "times": 2}]
    api.control("PUT", "faults", rules)
    statuses = [api.pull().status_int for _ in range(4)]
    assert statuses == [500, 502, 502, 200]


def test_added_rules_leave_the_others_counting(api: StandinApi) -> None:
    """What was added later does not wind the others back."""
    api.control("PUT", "faults", {"status": 500, "times": 1})
    assert api.pull().status_int == 500
    api.control("POST", "faults", {"status": 502, "times": 1})
    assert [api.pull().status_int for _ in range(2)] == [502, 200]
    assert api.control("DELETE", "faults").status_int == 204
    assert api.get("faults") == {"faults": []}


def test_answer_of_a_fault(api: StandinApi) -> None:
    """Status, body, headers and `Retry-After` are as the rule says."""
    rule = {
        "status": 429,
        "body": {"message": "slow down"},
        "headers": {"X-Extra": "yes"},
        "retry_after": 7,
    }
    api.control("PUT", "faults", rule)
    answer = api.pull()
    assert (answer.status_int, answer.json) == (429, {"message": "slow down"})
    assert (answer.headers["X-Extra"], answer.headers["Retry-After"]) == ("yes", "7")


def test_text_of_a_fault_is_sent_as_it_is(api: StandinApi) -> None:
    """A body that is a text is no JSON: a proxy's page, say."""
    page = "<h1>Bad gateway</h1>"
    headers = {"Content-Type": "text/html"}
    api.control("PUT", "faults", {"status": 502, "body": page, "headers": headers})
    answer = api.pull()
    assert (answer.text, answer.content_type) == (page, "text/html")


def test_share_of_the_requests_fails_the_same_way_each_time(api: StandinApi) -> None:
    """A lot with a seed draws the same each time, and about the share that it says."""
    runs = []
    for _ in range(2):
        api.control("PUT", "faults", {"probability": 0.5, "seed": 3, "status": 500})
        runs.append([api.pull().status_int for _ in range(40)])
    assert runs[0] == runs[1]
    assert 8 < runs[0].count(500) < 32


def test_delay(api: StandinApi, clock: Clock) -> None:
    """A delay alone lets the real answer wait."""
    api.control("PUT", "faults", {"delay": 2.5, "times": 1})
    before = clock.now
    assert api.pull().status_int == 200
    assert (clock.now - before).total_seconds() == 2.5


def test_dropped_connection(api: StandinApi) -> None:
    """A dropped connection breaks before a byte is sent, and is journaled so."""
    api.control("PUT", "faults", {"drop": True, "times": 1})
    with pytest.raises(ConnectionResetError):
        api.pull()
    entry = api.get("requests/latest")
    assert (entry["status"], entry["reason"]) == (
        None,
        "fault: the connection is dropped",
    )


def test_truncated_body(api: StandinApi) -> None:
    """A truncated answer breaks off, although the request was done."""
    api.control("PUT", "faults", {"truncate": 5, "times": 1})
    with pytest.raises(ConnectionResetError):
        api.pull()
    assert api.get("requests/latest")["status"] == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{", "truncated"),
        ("[{}]", "rule 0: expected `status`, `delay`, `drop` or `truncate`"),
        ('{"status": 99}', "Expected `int` >= 200 - at `$.status`"),
        ('[{"status": 500}, {"statuz": 1}]', "unknown field `statuz` - at `$[1]`"),
        ('{"body": "x", "delay": 1}', "need a `status`"),
        ('{"drop": true, "status": 500}', "`drop` answers nothing"),
        ('{"status": 500, "headers": {"a b": "c"}}', "header 'a b' cannot be sent"),
        ('{"status": 500, "headers": {"a": "c\\n"}}', "header 'a' cannot be sent"),
        ('{"status": 500, "times": 0}', "$.times"),
        ('{"delay": 1e9}', "$.delay"),
        ('{"status": 500, "body": "' + "x" * (1 << 20) + '"}', "over 1048576 bytes"),
        ("[" + ",".join(['{"status": 500}'] * 513) + "]", "over 512 rules"),
    ],
)
def test_rule_that_cannot_be(api: StandinApi, body: str, error: str) -> None:
    """A rule that cannot be is an error that names its place, and none is set."""
    answer = api.control("PUT", "faults", body)
    assert answer.status_int == 400
    assert error in answer.json["error"]
    assert api.get("faults") == {"faults": []}
