"""A server that serves: where it listens, what it says, how it ends."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import resource
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from processes import (
    CHECK,
    COMMAND,
    PRE_RECEIVE,
    TIMEOUT_S,
    Serve,
    Server,
    UnixConnection,
    header,
    run,
    wait_until,
)

READINESS = "/-/readiness"


def test_ready_file_tells_everything(serve: Serve, tmp_path: Path) -> None:
    """The ready file names the URL, the socket, the files and the master's process."""
    server = serve("--bind", "127.0.0.1:0", "--bind", "unix:s")
    data = tmp_path / "data"
    assert server.ready == {
        "url": f"http://127.0.0.1:{server.address[1]}",
        "socket": str(server.folder / "s"),
        "data": str(data),
        "shell_secret_file": str(data / ".gitlab_shell_secret"),
        "kas_secret_file": str(data / ".gitlab_kas_secret"),
        "pid": server.process.pid,
    }


def test_ready_file_without_tcp(serve: Serve) -> None:
    """What is not used is null."""
    assert serve("--bind", "unix:s").ready["url"] is None


def test_ready_file_of_an_earlier_run_is_removed(serve: Serve) -> None:
    """Whoever waits for the file never sees that of a server that is gone."""
    server = serve()
    ready_file = server.folder / "ready.json"
    server.kill()
    result = run("serve", "--ready-file", ready_file, "--bind", "nonsense")
    assert result.returncode == 2
    assert not ready_file.exists()


def test_ready_line_is_all_of_standard_output(serve: Serve) -> None:
    """With `-` the ready line is the first line, and nothing follows."""
    server = serve("--ready-file", "-", wait=False)
    assert server.process.stdout
    server.ready = json.loads(server.process.stdout.readline())
    assert server.get(READINESS) == {"status": "ok"}
    assert server.stop() == 0
    assert server.process.stdout.read() == b""


def test_every_address_answers(serve: Serve) -> None:
    """One server listens on IPv4, IPv6 and a socket with the mode it was given."""
    server = serve(
        *("--bind", "127.0.0.1:0"), *("--bind", "[::1]:0"), *("--bind", "unix:s:600")
    )
    path = server.folder / "s"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert server.get(READINESS) == {"status": "ok"}
    ok = {"status": "ok"}
    assert server.ask(UnixConnection(str(path)), "GET", READINESS) == ok
    ipv6 = next(line for line in server.stderr.splitlines() if "[::1]" in line)
    connection = http.client.HTTPConnection("::1", int(ipv6.rpartition(":")[2]))
    assert server.ask(connection, "GET", READINESS) == ok


def test_dead_socket_is_replaced(serve: Serve, tmp_path: Path) -> None:
    """The socket of a server that was killed does not stop the next one."""
    path = os.path.relpath(tmp_path / "s", tmp_path / "server-0")
    serve("--bind", f"unix:{path}").kill()
    assert (tmp_path / "s").is_socket()
    server = serve("--bind", f"unix:{path}")
    ok = {"status": "ok"}
    with socket.socket(socket.AF_UNIX):
        assert (
            server.ask(UnixConnection(server.ready["socket"]), "GET", READINESS) == ok
        )
    assert server.stop() == 0
    assert not (tmp_path / "s").exists()


def test_socket_of_a_successor_stays(serve: Serve) -> None:
    """A server that stops removes its own socket only."""
    server = serve("--bind", "unix:s")
    path = server.folder / "s"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(os.path.relpath(path))
        assert server.stop() == 0
        assert path.is_socket()


def test_secrets_are_for_their_owner(serve: Serve) -> None:
    """Data directory and secrets are made for nobody else to read."""
    data = serve().data
    modes = {
        path: stat.S_IMODE((data / path).stat().st_mode)
        for path in (".", ".gitlab_shell_secret", ".gitlab_kas_secret")
    }
    assert modes == {
        ".": 0o700,
        ".gitlab_shell_secret": 0o600,
        ".gitlab_kas_secret": 0o600,
    }


