"""What was answered is there, however many write and whatever ends them."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from processes import PRE_RECEIVE, Serve, Server, control, header

CLIENTS = 32
READINESS = "/-/readiness"
ALLOWED = "/api/v4/internal/allowed"
POST_RECEIVE = "/api/v4/internal/post_receive"
REPOSITORY = {"gl_repository": "project-7"}
INCREASED = {"reference_counter_increased": True}


def counted(data: Path) -> int:
    """The reference counter in the database file."""
    with closing(sqlite3.connect(data / "internal_api.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        select = "SELECT sum(value) FROM reference_counters"
        return int(connection.execute(select).fetchone()[0] or 0)


def increase(server: Server) -> Callable[[], None]:
    """Increases the counter of a server once; anything but success raises."""
    credentials = header(server.data)

    def once() -> None:
        assert server.post(PRE_RECEIVE, REPOSITORY, credentials) == INCREASED

    return once


def test_no_increment_is_lost(serve: Serve) -> None:
    """32 clients at once against two workers: every answer is a success and counts."""
    server = serve("--workers", "2")
    once, each = increase(server), 20
    with ThreadPoolExecutor(CLIENTS) as clients:
        for future in [clients.submit(once) for _ in range(CLIENTS * each)]:
            future.result()
    assert counted(server.data) == CLIENTS * each
    assert server.stderr.count("Traceback") == 0


def test_no_message_is_shown_twice(serve: Serve, tmp_path: Path) -> None:
    """Of 32 clients that end a push at once, one is told what is told once."""
    seed = tmp_path / "seed.json"
    message = {
        "user": "root",
        "gl_repository": "project-7",
        "type": "container_moved",
        "message": "once",
        "expires_at": "9999-01-01T00:00:00Z",
    }
    world = {
        "users": [{"id": 1, "username": "root"}],
        "projects": [{"id": 7, "full_path": "root/moved"}],
        "post_push_messages": [message],
    }
    seed.write_text(json.dumps(world))
    server = serve("--workers", "2", "--seed", seed)
    push, credentials = {**REPOSITORY, "identifier": "user-1"}, header(server.data)
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = clients.map(
            lambda _: server.post(POST_RECEIVE, push, credentials), range(CLIENTS)
        )
        shown = [text for answer in answers for text in answer["messages"]]
    assert shown == [{"message": "once", "type": "basic"}]


def test_what_was_answered_is_known_everywhere(serve: Serve, tmp_path: Path) -> None:
    """No worker of any server answers from memory what another has changed."""
    seed, user = tmp_path / "seed.json", {"id": 1, "username": "root"}
    project = {"id": 7, "full_path": "root/public", "visibility": "public"}
    seed.write_text(json.dumps({"users": [user], "projects": [project]}))
    writer, reader = serve("--seed", seed), serve("--workers", "2")
    credentials = header(writer.data)
    pull = {"gl_repository": "project-7", "action": "git-upload-pack", "user_id": 1}
    for number in range(50):
        state, status = (("blocked", 401), ("active", 200))[number % 2]
        world = {"users": [{**user, "state": state}]}
        assert control(writer, "POST", "seed", world)[0] == 200
        # So many that both workers are asked.
        for server in (reader, reader, writer, reader):
            assert server.call("POST", ALLOWED, pull, credentials) == status


def test_a_writer_that_waits_stalls_nobody(serve: Serve) -> None:
    """While another process writes for long, readers are answered."""
    server = serve("--workers", "1")
    once = increase(server)
    path = server.data / "internal_api.db"
    with (
        ThreadPoolExecutor(1) as clients,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = clients.submit(once)
        for _ in range(20):
            assert server.get(READINESS) == {"status": "ok"}
        assert not waiting.done()
        other.execute("COMMIT")
        waiting.result()
    assert counted(server.data) == 1


def test_kill_loses_nothing_that_was_answered(serve: Serve) -> None:
    """After kill -9 in the middle of writes, everything that was answered is there."""
    server = serve("--workers", "2")
    once, enough, answered = increase(server), threading.Event(), []

    def write() -> None:
        while True:
            try:
                once()
            except (OSError, EOFError):
                return
            answered.append(1)
            if len(answered) >= 10 * CLIENTS:
                enough.set()

    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(CLIENTS):
            clients.submit(write)
        assert enough.wait(60)
        server.kill()
    before = counted(server.data)
    assert len(answered) <= before <= len(answered) + CLIENTS
    increase(serve())()
    assert counted(server.data) == before + 1


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "unix:socket"])
def test_restart_right_after_a_kill(serve: Serve, address: str, tmp_path: Path) -> None:
    """After kill -9 of the master its workers are gone, and its addresses free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bind = address.format(port).replace(":socket", f":{tmp_path}/socket")
    for _ in range(3):
        server = serve("--bind", bind, "--workers", 2)
        server.process.kill()
        server.process.wait(60)
