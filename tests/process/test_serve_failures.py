"""What keeps `serve` from starting is one line and status 2."""

from __future__ import annotations

import base64
import os
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from processes import Certificates, Serve, run


def refusal(*options: object, data: Path, **kwargs: object) -> str:
    """Start a server that cannot; the reason that it gives."""
    result = run("serve", "--data", data, *options, **kwargs)
    lines = result.stderr.splitlines()
    assert (result.returncode, result.stdout, len(lines)) == (2, "", 1), result.stderr
    name, _, reason = lines[0].partition(": ")
    assert name == "internal-api"
    return reason


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


@pytest.mark.parametrize(
    "text",
    ["3001", ":3001", "host", "host:65536", "::1:3001", "[::1]", "unix:", "host:http"],
)
def test_bind_malformed(text: str, data: Path) -> None:
    """An address that is none is told with the forms that are."""
    assert refusal("--bind", text, data=data) == (
        f"cannot listen on {text!r}:"
        " expected HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH:MODE"
    )


def test_port_in_use(data: Path) -> None:
    """A port that another server has is not taken from it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        reason = refusal("--bind", address, data=data)
    assert reason == f"cannot listen on {address}: Address already in use"


def test_address_of_another_machine(data: Path) -> None:
    """An address that this machine does not have cannot be listened on."""
    reason = refusal("--bind", "192.0.2.1:0", data=data)
    assert reason == "cannot listen on 192.0.2.1:0: Cannot assign requested address"


def test_socket_path_too_long(tmp_path: Path, data: Path) -> None:
    """A socket's path has at most 107 bytes, and the line says so."""
    path = tmp_path / ("s" * 108)
    reason = refusal("--bind", f"unix:{path}", data=data)
    length = len(os.fsencode(path))
    text = f"{length} bytes, a socket's path has at most 107"
    assert reason == f"cannot listen on unix:{path}: {text}"


def test_socket_path_is_a_file(tmp_path: Path, data: Path) -> None:
    """A file that is no socket is never removed."""
    path = tmp_path / "file"
    path.write_text("precious")
    reason = refusal("--bind", "unix:file", data=data, cwd=tmp_path)
    assert reason == "cannot listen on unix:file: it exists and is no socket"
    assert path.read_text() == "precious"


def test_socket_of_a_live_server(data: Path, serve: Serve) -> None:
    """The socket of a server that answers is not taken from it."""
    server = serve("--bind", "unix:s")
    reason = refusal("--bind", "unix:s", data=data, cwd=server.folder)
    assert reason == "cannot listen on unix:s: another server is there"
    assert server.stop() == 0
    assert not (server.folder / "s").exists()


