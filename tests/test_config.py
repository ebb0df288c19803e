"""Settings, addresses and secret files."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from internal_api.config import Config, ConfigError, from_environment
from internal_api.listeners import ListenError, TcpAddress, UnixAddress, parse
from internal_api.secret_files import Secrets, read_or_create

HOSTS = st.from_regex(r"[a-z0-9.-]+", fullmatch=True)
PORTS = st.integers(0, 65535)


def test_defaults() -> None:
    """Without variables the settings are the defaults of the options."""
    assert from_environment({}) == Config()
    assert from_environment({"INTERNAL_API_FOLLOW": ""}) == Config()


def test_variables() -> None:
    """Each variable sets what is named like it; others do nothing."""
    environ = {
        "INTERNAL_API_DATA": "/data",
        "INTERNAL_API_FOLLOW": "gitlab",
        "INTERNAL_API_SHELL_AUTH": "jwt",
        "INTERNAL_API_RELATIVE_URL_ROOT": "/gitlab/",
        "INTERNAL_API_SCIM_ERRORS": "rfc",
        "INTERNAL_API_OTHER": "x",
        "DATA": "y",
    }
    expected = Config(Path("/data"), "gitlab", "jwt", "/gitlab", "rfc")
    assert from_environment(environ) == expected


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FOLLOW", "follow 'x': expected documentation or gitlab"),
        ("SHELL_AUTH", "shell auth 'x': expected any or jwt"),
        ("SCIM_ERRORS", "SCIM errors 'x': expected gitlab or rfc"),
        ("RELATIVE_URL_ROOT", "relative URL root 'x': expected a path like /gitlab"),
    ],
)
def test_unknown_value(variable: str, text: str) -> None:
    """A value that cannot be is told with those that can."""
    with pytest.raises(ConfigError) as failure:
        from_environment({f"INTERNAL_API_{variable}": "x"})
    assert str(failure.value) == text


@given(HOSTS, PORTS)
def test_tcp_address(host: str, port: int) -> None:
    """An address reads back as it is written."""
    assert parse(f"{host}:{port}") == TcpAddress(host, port)
    assert str(TcpAddress(host, port)) == f"{host}:{port}"


@given(st.ip_addresses(v=6).map(str), PORTS)
def test_ipv6_address(host: str, port: int) -> None:
    """IPv6 stands in brackets."""
    address = TcpAddress(host, port)
    assert parse(str(address)) == address
    assert str(address) == f"[{host}]:{port}"


@given(st.from_regex(r"[a-z/. ]+", fullmatch=True), st.integers(0o100, 0o777))
@example("a", 0o660)
def test_unix_address(path: str, mode: int) -> None:
    """A path may be followed by an octal mode."""
    assert parse(f"unix:{path}") == UnixAddress(path)
    assert parse(f"unix:{path}:{mode:o}") == UnixAddress(path, mode)


@given(st.text().filter(lambda text: not text.startswith("unix:")))
def test_no_address(text: str) -> None:
    """What has no port is told to be no address, word for word."""
    with pytest.raises(ListenError) as failure:
        parse(f"{text}:")
    assert repr(f"{text}:") in str(failure.value)


def test_secrets_of_racing_processes(tmp_path: Path) -> None:
    """Of several who make the secrets at once, all use the same."""
    config, together = Config(tmp_path / "data"), Barrier(8)

    def make(_: int) -> Secrets:
        together.wait()
        return read_or_create(config)

    with ThreadPoolExecutor(8) as makers:
        assert len(set(makers.map(make, range(8)))) == 1
    names = {path.name for path in config.data.iterdir()}
    assert names == {".gitlab_shell_secret", ".gitlab_kas_secret"}


def test_existing_secrets_are_used(tmp_path: Path) -> None:
    """What is in a file is the secret, whatever its length; its mode stays."""
    config = Config(tmp_path)
    config.shell_secret_path.write_bytes(b"x\n")
    config.shell_secret_path.chmod(0o640)
    config.kas_secret_path.write_bytes(b"A" * 43 + b"=\n")
    assert read_or_create(config) == Secrets(b"x\n", bytes(32))
    assert stat.S_IMODE(config.shell_secret_path.stat().st_mode) == 0o640


def test_secrets_are_not_shown() -> None:
    """The text of the secrets does not tell them."""
    assert "secret" not in repr(Secrets(b"secret", b"secret")).removeprefix("Secrets")