def test_greeting(serve: Serve) -> None:
    """On start it says where it is, what it holds and what to try, and no secret."""
    server = serve("--seed", "demo")
    wait_until(lambda: "curl" in server.stderr)
    greeting = server.stderr
    assert f"Listening on {server.ready['url']}\n" in greeting
    assert f"{server.data}/.gitlab_shell_secret" in greeting
    assert "Seeded demo: " in greeting
    assert (server.data / ".gitlab_shell_secret").read_text() not in greeting
    command = greeting[greeting.index("curl") :]
    result = subprocess.run(
        ("bash", "-c", command), capture_output=True, check=True, timeout=TIMEOUT_S
    )
    assert json.loads(result.stdout)["api_version"] == "v4"


@pytest.mark.parametrize("client", ["shell", "shared-secret"])
def test_printed_header_is_accepted(client: str, serve: Serve) -> None:
    """What `header` prints authenticates with the running server."""
    server = serve()
    assert server.get(CHECK, header(server.data, client))["redis"] is True


def test_second_server_on_the_same_data(serve: Serve) -> None:
    """Two servers share a data directory: secrets and state are the same."""
    first, second = serve("--seed", "demo"), serve()
    credentials = header(first.data)
    body = {"gl_repository": "project-7"}
    for server in (first, second):
        assert server.data == first.data
        assert server.post(PRE_RECEIVE, body, credentials) == {
            "reference_counter_increased": True
        }
    exported = run("export", "--data", first.data).stdout
    assert "reference_counters:\n  project-7: 2\n" in exported


def test_memory_leaves_no_database(serve: Serve) -> None:
    """In memory the seed is served, and only the secrets are on disk."""
    server = serve("--memory", "--seed", "demo")
    assert server.get(CHECK, header(server.data))["gitlab_version"] == "12.3.0-pre"
    names = {path.name for path in server.data.iterdir()}
    assert names == {".gitlab_shell_secret", ".gitlab_kas_secret"}


def test_relative_url_root(serve: Serve) -> None:
    """Below a prefix everything is there, and nothing elsewhere."""
    server = serve("--relative-url-root", "/gitlab/")
    assert server.ready["url"].endswith("/gitlab")
    credentials = header(server.data)
    assert server.get(f"/gitlab{CHECK}", credentials)["redis"] is True
    with closing(server.connect()) as connection:
        connection.request("GET", CHECK, headers=credentials)
        assert connection.getresponse().status == 404


def test_options_from_the_environment(serve: Serve) -> None:
    """A variable named as an option gives it."""
    env = {
        "INTERNAL_API_RELATIVE_URL_ROOT": "/from-env",
        "INTERNAL_API_SHELL_AUTH": "jwt",
        "INTERNAL_API_SEED": "demo",
    }
    server = serve(env=env)
    path = f"/from-env{CHECK}"
    assert server.get(path, header(server.data))["gitlab_version"] == "12.3.0-pre"
    with closing(server.connect()) as connection:
        secret = header(server.data, "shared-secret")
        connection.request("GET", path, headers=secret)
        assert connection.getresponse().status == 401


@pytest.mark.parametrize(
    ("bind", "warns"),
    [
        ("127.0.0.1:0", False),
        ("[::ffff:127.0.0.1]:0", False),
        ("0.0.0.0:0", True),
        ("[::]:0", True),
    ],
)
def test_warning_of_exposure(bind: str, warns: bool, serve: Serve) -> None:  # noqa: FBT001
    """Listening for other machines is warned of, with what it means."""
    server = serve("--bind", bind)
    assert ("can act as any of its clients" in server.stderr) == warns
    assert server.get(READINESS) == {"status": "ok"}


def test_threads(serve: Serve) -> None:
    """With threads it serves the same."""
    server = serve("--threads", "2", "--seed", "demo")
    credentials = header(server.data)
    assert server.get(CHECK, credentials)["gitlab_version"] == "12.3.0-pre"
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_chunked_body(serve: Serve) -> None:
    """A body in chunks, as Go's clients may send it, is read whole."""
    server = serve()
    credentials = header(server.data) | {"Content-Type": "application/json"}
    body = json.dumps({"gl_repository": "project-7", "padding": "x" * 100_000}).encode()
    chunks = (body[i : i + 777] for i in range(0, len(body), 777))
    answer = server.ask(
        *(server.connect(), "POST", PRE_RECEIVE),
        body=chunks,
        headers=credentials | {"Transfer-Encoding": "chunked"},
        encode_chunked=True,
    )
    assert answer == {"reference_counter_increased": True}


