"""The database is prepared by a process beside the server."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import Serve, Server, header, run, wait_until

SEED = json.dumps({"users": [{"id": 1, "username": "root", "name": "Root"}]})
READINESS = "/-/readiness"
DISCOVER = "/api/v4/internal/discover?user_id=1"


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    """A seed that is read when somebody writes it."""
    path = tmp_path / "seed"
    os.mkfifo(path)
    return path


def child_of(server: Server) -> int:
    """The process beside a server that starts."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: children.read_text() != "")
    return int(children.read_text())


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"


def write(path: Path, text: str) -> None:
    """Write to a pipe that is read."""
    writer = threading.Thread(target=path.write_text, args=(text,), daemon=True)
    writer.start()
    writer.join(60)
    assert not writer.is_alive()


def test_killed(serve: Serve, seed: Path) -> None:
    """Where the process beside the server is killed, that is one line and status 2."""
    server = serve("--seed", seed, wait=False)
    os.kill(child_of(server), signal.SIGKILL)
    assert server.process.wait(60) == 2
    database = server.data / "internal_api.db"
    assert server.stderr == (
        f"internal-api: {database}: the process that prepares it has died\n"
    )


def test_what_is_read_once(tmp_path: Path) -> None:
    """A seed may come from a pipe; what is wrong with it is told."""
    words = ("serve", "--data", tmp_path, "--bind", "127.0.0.1:0")
    result = run(*words, "--seed", "/dev/stdin", input="users: [")
    assert result.returncode == 2
    assert result.stderr.startswith("internal-api: /dev/stdin: line 2: ")
    assert len(result.stderr.splitlines()) == 1


def test_what_a_pipe_says_is_served(serve: Serve, seed: Path) -> None:
    """What is loaded beside the server is there with its first answer."""
    server = serve("--seed", seed, "--ready-file", "-", wait=False)
    write(seed, SEED)
    assert server.process.stdout
    server.ready = json.loads(server.process.stdout.readline())
    assert server.get(DISCOVER, header(server.data))["username"] == "root"
    assert f"Seeded {seed}: 1 user\n" in server.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_the_server(number: int, serve: Serve, seed: Path) -> None:
    """Who ends the server ends what loads its seeds."""
    server = serve("--seed", seed, wait=False)
    child = child_of(server)
    server.process.send_signal(number)
    server.process.wait(60)
    wait_until(lambda: not is_running(child))


def test_told_to_stop_before_it_serves(
    serve: Serve, tmp_path: Path, seed: Path
) -> None:
    """A server that is told to stop while it starts ends well and tidies up."""
    path = tmp_path / "socket"
    server = serve("--seed", seed, "--bind", f"unix:{path}", wait=False)
    child_of(server)
    assert path.exists()
    server.process.terminate()
    assert (server.process.wait(60), server.stderr) == (0, "")
    assert not path.exists()


def test_told_to_stop_while_it_waits_for_a_seed(serve: Serve, seed: Path) -> None:
    """Also a server without a file stops when its seed does not come."""
    server = serve("--memory", "--seed", seed, wait=False)
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    wait_until(lambda: any(file.is_socket() for file in descriptors.iterdir()))
    time.sleep(0.3)
    server.process.terminate()
    assert (server.process.wait(60), server.stderr) == (0, "")


@pytest.mark.parametrize("delay_ms", range(80, 260, 20))
def test_told_to_stop_at_any_moment(
    serve: Serve, tmp_path: Path, delay_ms: int
) -> None:
    """Whenever a server that starts is told to stop, it does, and tidies up."""
    path = tmp_path / "socket"
    server = serve("--bind", f"unix:{path}", wait=False)
    wait_until(path.exists)
    time.sleep((delay_ms - 80) / 1000)
    server.process.terminate()
    assert server.process.wait(60) == 0
    assert not path.exists()


def test_ignored_children(tmp_path: Path, seed: Path) -> None:
    """A parent that ignores its children hands that on, and it does not matter."""
    seed.unlink()
    ignore = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    program = f"import os, signal, sys; {ignore}; os.execv(sys.argv[1], sys.argv[1:])"
    prefix = (sys.executable, "-c", program)
    words = ("serve", "--data", tmp_path, "--bind", "127.0.0.1:0", "--seed", seed)
    result = run(*words, prefix=prefix)
    assert result.stderr == f"internal-api: {seed}: No such file or directory\n"


def test_nothing_is_loaded_without_an_address(serve: Serve, tmp_path: Path) -> None:
    """Where a server cannot listen, its seeds do not change what another one serves."""
    server = serve()
    seed, address = tmp_path / "seed.json", "{}:{}".format(*server.address)
    seed.write_text(SEED)
    before = run("export", "--data", server.data).stdout
    result = run("serve", "--data", server.data, "--seed", seed, "--bind", address)
    assert result.returncode == 2
    assert run("export", "--data", server.data).stdout == before


def test_names_that_are_no_text(serve: Serve, tmp_path: Path) -> None:
    """A seed and a data directory may have any name that a file can have."""
    seed, data = tmp_path / os.fsdecode(b"\xff.json"), tmp_path / os.fsdecode(b"\xfe")
    seed.write_text(SEED)
    server = serve("--seed", seed, "--data", data)
    assert server.get(READINESS) == {"status": "ok"}
    assert f"Seeded {seed}: 1 user\n" in server.stderr
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    assert (
        run("seed", "--data", data, seed, env=strict, errors="replace").returncode == 0
    )


def test_told_to_stop_while_it_reads_a_secret(serve: Serve, tmp_path: Path) -> None:
    """Also a server stops that waits for a secret, which may be a pipe."""
    data = tmp_path / "data"
    data.mkdir()
    os.mkfifo(data / ".gitlab_kas_secret")
    server = serve(wait=False)
    # The other one is made before.
    wait_until((data / ".gitlab_shell_secret").exists)
    time.sleep(0.3)
    server.process.terminate()
    assert (server.process.wait(60), server.stderr) == (0, "")
