"""The other commands, against servers and files."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from processes import CHECK, COMMAND, TIMEOUT_S, Serve, header, run


def test_wait_for_a_server(serve: Serve) -> None:
    """It returns once the server is ready, over TCP and over a socket."""
    server = serve(
        *("--bind", "127.0.0.1:0", "--bind", "unix:s", "--relative-url-root", "/root")
    )
    path = server.ready["socket"]
    url = server.ready["url"]
    assert run("wait", url).returncode == 0
    bare = url.removesuffix("/root")
    assert run("wait", bare, "--relative-url-root", "/root").returncode == 0
    for url in (f"unix:{path}", f"http+unix://{quote(path, safe='')}"):
        result = run("wait", url, "--relative-url-root", "/root")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_wait_in_vain() -> None:
    """When the time is over it says what it saw, with status 1."""
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    result = run("wait", f"http://127.0.0.1:{port}", "--timeout", "0.1")
    assert result.returncode == 1
    assert result.stderr == (
        f"internal-api: http://127.0.0.1:{port} is not ready after 0.1 s:"
        " Connection refused\n"
    )


def test_wait_for_another_server(serve: Serve) -> None:
    """A server that answers anything but 200 is not ready."""
    url = f"{serve().ready['url']}/elsewhere"
    result = run("wait", url, "--timeout", "0")
    assert result.returncode == 1
    assert result.stderr.endswith(": answered 404\n")


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://", "http://[::1"])
def test_wait_for_nothing(url: str) -> None:
    """What is no URL of a server is refused at once."""
    assert run("wait", url).returncode == 2


def test_seed_while_it_serves(serve: Serve) -> None:
    """What `seed` loads, a running server answers from."""
    server = serve()
    credentials = header(server.data)
    assert server.get(CHECK, credentials)["gitlab_version"] != "12.3.0-pre"
    result = run("seed", "demo", "--data", server.data)
    assert result.returncode == 0
    assert result.stdout.startswith("Seeded demo: 4 settings, 5 users, ")
    assert server.get(CHECK, credentials)["gitlab_version"] == "12.3.0-pre"


def test_seed_makes_the_data_directory(tmp_path: Path) -> None:
    """`seed` alone makes database and secrets, which `header` then reads."""
    data = tmp_path / "new" / "data"
    assert run("seed", "demo", "--data", data).returncode == 0
    names = {path.name for path in data.iterdir()}
    assert {"internal_api.db", ".gitlab_shell_secret", ".gitlab_kas_secret"} <= names
    assert run("header", "kas", "--data", data).returncode == 0


@pytest.mark.parametrize(
    ("client", "other"), [("shell", "kas"), ("shared-secret", "kas"), ("kas", "shell")]
)
def test_header_needs_the_secret_of_its_client_only(
    client: str, other: str, tmp_path: Path
) -> None:
    """Where the secret of another client is not there, or is none, nobody minds."""
    assert run("seed", "demo", "--data", tmp_path).returncode == 0
    secret = tmp_path / f".gitlab_{other}_secret"
    secret.write_text("")
    assert run("header", client, "--data", tmp_path).returncode == 0
    secret.unlink()
    assert run("header", client, "--data", tmp_path).returncode == 0


def test_seed_is_all_or_nothing(tmp_path: Path) -> None:
    """Of several seeds with a mistake in one, none is loaded."""
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"keys": [{"user": "nobody", "key": "x"}]}))
    data = tmp_path / "data"
    before = run("seed", _empty(tmp_path), "--data", data)
    empty = run("export", "--data", data).stdout
    result = run("seed", "demo", bad, "--data", data)
    assert (before.returncode, result.returncode) == (0, 2)
    assert result.stderr.startswith(f"internal-api: {bad}: ")
    assert len(result.stderr.splitlines()) == 1
    assert run("export", "--data", data).stdout == empty


def test_export_loads_back(tmp_path: Path) -> None:
    """An export, loaded into an empty directory, exports the same."""
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("seed", "demo", "--data", first).returncode == 0
    exported = tmp_path / "export.yml"
    exported.write_text(run("export", "--data", first).stdout)
    assert run("seed", exported, "--data", second).returncode == 0
    assert run("export", "--data", second).stdout == exported.read_text()


@pytest.mark.parametrize("command", ["wait", "requests"])
@pytest.mark.parametrize(
    "url", ["http://a..b", "http://h/\u00e4", f"http://{'a' * 70}"]
)
def test_url_that_cannot_be_sent(command: str, url: str) -> None:
    """What is no name of a machine, or no path in ASCII, is one line and status 2."""
    result = run(command, url)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"internal-api: {url}: ")
    assert len(result.stderr.splitlines()) == 1


def test_output_that_nobody_reads() -> None:
    """A command whose reader has left ends without a word."""
    line = f"{shlex.join(COMMAND)} routes | true"
    piped = subprocess.run(
        ("sh", "-c", line), capture_output=True, check=True, timeout=TIMEOUT_S
    )
    assert (piped.stdout, piped.stderr) == (b"", b"")


@pytest.mark.parametrize(
    "command", [("export",), ("seats", "refresh"), ("header", "shell")]
)
def test_nothing_there(command: tuple[str, ...], tmp_path: Path) -> None:
    """What is asked of a data directory that is not there is told, not made."""
    data = tmp_path / "data"
    result = run(*command, "--data", data)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"internal-api: {data}/")
    assert not data.exists()


def _empty(folder: Path) -> Path:
    path = folder / "empty.yml"
    path.write_text("")
    return path
