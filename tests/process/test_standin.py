"""The control routes of real servers."""

from __future__ import annotations

import http.client
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from processes import (
    CHECK,
    COMMAND,
    CONTROL,
    Serve,
    check,
    control,
    header,
    run,
    wait_until,
)


def test_workers_share_journal_faults_and_clock(serve: Serve) -> None:
    """Whichever worker answers, there is one journal, one clock, one set of faults."""
    server = serve("--workers", 2, "--seed", "demo")
    control(server, "PUT", "clock", {"now": "2030-01-01T00:00:00Z", "frozen": True})
    rule = {"match": {"path": CHECK}, "times": 10, "status": 503}
    control(server, "PUT", "faults", rule)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: check(server), range(60)))
    assert statuses.count(503) == 10
    assert statuses.count(401) == 50
    for _ in range(8):
        assert control(server, "GET", "requests/count") == (200, {"count": 60})
        assert control(server, "GET", "requests/count?status=503")[1] == {"count": 10}
        now = {"now": "2030-01-01T00:00:00.000Z", "frozen": True}
        assert control(server, "GET", "clock") == (200, now)
    assert control(server, "POST", "reset") == (204, None)
    for _ in range(8):
        assert control(server, "GET", "requests/count") == (200, {"count": 0})


def test_reset_reaches_all_workers(serve: Serve) -> None:
    """What was seeded by request is gone for every worker after a reset."""
    server = serve("--workers", 2, "--seed", "demo")
    shell = header(server.data)
    discover = "/api/v4/internal/discover?username=ada"
    for _ in range(3):
        seed = {"users": [{"username": "ada"}]}
        assert control(server, "POST", "seed", seed)[0] == 200
        assert {server.get(discover, shell)["username"] for _ in range(8)} == {"ada"}
        assert control(server, "POST", "reset")[0] == 204
        assert [server.get(discover, shell) for _ in range(8)] == [None] * 8


def test_reset_goes_back_to_what_commands_loaded(serve: Serve, tmp_path: Any) -> None:
    """The seeded state is what the last command has loaded, also while it serves."""
    server = serve("--seed", "demo")
    shell = header(server.data)
    seed = tmp_path / "ada.json"
    seed.write_text('{"users": [{"username": "ada"}]}')
    assert run("seed", seed, "--data", server.data).returncode == 0
    control(server, "POST", "reset")
    discover = "/api/v4/internal/discover?username="
    assert server.get(discover + "ada", shell)["username"] == "ada"
    assert server.get(discover + "rubi", shell)["username"] == "rubi"


@pytest.mark.parametrize("options", [("--memory",), ("--threads", 2)])
def test_other_ways_to_serve(serve: Serve, options: tuple[object, ...]) -> None:
    """In memory and with threads the control routes are the same."""
    server = serve("--seed", "demo", *options)
    # Not a control request at first: what a reset goes back to is older than any.
    subscription = {"start_date": "2026-01-01", "plan_code": "premium"}
    path, admin = "/api/v4/namespaces/1234/gitlab_subscription", "demo-admin-token"
    for _ in range(2):
        assert server.call("POST", path, subscription, {"PRIVATE-TOKEN": admin}) == 201
        control(server, "POST", "reset")
    shell = header(server.data)
    control(server, "POST", "seed", {"users": [{"username": "ada"}]})
    assert server.get("/api/v4/internal/discover?username=ada", shell)
    control(server, "POST", "reset")
    assert server.get("/api/v4/internal/discover?username=ada", shell) is None
    assert control(server, "GET", "requests/count") == (200, {"count": 1})


def test_dropped_and_truncated_answers(serve: Serve) -> None:
    """A client sees a connection that breaks, and the next request is answered."""
    server = serve("--seed", "demo")
    control(server, "PUT", "faults", [{"drop": True, "times": 1}])
    with pytest.raises(http.client.RemoteDisconnected):
        check(server)
    for size, body in ((3, b'{"m'), (0, b"")):
        control(server, "PUT", "faults", [{"truncate": size, "times": 1}])
        with closing(server.connect()) as connection:
            connection.request("GET", CHECK)
            answer = connection.getresponse()
            with pytest.raises(http.client.IncompleteRead) as broken:
                answer.read()
        assert broken.value.partial == body
    assert check(server) == 401
    assert server.stderr.count("Traceback") == 0