def test_first_socket_is_removed_when_the_second_fails(
    tmp_path: Path, data: Path
) -> None:
    """A server that cannot listen everywhere leaves no socket behind."""
    refusal("--bind", "unix:s", "--bind", "192.0.2.1:0", data=data, cwd=tmp_path)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.yml", None, "No such file or directory"),
        ("broken.yml", "users: [", "line 2"),
        ("unknown.yml", "no_such_key: 1", "no_such_key"),
    ],
)
def test_unusable_seed(
    name: str, content: str | None, reason: str, tmp_path: Path, data: Path
) -> None:
    """A seed that cannot be read is named, with the reason."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    line = refusal("--seed", path, "--bind", "127.0.0.1:0", data=data)
    assert line.startswith(f"{path}: ")
    assert reason in line


def test_data_directory_below_a_file(tmp_path: Path) -> None:
    """A data directory that cannot be is named."""
    (tmp_path / "file").write_text("")
    data = tmp_path / "file" / "data"
    assert refusal(data=data) == f"{data}: Not a directory"


def test_data_directory_of_somebody_else(data: Path) -> None:
    """A data directory that may not be written is named."""
    data.mkdir(mode=0o500)
    # Root may write everywhere, but for the capability to do so.
    drop = ("setpriv", "--bounding-set", "-dac_override")
    prefix = drop if os.geteuid() == 0 else ()
    reason = refusal(data=data, prefix=prefix)
    assert reason.startswith(str(data))
    assert reason.endswith("Permission denied")


def test_database_of_another_version(data: Path) -> None:
    """A database that another version made is left alone."""
    data.mkdir()
    path = data / "internal_api.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert refusal("--bind", "127.0.0.1:0", data=data).startswith(f"{path}: schema 99")


def test_database_is_no_database(data: Path) -> None:
    """A file that SQLite does not know is left alone."""
    data.mkdir()
    path = data / "internal_api.db"
    path.write_text("precious " * 100)
    reason = refusal("--bind", "127.0.0.1:0", data=data)
    assert reason == f"{path}: file is not a database"
    assert path.read_text() == "precious " * 100


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (".gitlab_shell_secret", b"", "the secret is empty"),
        (".gitlab_shell_secret", b" \n", "the secret is empty"),
        (".gitlab_kas_secret", b"", "expected Base64 of 32 bytes"),
        (".gitlab_kas_secret", b"?" * 44, "expected Base64 of 32 bytes"),
        (
            ".gitlab_kas_secret",
            base64.b64encode(bytes(31)),
            "expected Base64 of 32 bytes",
        ),
    ],
)
def test_unusable_secret(name: str, content: bytes, reason: str, data: Path) -> None:
    """A secret that no client could use is not served with."""
    data.mkdir()
    (data / name).write_bytes(content)
    assert refusal(data=data) == f"{data / name}: {reason}"


def test_database_that_may_not_be_written(data: Path) -> None:
    """A database that this user may not write to is not served."""
    assert run("seed", "demo", "--data", data).returncode == 0
    (data / "internal_api.db").chmod(0o444)
    mortal = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    reason = refusal(data=data, prefix=mortal if os.geteuid() == 0 else ())
    assert reason == f"{data / 'internal_api.db'}: Permission denied"


def test_memory_with_workers(data: Path) -> None:
    """A database in memory is that of one process."""
    reason = refusal("--memory", "--workers", "2", data=data)
    assert "--memory" in reason
    assert not data.exists()


@pytest.mark.parametrize(
    "root", ["gitlab", "/git lab", "/{x}", "/a//b", "/.", "/a/../b"]
)
def test_relative_url_root_malformed(root: str, data: Path) -> None:
    """A prefix that is no plain path is refused."""
    reason = refusal("--relative-url-root", root, data=data)
    assert reason == f"relative URL root {root!r}: expected a path like /gitlab"


@pytest.mark.parametrize("option", ["--certfile", "--keyfile", "--client-ca"])
def test_missing_tls_file(
    option: str, tmp_path: Path, data: Path, certificates: Certificates
) -> None:
    """A file for TLS that cannot be read is named."""
    files = {"--certfile": certificates.server, "--keyfile": certificates.server_key}
    files[option] = tmp_path / "missing.pem"
    options = (word for item in files.items() for word in item)
    reason = refusal(*options, data=data)
    assert reason == f"{tmp_path / 'missing.pem'}: No such file or directory"


def test_key_of_another_certificate(data: Path, certificates: Certificates) -> None:
    """A certificate goes only with its own key."""
    pair = (certificates.server, certificates.client_key)
    reason = refusal("--certfile", pair[0], "--keyfile", pair[1], data=data)
    assert reason.startswith(f"{pair[0]} and {pair[1]}: no certificate with its key")


def test_key_with_a_passphrase(
    tmp_path: Path, data: Path, certificates: Certificates
) -> None:
    """Nobody is asked for a passphrase."""
    key = tmp_path / "key.pem"
    options = ("-aes256", "-passout", "pass:secret", "-out", key)
    subprocess.run(
        ("openssl", "ec", "-in", certificates.server_key, *options),
        check=True,
        capture_output=True,
    )
    pair = ("--certfile", certificates.server, "--keyfile", key)
    reason = refusal(*pair, data=data, stdin=subprocess.DEVNULL)
    assert reason.startswith(f"{certificates.server} and {key}: no certificate")


def test_client_ca_that_is_no_certificate(
    data: Path, certificates: Certificates
) -> None:
    """A CA file without a certificate is named."""
    pair = ("--certfile", certificates.server, "--keyfile", certificates.server_key)
    key = certificates.server_key
    reason = refusal(*pair, "--client-ca", key, data=data)
    assert reason.startswith(f"{key}: no certificate")


@pytest.mark.parametrize(
    ("mode", "option"),
    [
        ("auto", "--certfile"),
        ("auto", "--keyfile"),
        ("mutual", "--certfile"),
        ("mutual", "--client-ca"),
    ],
)
def test_made_certificates_and_others(
    mode: str, option: str, data: Path, certificates: Certificates
) -> None:
    """With `--tls` no option may name what it makes itself."""
    reason = refusal("--tls", mode, option, certificates.ca, data=data)
    assert reason == f"--tls {mode} makes its own certificates: no {option}"
    assert not (data / "tls").exists()


def test_made_certificates_without_openssl(data: Path, tmp_path: Path) -> None:
    """Where openssl is missing, the line says so."""
    env = {**os.environ, "PATH": str(tmp_path)}
    bind = ("--bind", "127.0.0.1:0")
    reason = refusal("--tls", "auto", *bind, data=data, env=env)
    assert reason == "openssl, which makes certificates, is not there"


def test_made_certificates_in_a_file(data: Path) -> None:
    """A folder of certificates that cannot be made is named."""
    data.mkdir()
    (data / "tls").touch()
    reason = refusal("--tls", "auto", "--bind", "127.0.0.1:0", data=data)
    assert reason == f"{data / 'tls'}: File exists"


@pytest.mark.parametrize("option", ["--keyfile", "--client-ca"])
def test_tls_without_certificate(
    option: str, data: Path, certificates: Certificates
) -> None:
    """Key and CA alone would serve without encryption."""
    reason = refusal(option, certificates.server_key, data=data)
    assert reason == "--keyfile and --client-ca need --certfile"


def test_ready_file_in_no_folder(tmp_path: Path, data: Path) -> None:
    """A ready file that can never be written is told at once."""
    folder = tmp_path / "missing"
    reason = refusal("--ready-file", folder / "ready", data=data)
    assert reason == f"{folder}: No such file or directory"


@pytest.mark.parametrize(
    "options", [("--workers", "0"), ("--follow", "x"), ("--no-such",), ("--bind",)]
)
def test_usage(options: tuple[str, ...], data: Path) -> None:
    """An option that is used wrongly is named."""
    assert options[0] in refusal(*options, data=data)