def test_long_key(serve: Serve) -> None:
    """The largest key that ssh-keygen makes fits into `authorized_keys?key=`."""
    server = serve()
    # 16384 bits as Base64, most characters of it escaped.
    key = "%2B" * 2600 + "A" * 168
    with closing(server.connect()) as connection:
        path = f"/api/v4/internal/authorized_keys?key={key}"
        connection.request("GET", path, headers=header(server.data))
        assert connection.getresponse().status == 404


def test_lfs_object_comes_whole(serve: Serve, tmp_path: Path) -> None:
    """An object larger than any buffer reaches a client that reads slowly."""
    oid = "ab" * 32
    seed = tmp_path / "lfs.json"
    project = {"id": 7, "full_path": "a/b", "lfs_objects": [oid]}
    seed.write_text(json.dumps({"projects": [project]}))
    server = serve("--seed", seed)
    content = os.urandom(8 << 20)
    path = server.data / "lfs" / oid[:2] / oid[2:4] / oid[4:]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with closing(server.connect()) as connection:
        url = f"/api/v4/internal/lfs?oid={oid}&gl_repository=project-7"
        connection.request("GET", url, headers=header(server.data))
        answer = connection.getresponse()
        read = b""
        while piece := answer.read(1 << 20):
            time.sleep(0.01)
            read += piece
    assert answer.status == 200
    assert read == content


def _push_that_hangs(serve: Serve, tmp_path: Path) -> tuple[Server, Future[Any], Path]:
    """A server, a push that it asks git about, and the file that git waits for."""
    digest = hashlib.sha256(b"3").hexdigest()
    repository = tmp_path / f"@hashed/{digest[:2]}/{digest[2:4]}/{digest}.git"
    subprocess.run(("git", "init", "--quiet", "--bare", repository), check=True)
    seed = tmp_path / "seed.json"
    world = {
        "settings": {"gitaly": {"storage_path": str(tmp_path)}},
        "users": [{"id": 1, "username": "root", "admin": True}],
        "projects": [{"id": 3, "full_path": "a/b"}],
    }
    seed.write_text(json.dumps(world))
    asked, told = tmp_path / "asked", tmp_path / "told"
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    # Ctrl-C is for all processes of a terminal; this one goes on.
    git.write_text(
        f"#!/bin/sh\ntrap '' INT\ntouch {asked}\n"
        f"while ! [ -e {told} ]; do sleep 0.05; done\n"
    )
    git.chmod(0o755)
    env = {"PATH": f"{git.parent}:{os.environ['PATH']}"}
    server = serve("--workers", "1", "--seed", seed, env=env)
    push = {
        "action": "git-receive-pack",
        "protocol": "ssh",
        "user_id": 1,
        "gl_repository": "project-3",
        "project": "a/b.git",
        "changes": f"{'0' * 40} {'a' * 40} refs/heads/new",
    }
    allowed = "/api/v4/internal/allowed"
    pusher = ThreadPoolExecutor(1)
    answer = pusher.submit(server.post, allowed, push, header(server.data))
    pusher.shutdown(wait=False)
    wait_until(asked.exists)
    return server, answer, told


def test_slow_git_stalls_nobody(serve: Serve, tmp_path: Path) -> None:
    """While git thinks about a push, the same worker answers others."""
    server, answer, told = _push_that_hangs(serve, tmp_path)
    assert server.get(READINESS) == {"status": "ok"}
    assert not answer.done()
    told.touch()
    assert answer.result(TIMEOUT_S)["status"] is True


def test_interrupt_does_not_wait_for_git(serve: Serve, tmp_path: Path) -> None:
    """Ctrl-C ends a server at once, whatever git still does."""
    server, answer, told = _push_that_hangs(serve, tmp_path)
    os.killpg(server.process.pid, 2)
    # Half of the time that running requests would get.
    assert server.process.wait(15) == 0
    told.touch()
    assert isinstance(answer.exception(TIMEOUT_S), OSError | http.client.HTTPException)
    assert "Traceback" not in server.stderr