def test_delay_stalls_nobody_else(serve: Serve) -> None:
    """While one request is delayed the others are answered."""
    server = serve("--workers", 1)
    rule = {"match": {"path": CHECK}, "delay": 30, "times": 1, "status": 504}
    control(server, "PUT", "faults", rule)
    slow = server.dial()
    slow.sendall(f"GET {CHECK} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    deadline = time.monotonic() + 20
    while control(server, "GET", "faults")[1]["faults"][0]["acted"] == 0:
        assert time.monotonic() < deadline
    assert check(server) == 401
    slow.settimeout(0)
    with pytest.raises(BlockingIOError):
        slow.recv(1)
    slow.close()


def test_wait_is_told_at_once(serve: Serve) -> None:
    """Who waits for a request is answered when it comes, by whichever worker."""
    server = serve("--workers", 2)
    with ThreadPoolExecutor(1) as pool:
        path = f"requests/wait?path={CHECK}&count=2&timeout=50"
        waiting = pool.submit(control, server, "GET", path)
        check(server)
        assert not waiting.done()
        check(server)
        status, body = waiting.result(timeout=40)
    assert (status, body["count"]) == (200, 2)


def test_faults_of_the_command_line(serve: Serve) -> None:
    """`--fault` is there before the first request."""
    server = serve("--fault", '{"times": 1, "status": 502}')
    assert [check(server) for _ in range(2)] == [502, 401]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--fault", "{"), "--fault {: Input data was truncated"),
        (("--fault", "{}"), "--fault {}: rule 0: expected"),
        (("--fault", '{"drop": true}', "--no-control"), "--fault needs the control"),
    ],
)
def test_fault_that_cannot_be(tmp_path: Any, options: Any, error: str) -> None:
    """A fault that cannot be is one line, and status 2."""
    words = ("serve", "--data", tmp_path / "data", "--bind", "127.0.0.1:0")
    ended = run(*words, *options)
    assert ended.returncode == 2
    assert error in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_no_control(serve: Serve) -> None:
    """Without control routes the answers are GitLab's alone."""
    server = serve("--no-control")
    assert control(server, "POST", "reset") == (404, {"error": "404 Not Found"})
    connection = server.connect()
    connection.request("GET", CHECK)
    answer = connection.getresponse()
    assert b"401 Unauthorized" in answer.read()
    assert answer.getheader("X-Standin-Reason") is None
    connection.close()


def test_token_where_others_can_call(serve: Serve) -> None:
    """A server that others can reach prints a token, and asks for it."""
    server = serve("--bind", "0.0.0.0:0", "--control-token", "let-me-in")
    wait_until(lambda: "Token of the control routes: let-me-in\n" in server.stderr)
    inspector = f"Inspector at {server.ready['url']}/_standin/?token=let-me-in\n"
    wait_until(lambda: inspector in server.stderr)
    port = server.address[1]

    def clock(headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", f"{CONTROL}clock", headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    assert clock({}) == 401
    assert clock({"Authorization": "Bearer wrong"}) == 401
    assert clock({"Authorization": "Bearer let-me-in"}) == 200


def test_requests_command(serve: Serve) -> None:
    """The command prints what is in the journal, and with an option what comes."""
    server = serve("--seed", "demo")
    check(server)
    printed = run("requests", server.ready["url"]).stdout
    assert f"  401  GET {CHECK}  (-)  " in printed
    assert printed.rstrip().endswith("no JWT; no shared secret, or a wrong one")
    command = (*COMMAND, "requests", server.ready["url"], "--follow-live")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        assert "401" in following.stdout.readline()
        connection = server.connect()
        connection.request("GET", "/-/liveness")
        connection.getresponse().read()
        connection.close()
        assert "200  GET /-/liveness" in following.stdout.readline()
        following.kill()


def test_requests_command_of_nobody(tmp_path: Any) -> None:
    """Where nobody answers the command says so in one line."""
    ended = run("requests", f"unix:{tmp_path}/none")
    assert ended.returncode == 2
    assert ended.stderr.startswith("internal-api: unix:")


def test_journal_survives_a_killed_worker(serve: Serve) -> None:
    """A worker that is killed takes nothing with it, and blocks nobody."""
    server = serve("--workers", 2)
    for _ in range(5):
        check(server)
    subprocess.run(["pkill", "-9", "-P", str(server.process.pid)], check=True)
    deadline = time.monotonic() + 30
    while True:
        try:
            status, body = control(server, "GET", "requests/count")
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert (status, body) == (200, {"count": 5})
