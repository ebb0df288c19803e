"""CustomersDot against real servers: money is at stake."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processes import TIMEOUT_S, Serve, Server, run

CLIENTS = 32
JSON = {"PRIVATE-TOKEN": "demo-admin-token", "Content-Type": "application/json"}
MINUTES = "/api/v4/namespaces/123/minutes"
# More than SQLite keeps in memory: it writes to its log before the end.
MANY = 50_000


def request(
    server: Server,
    method: str,
    path: str,
    params: object,
    headers: Mapping[str, str] = JSON,
) -> tuple[int, Any]:
    """Status and body of the answer."""
    with closing(server.connect()) as connection:
        connection.request(method, path, json.dumps(params), dict(headers))
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, json.loads(content) if content else None


def packs(*xids: str) -> dict[str, Any]:
    """The purchase of some packs."""
    pack = {"number_of_minutes": 10000, "expires_at": "2022-01-01"}
    return {"packs": [pack | {"purchase_xid": xid} for xid in xids]}


def rows(data: Path, select: str) -> list[tuple[Any, ...]]:
    """What the database file holds."""
    with closing(sqlite3.connect(data / "internal_api.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute(select).fetchall()


COUNT = "SELECT count(*) FROM ci_minutes_additional_packs"


def test_identical_purchases_are_one(serve: Serve) -> None:
    """32 clients that buy the same at once are all answered the same single pack."""
    server = serve("--workers", "2", "--seed", "demo")
    for number in range(5):
        body = packs(f"{number}-a", f"{number}-b")
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(
                clients.map(
                    lambda _: request(server, "POST", MINUTES, body),  # noqa: B023
                    range(CLIENTS),
                )
            )
        assert [status for status, _ in answers] == [201] * CLIENTS
        assert all(answer == answers[0] for answer in answers)
    assert rows(server.data, COUNT) == [(10,)]
    assert "Traceback" not in server.stderr


def test_one_namespace_gets_a_contested_purchase(serve: Serve) -> None:
    """Of clients that buy the same for two namespaces, one namespace's succeed."""
    server = serve("--workers", "2", "--seed", "demo")
    paths = [MINUTES, MINUTES.replace("123", "321")] * (CLIENTS // 2)
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(
            clients.map(lambda path: request(server, "POST", path, packs("x")), paths)
        )
    ((owner,),) = rows(
        server.data, "SELECT namespace_id FROM ci_minutes_additional_packs"
    )
    for path, (status, _) in zip(paths, answers, strict=True):
        assert status == (201 if str(owner) in path else 400)


def test_one_of_many_creates_a_subscription(serve: Serve) -> None:
    """Of 32 clients that create the same subscription at once, one does."""
    server = serve("--workers", "2", "--seed", "demo")
    path = "/api/v4/namespaces/1234/gitlab_subscription"
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = clients.map(
            lambda seats: request(
                server, "POST", path, {"start_date": "2022-01-01", "seats": seats}
            ),
            range(CLIENTS),
        )
        created = [body for status, body in answers if status == 201]
    assert len(created) == 1
    assert request(server, "GET", path, None) == (200, created[0])


def test_kill_between_packs_leaves_none_or_all(serve: Serve) -> None:
    """After kill -9 amid a purchase none or all of its packs are there; then all."""
    server = serve("--workers", "1", "--seed", "demo")
    body = packs(*(f"{number:032}" for number in range(MANY)))
    log = server.data / "internal_api.db-wal"
    path = "/api/v4/namespaces/123/gitlab_subscription"
    assert request(server, "GET", path, None)[0] == 200
    before = log.stat().st_size
    deadline = time.monotonic() + TIMEOUT_S
    with ThreadPoolExecutor(1) as clients:
        answer = clients.submit(request, server, "POST", MINUTES, body)
        while log.stat().st_size == before:
            assert not answer.done()
            assert time.monotonic() < deadline
        server.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            answer.result(TIMEOUT_S)
    assert rows(server.data, COUNT) in ([(0,)], [(MANY,)])
    status, stored = request(serve("--workers", "1"), "POST", MINUTES, body)
    assert (status, len(stored)) == (201, MANY)
    assert rows(server.data, COUNT) == [(MANY,)]


@pytest.mark.parametrize(
    "options",
    [(), ("--relative-url-root", "/gitlab"), ("--threads", "2")],
)
def test_encoded_paths(serve: Serve, tmp_path: Path, options: tuple[str, ...]) -> None:
    """An encoded path with dots names a namespace; a plain slash is another path."""
    seed = tmp_path / "seed.json"
    groups = [{"full_path": path} for path in ("a/b.c", "top.level", "x")]
    seed.write_text(json.dumps({"groups": groups}))
    server = serve("--workers", "1", "--seed", "demo", "--seed", seed, *options)
    root = options[1] if "--relative-url-root" in options else ""
    namespaces = f"{root}/api/v4/namespaces"
    nested = f"{namespaces}/a%2Fb.c"
    start = {"start_date": "2022-01-01"}
    subscription = f"{nested}/gitlab_subscription"
    assert request(server, "POST", subscription, start)[0] == 201
    assert request(server, "GET", f"{subscription}/", None)[0] == 200
    plain = f"{namespaces}/a/b.c/gitlab_subscription"
    assert request(server, "GET", plain, None) == (404, {"error": "404 Not Found"})
    text = "400 Bad request - Namespace must be a top-level namespace"
    refused = request(server, "PATCH", f"{nested}/minutes/move/top.level", None)
    assert refused == (400, {"message": text})
    text = f"400 Bad request - Target n{text[len('400 Bad request - N') :]}"
    refused = request(server, "PATCH", f"{namespaces}/x/minutes/move/a%2fb.c", None)
    assert refused == (400, {"message": text})
    accepted = request(server, "PATCH", f"{namespaces}/x/minutes/move/top.level", None)
    assert accepted == (202, {"message": "202 Accepted"})


def test_seats_refresh_beside_a_server(serve: Serve) -> None:
    """What `seats refresh` counts, a running server answers at once."""
    server = serve("--seed", "demo")
    path = "/api/v4/namespaces/1234/gitlab_subscription"
    term = {"start_date": "2022-01-01", "plan_code": "premium", "seats": 1}
    _, before = request(server, "POST", path, term)
    assert before["usage"]["max_seats_used"] == 0
    refreshed = run("seats", "refresh", "--data", server.data)
    assert (refreshed.returncode, refreshed.stdout) == (0, "Refreshed 1 subscription\n")
    _, after = request(server, "GET", path, None)
    assert after["usage"]["max_seats_used"] == 1


def test_seats_refresh_of_nothing(tmp_path: Path) -> None:
    """Without subscriptions there is nothing to count."""
    assert run("seed", "demo", "--data", tmp_path).returncode == 0
    refreshed = run("seats", "refresh", "--data", tmp_path)
    assert refreshed.stdout == "Refreshed 0 subscriptions\n"
