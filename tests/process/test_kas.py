"""What many agent servers send at once is all there, and each thing once."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from processes import Serve, Server, header

CLIENTS = 32
KUBERNETES = "/api/v4/internal/kubernetes"
USAGE_METRICS = f"{KUBERNETES}/usage_metrics"
STARBOARD = f"{KUBERNETES}/modules/starboard_vulnerability"
JSON = {"Content-Type": "application/json"}
AGENT = {"Authorization": "Bearer demo-agent-token"}
TUNNEL = "agent_users_using_ci_tunnel"
FINDING: dict[str, Any] = {
    "vulnerability": {
        "name": "CVE-123-4567 in libc",
        "severity": "high",
        "location": {
            "kubernetes_resource": {
                "namespace": "production",
                "kind": "deployment",
                "name": "nginx",
            }
        },
        "identifiers": [{"type": "cve", "name": "CVE-123-4567"}],
    },
    "scanner": {"id": "starboard_trivy", "name": "Trivy", "vendor": "GitLab"},
}


def rows(data: Path, select: str) -> list[Any]:
    """What the database file holds."""
    with closing(sqlite3.connect(data / "internal_api.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute(select).fetchall()


def total(data: Path) -> int:
    """The total of all counters."""
    ((value,),) = rows(data, "SELECT coalesce(sum(value), 0) FROM usage_counters")
    return int(value)


def report_usage(server: Server) -> Callable[[int], None]:
    """Counts one call and one member; anything but 204 raises."""
    headers = JSON | header(server.data, "kas")

    def once(member: int) -> None:
        body = {"counters": {"gitops_sync": 1}, "unique_counters": {TUNNEL: [member]}}
        with closing(server.connect()) as connection:
            connection.request("POST", USAGE_METRICS, json.dumps(body), headers)
            status = connection.getresponse().status
        assert status == HTTPStatus.NO_CONTENT

    return once


def put_finding(server: Server) -> Callable[[bytes], Any]:
    """Puts a body as a finding, in chunks as Go streams it; gives the answer to it."""
    headers = JSON | AGENT | header(server.data, "kas")

    def once(body: bytes) -> Any:
        return server.ask(
            *(server.connect(), "PUT", STARBOARD),
            body=(body[start : start + 777] for start in range(0, len(body), 777)),
            headers=headers | {"Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )

    return once


def test_every_use_counts(serve: Serve) -> None:
    """32 clients at once against two workers: every call counts, each member once."""
    server = serve("--workers", "2")
    once, each = report_usage(server), 20
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(once, [*range(CLIENTS)] * each))
    assert rows(server.data, "SELECT name, value FROM usage_counters") == [
        ("kubernetes_agent_gitops_sync", CLIENTS * each)
    ]
    select = "SELECT name, member FROM usage_unique_counters ORDER BY member"
    assert rows(server.data, select) == [(TUNNEL, who) for who in range(CLIENTS)]
    assert server.stderr.count("Traceback") == 0


def test_a_finding_is_one(serve: Serve) -> None:
    """32 clients put the same finding at once: all are told one UUID, of one row."""
    server = serve("--workers", "2", "--seed", "demo")
    once, body = put_finding(server), json.dumps(FINDING).encode()
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(once, [body] * CLIENTS))
    ((uuid, agent_id),) = rows(
        server.data, "SELECT uuid, agent_id FROM vulnerability_findings"
    )
    assert answers == [{"uuid": uuid}] * CLIENTS
    assert agent_id == 9
    assert server.stderr.count("Traceback") == 0


def test_chunked_finding(serve: Serve) -> None:
    """A body without a length is read whole."""
    server = serve("--seed", "demo")
    resource = {"namespace": "x" * 100_000, "kind": "pod", "name": "nginx"}
    location = {"kubernetes_resource": resource}
    vulnerability = FINDING["vulnerability"] | {"location": location}
    body = json.dumps(FINDING | {"vulnerability": vulnerability}).encode()
    put_finding(server)(body)
    ((stored,),) = rows(server.data, "SELECT location FROM vulnerability_findings")
    assert json.loads(stored) == location


def test_kill_loses_no_use_that_was_answered(serve: Serve) -> None:
    """After kill -9 in the middle of writes, everything that was answered is there."""
    server = serve("--workers", "2")
    once, members, enough = report_usage(server), count(), threading.Event()
    answered: list[int] = []

    def write() -> None:
        for member in members:
            try:
                once(member)
            except (OSError, EOFError):
                return
            answered.append(member)
            if len(answered) >= 10 * CLIENTS:
                enough.set()

    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(CLIENTS):
            clients.submit(write)
        assert enough.wait(60)
        server.kill()
    stored = {
        who for (who,) in rows(server.data, "SELECT member FROM usage_unique_counters")
    }
    assert set(answered) <= stored
    assert len(answered) <= total(server.data) == len(stored) <= len(answered) + CLIENTS