def test_sitting_clients_stall_nobody(serve: Serve) -> None:
    """Silent clients, and those that keep a socket after the answer, hinder nobody."""
    server = serve()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.dial())
        for _ in range(50):
            client = stack.enter_context(server.dial())
            client.sendall(
                b"GET /-/readiness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
        half = stack.enter_context(server.dial())
        half.sendall(b"POST /api/v4/internal/check HTTP/1.1\r\nContent-Length: 9\r\n")
        for _ in range(50):
            assert server.get(READINESS) == {"status": "ok"}


LIVENESS = b"GET /-/liveness HTTP/1.1\r\nHost: x\r\n\r\n"


def few_descriptors(server: Server) -> None:
    """Let the only worker of a server open hardly more than it has."""
    [worker] = _children(server.process.pid)
    # What it has to read for this route has been read.
    assert server.get("/-/liveness") == {"status": "ok"}
    most = len(list(Path(f"/proc/{worker}/fd").iterdir())) + 10
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (most, most))


def test_more_clients_than_descriptors(serve: Serve) -> None:
    """Clients for whom there is no descriptor wait, and are served when there is."""
    server = serve("--workers", 1)
    few_descriptors(server)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.dial()) for _ in range(20)]
        for client in clients[:-1]:
            client.sendall(b"POST /-/liveness HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
        clients[-1].sendall(LIVENESS)
        for client in clients[:-1]:
            client.close()
        assert clients[-1].recv(1000).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_silent_clients_make_room(serve: Serve) -> None:
    """Where there are no descriptors left, who says nothing is hung up on."""
    server = serve("--workers", 1)
    few_descriptors(server)
    with ExitStack() as stack:
        silent = [stack.enter_context(server.dial()) for _ in range(30)]
        time.sleep(1.5)
        for _ in range(20):
            assert server.get("/-/liveness") == {"status": "ok"}
        assert silent[0].recv(1) == b""
        silent[-1].sendall(LIVENESS)
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_a_burst_waits_for_its_turn(serve: Serve) -> None:
    """Where there are more clients than descriptors, nobody who asks is cut off."""
    server = serve("--workers", 1)
    few_descriptors(server)
    request = LIVENESS.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with ExitStack() as stack:
        clients = [stack.enter_context(server.dial()) for _ in range(60)]
        time.sleep(0.1)
        for client in clients:
            client.sendall(request)
        for client in clients:
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_few_descriptors_are_for_clients(serve: Serve) -> None:
    """A low limit leaves most descriptors to clients, and silent ones stall nobody."""
    few = ("bash", "-c", 'ulimit -n 256; exec "$@"', "bash")
    server = serve("--workers", 1, prefix=few)
    with ExitStack() as stack:
        silent = [stack.enter_context(server.dial()) for _ in range(150)]
        assert server.get(READINESS) == {"status": "ok"}
        for client in silent:
            client.sendall(LIVENESS)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        silent += [stack.enter_context(server.dial()) for _ in range(150)]
        time.sleep(1.5)
        assert server.get(READINESS) == {"status": "ok"}


def test_requests_one_after_another(serve: Serve) -> None:
    """Requests that a client sends without waiting are answered in their order."""
    server = serve()
    paths = ["/-/health", "/-/liveness", "/nowhere", "/-/health"]
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n" for path in paths]
    with server.dial() as client:
        client.sendall("\r\n".join(requests).encode())
        client.sendall(b"Connection: close\r\n\r\n")
        with client.makefile("rb") as answers:
            content = answers.read()
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", content)
    assert statuses == [b"200", b"200", b"404", b"200"]
    assert content.endswith(b"GitLab OK")


def test_broken_requests_leave_no_trace(serve: Serve) -> None:
    """What is no HTTP, a client that leaves and a lying proxy are no errors."""
    server = serve()
    token = "secret-token"
    post = f"POST {PRE_RECEIVE}?secret_token={token} HTTP/1.1\r\nHost: x\r\n"
    for text in (
        "nonsense\r\n\r\n",
        f"GET /-/health?private_token={token} HTTP/9.9\r\n\r\n",
        f"{post}SCRIPT_NAME: /x\r\n\r\n",
        f"{post}X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
        f"{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        f"{post}Content-Length: 9\r\n\r\nab",
    ):
        with server.dial() as client:
            client.sendall(text.encode())
            client.shutdown(socket.SHUT_WR)
            assert not client.recv(1000).startswith(b"HTTP/1.1 5")
    assert server.get(READINESS) == {"status": "ok"}
    assert server.stop() == 0
    assert token not in server.stderr
    assert "Traceback" not in server.stderr


def test_sigterm_finishes_a_running_request(serve: Serve) -> None:
    """A request that runs when the server is told to stop is still answered."""
    server = serve()
    body = b'{"gl_repository":"project-7"}'
    lines = [
        f"POST {PRE_RECEIVE} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(": ".join(item) for item in header(server.data).items()),
        "Expect: 100-continue",
    ]
    with server.dial() as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        # The server says so when the request runs.
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        server.process.terminate()
        wait_until(lambda: not _answers(server.address))
        client.sendall(body)
        with client.makefile("rb") as answer:
            content = answer.read()
    assert content.startswith(b"HTTP/1.1 200 ")
    assert content.endswith(b'{"reference_counter_increased":true}')
    assert server.process.wait(TIMEOUT_S) == 0


def test_sigterm_waits_for_nobody_who_sits(serve: Serve) -> None:
    """Connections without a request do not hold up the end, and hear of it."""
    server = serve()
    with server.dial() as silent, closing(server.connect()) as idle:
        idle.request("GET", READINESS)
        assert idle.getresponse().read() == b'{"status":"ok"}'
        server.process.terminate()
        # Half of the time that running requests would get.
        assert server.process.wait(15) == 0
        assert silent.recv(1) == b""
    assert "Traceback" not in server.stderr


def test_sigterm_right_after_the_start(serve: Serve) -> None:
    """A worker that is still starting ends too, and at once."""
    for _ in range(5):
        server = serve("--workers", 16)
        server.process.terminate()
        # Half of the time that running requests would get.
        assert server.process.wait(15) == 0


def test_sigterm_again_and_again(serve: Serve) -> None:
    """A worker that is told many times to end does so silently."""
    server = serve("--workers", 1)
    said, master = server.stderr, server.process.pid
    for _ in range(10):
        wait_until(lambda: _answers(server.address) and bool(_children(master)))
        [worker] = _children(master)
        with suppress(ProcessLookupError):
            while worker in _children(master):
                os.kill(worker, 15)
    assert server.stop() == 0
    assert server.stderr.startswith(said)
    assert "Exception" not in server.stderr


def _children(pid: int) -> list[int]:
    """The processes of a process."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_interrupt_ends_it(serve: Serve) -> None:
    """Ctrl-C ends all of its processes, without a traceback."""
    server = serve()
    os.killpg(server.process.pid, 2)
    assert server.process.wait(TIMEOUT_S) == 0
    assert "Traceback" not in server.stderr


def test_workers_do_not_outlive_their_master(serve: Serve) -> None:
    """When the master is killed, its port becomes free."""
    server = serve()
    server.process.kill()
    server.process.wait(TIMEOUT_S)
    wait_until(lambda: not _answers(server.address))


def test_closed_standard_streams(tmp_path: Path) -> None:
    """A server whose output nobody reads serves all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    words = ("serve", "--data", tmp_path / "data", "--bind", f"127.0.0.1:{port}")
    command = (*COMMAND, *map(str, words), "--ready-file", "-")
    with subprocess.Popen(command, stdout=writing, stderr=writing) as process:
        os.close(writing)
        result = run("wait", f"http://127.0.0.1:{port}")
        process.terminate()
        assert (process.wait(TIMEOUT_S), result.returncode) == (0, 0)


def test_another_server(tmp_path: Path) -> None:
    """Any WSGI server serves `internal_api.wsgi:application`."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    data = tmp_path / "data"
    listen = (f"--listen=127.0.0.1:{port}", "internal_api.wsgi:application")
    command = (sys.executable, "-m", "waitress", *listen)
    env = {**os.environ, "INTERNAL_API_DATA": str(data)}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            assert run("wait", url).returncode == 0
            name, value = next(iter(header(data).items()))
            request = urllib.request.Request(url + CHECK, headers={name: value})  # noqa: S310
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                assert json.load(answer)["api_version"] == "v4"
        finally:
            process.kill()


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 1).close()
    except OSError:
        return False
    return True
