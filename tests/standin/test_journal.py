"""The journal of requests."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin_api import StandinApi

from internal_api.app import routes
from internal_api.standin import journal as journal_module
from internal_api.standin.journal import MOST_ENTRIES, Entry, Filter, Journal

ENTRY = Entry(0.0, "GET", "/", {}, None, None, 200, None, 0.1, None)


def test_entry_tells_request_and_answer(api: StandinApi) -> None:
    """An entry has time, caller, parameters, status, reason, duration and answer."""
    answer = api.pull()
    (entry,) = api.get("requests")["requests"]
    assert entry.pop("milliseconds") > 0
    assert entry.pop("time").endswith("Z")
    assert entry.pop("answer")["gl_username"] == answer.json["gl_username"]
    assert entry == {
        "id": 1,
        "method": "POST",
        "path": "/api/v4/internal/allowed",
        "parameters": {
            "key_id": "11",
            "project": "gnuwget/wget2",
            "action": "git-upload-pack",
        },
        "scheme": "shell JWT",
        "identity": "key 11",
        "status": 200,
        "reason": None,
    }


def test_entry_of_a_refusal_has_the_reason(api: StandinApi) -> None:
    """What the header of a refusal says is in the journal, too."""
    answer = api.pull(action="git-receive-pack", changes="_any", key_id="999")
    (entry,) = api.get("requests")["requests"]
    assert entry["status"] == answer.status_int
    assert entry["reason"] == answer.headers["X-Standin-Reason"]


@pytest.mark.parametrize(
    ("path", "params", "secret"),
    [
        ("check", {"secret_token": "hush-hush"}, "hush-hush"),
        ("allowed", {"nested": {"private_token": "hush-hush"}}, "hush-hush"),
        ("two_factor_manual_otp_check", {"otp_attempt": "123456"}, "123456"),
        (
            "personal_access_token",
            {"key_id": 7, "name": "n", "scopes": ["api"]},
            "glpat",
        ),
        ("lfs_authenticate", {"key_id": 11, "gl_repository": "project-3"}, "eyJ"),
        ("two_factor_recovery_codes", {"key_id": 7}, 'recovery_codes":["'),
    ],
)
def test_secrets_are_redacted(
    api: StandinApi, path: str, params: dict[str, Any], secret: str
) -> None:
    """No secret that was sent or answered is in the journal."""
    method = api.api.get if path == "check" else api.api.post_json
    method(path, params)
    text = json.dumps(api.get("requests"), separators=(",", ":"))
    assert secret not in text
    assert "[REDACTED]" in text


def test_what_is_sent_as_a_secret_is_nowhere(api: StandinApi) -> None:
    """Neither answer nor reason nor caller show what the parameters hide."""
    hush = "hush-hush"
    names = ["password", "passwd", "pwd", "otp_attempt", "access_key", "cookie"]
    secrets = dict.fromkeys([*names, "secret_token", "private_token", "token"], hush)
    operation = {"op": "x", "path": "password", "value": hush}
    params = secrets | {
        "username": secrets,
        "name": json.dumps(secrets),
        "emails": secrets,
        "Operations": json.dumps([operation, secrets]),
    }
    body = json.dumps(params).encode()
    headers = {"Authorization": "Bearer demo-scim-token"} | api.api.headers()
    for path, resource in routes():
        url = path.replace("{group}", "test_group").replace("{", "").replace("}", "")
        for verb in (name for name in dir(resource) if name.startswith("on_")):
            for media_type in ("json", "x-www-form-urlencoded"):
                answer = api.api.app.request(
                    url,
                    method=verb.removeprefix("on_").upper(),
                    headers=headers | {"Content-Type": f"application/{media_type}"},
                    body=body,
                    expect_errors=True,
                )
                assert hush not in f"{answer.headers} {answer.text}"
    entries = api.get("requests")["requests"]
    assert len(entries) > len(list(routes()))
    assert hush not in json.dumps(entries)


def test_what_is_too_large_is_cut_without_secrets(api: StandinApi) -> None:
    """Of a large request that has a secret the rest of its beginning is shown."""
    api.pull(secret_token="hush", zeros="0" * 99_999)
    (entry,) = api.get("requests")["requests"]
    assert "hush" not in json.dumps(entry)
    assert entry["parameters"].startswith("{'key_id': '11', 'project': 'gnuwget/")


def test_control_requests_are_not_journaled(api: StandinApi) -> None:
    """The journal is about GitLab's routes."""
    api.get("clock")
    assert api.get("requests/count") == {"count": 0}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [1, 2, 3]),
        ("path=/-/health", [1]),
        ("path=/api/v4/internal/*", [2, 3]),
        ("method=post", [2]),
        ("status=401", [3]),
        ("limit=1", [3]),
        ("limit=0", []),
        ("since=1", [2, 3]),
        ("since=2000-01-01T00:00:00Z", [1, 2, 3]),
        ("since=2999-01-01T00:00:00+02:00", []),
        ("method=GET&status=200", [1]),
    ],
)
def test_filters(api: StandinApi, query: str, ids: list[int]) -> None:
    """Each filter takes what it says, and several together what all of them say."""
    api.api.app.get("/-/health")
    api.pull()
    api.api.app.get("/api/v4/internal/check", status=401)
    found = api.control("GET", f"requests?{query}").json["requests"]
    assert [entry["id"] for entry in found] == ids


@pytest.mark.parametrize("query", ["status=x", "limit=-1", "since=soon", "since=1e9"])
def test_filter_that_cannot_be(api: StandinApi, query: str) -> None:
    """A filter that cannot be read is an error that names it."""
    answer = api.control("GET", f"requests?{query}")
    assert answer.status_int == 400
    assert answer.json["error"].startswith(query.partition("=")[0])


def test_latest_count_and_delete(api: StandinApi) -> None:
    """The last request and the number of them, until they are deleted."""
    assert api.control("GET", "requests/latest").status_int == 404
    api.pull()
    api.api.app.get("/-/health")
    assert api.get("requests/latest")["path"] == "/-/health"
    assert api.get("requests/latest", method="POST")["id"] == 1
    assert api.get("requests/count", status=200) == {"count": 2}
    assert api.control("DELETE", "requests").status_int == 204
    assert api.get("requests/count") == {"count": 0}
    api.pull()
    assert api.get("requests/latest")["id"] == 3


def test_wait_answers_when_it_is_true(api: StandinApi) -> None:
    """What is there already is not waited for."""
    api.pull()
    found = api.get("requests/wait", path="/api/v4/internal/allowed", count=1)
    assert found["count"] == 1
    assert found["requests"][0]["id"] == 1


def test_wait_times_out(api: StandinApi) -> None:
    """When the time is over the answer is 504, with what there is."""
    api.pull()
    answer = api.control("GET", "requests/wait?count=2&timeout=0.01")
    assert (answer.status_int, answer.json["count"]) == (504, 1)


def test_the_last_thousand_stay() -> None:
    """The oldest entry gives way to the newest."""
    journal = Journal()
    for number in range(MOST_ENTRIES + 5):
        journal.record(ENTRY._replace(status=number))
    entries = list(journal.find(Filter()))
    assert [number for number, _ in entries] == list(range(6, MOST_ENTRIES + 6))
    assert [entry.status for _, entry in entries] == list(range(5, MOST_ENTRIES + 5))
    journal.close()


def test_what_gives_way_while_it_is_read_is_left_out() -> None:
    """Who reads gets no newer entry under the number of an older one."""
    journal = Journal()
    for status in (200, 400):
        journal.record(ENTRY._replace(status=status))
    entries = journal.find(Filter())
    assert next(entries) == (1, ENTRY)
    for _ in range(MOST_ENTRIES):
        journal.record(ENTRY)
    assert list(entries) == []
    journal.close()


def test_who_is_killed_leaves_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that was not finished is not read, and hides no other one."""
    monkeypatch.setattr(journal_module, "_PATIENCE_S", 0.01)
    journal, killed = Journal(), Mock(pack_into=Mock(side_effect=SystemExit))
    for number in range(1, MOST_ENTRIES + 3):
        with monkeypatch.context() as patch, suppress(SystemExit):
            if number in (2, MOST_ENTRIES + 1):
                patch.setattr(journal_module, "_NUMBER", killed)
            journal.record(ENTRY)
    found = [number for number, _ in journal.find(Filter())]
    assert found == [*range(3, MOST_ENTRIES + 1), MOST_ENTRIES + 2]
    journal.close()


def several(program: str) -> str:
    """What a program says that forks."""
    return subprocess.run(
        (sys.executable, "-c", program), check=True, capture_output=True, text=True
    ).stdout


def test_nobody_takes_a_number_twice() -> None:
    """Of processes that take numbers at once, each gets its own."""
    assert several(TAKERS) == "80000\n"


def test_whoever_reads_meanwhile_gets_whole_entries() -> None:
    """Several processes write at once; a reader sees all of it, in its order."""
    assert several(WRITERS) == "".join(f"{number}\n" for number in range(1, 1001))


TAKERS = """
import os
from internal_api.standin.shared_memory import Numbers

numbers = Numbers()
pipes = []
for _ in range(4):
    reader, writer = os.pipe()
    pipes.append(reader)
    if not os.fork():
        with os.fdopen(writer, "w") as pipe:
            taken = [numbers.take() for _ in range(20_000)]
            pipe.writelines(f"{number}\\n" for number in taken)
        os._exit(0)
    os.close(writer)
print(len({number for pipe in pipes for number in os.fdopen(pipe)}))
"""

WRITERS = """
import os
from internal_api.standin.journal import Entry, Filter, Journal

entry = Entry(0.0, "GET", "/", {}, None, None, 200, None, 0.1, None)
journal = Journal()
for name in "abcd":
    if not os.fork():
        for count in range(250):
            journal.record(entry._replace(path=name * 1000, seconds=count))
        os._exit(0)
last, counts = 0, dict.fromkeys("abcd", -1)
while last < 1000:
    for number, found in journal.find(Filter(after=last)):
        name = found.path[0]
        assert found.path == name * 1000
        assert found.seconds == counts[name] + 1
        counts[name] = found.seconds
        last = number
        print(number)
"""

TEXTS = st.text(max_size=6).map(lambda text: text * 4000)


@given(
    st.lists(
        st.tuples(TEXTS, st.dictionaries(st.text(), TEXTS | st.integers()), TEXTS),
        min_size=1,
        max_size=3,
    )
)
def test_any_request_fits(requests: list[tuple[str, dict[str, Any], str]]) -> None:
    """Entries of any size and any characters are kept, and spoil no other one."""
    journal = Journal()
    for path, parameters, reason in requests:
        entry = ENTRY._replace(path=path, parameters=parameters, reason=reason)
        journal.record(entry)
    assert len(list(journal.find(Filter()))) == len(requests)
    journal.close()
