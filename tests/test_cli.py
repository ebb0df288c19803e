"""The command line without a server: its help, its texts for clients."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path
from typing import Any

import click
import jwt
import pytest
import yaml
from click.testing import CliRunner
from commands import all_commands

from internal_api import client_configs, client_headers
from internal_api.app import routes
from internal_api.cli import cli
from internal_api.config import Config, ConfigError
from internal_api.listeners import parse
from internal_api.secret_files import Secrets
from internal_api.tls import ForClients

CONFIG = Config(Path("/data"), relative_url_root="/gitlab")
TCP = parse("127.0.0.1:3001")
UNIX = parse("unix:/run/git lab.sock:660")
CA = Path("/certificates/ca.pem")
TLS = ForClients(CA)
MUTUAL = ForClients(CA, Path("/certificates/client.pem"), Path("/certificates/key.pem"))


def test_no_command_prints_help() -> None:
    """Without arguments every command is listed."""
    result = CliRunner().invoke(cli)
    assert result.exit_code == 0
    for name in cli.commands:
        assert f"\n  {name} " in result.output


@pytest.mark.parametrize("name", all_commands(cli))
def test_every_option_has_a_variable(name: str) -> None:
    """The variable of an option is its name in capitals."""
    for parameter in all_commands(cli)[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.name
            assert parameter.envvar == f"INTERNAL_API_{parameter.name.upper()}"


def test_routes_lists_every_route() -> None:
    """Each path is there, with each of its methods and the scheme."""
    lines = CliRunner().invoke(cli, ["routes"]).output.splitlines()
    for path, resource in routes():
        for name in vars(resource):
            if name.startswith("on_"):
                method, scheme = name[3:].upper(), resource.authentication.value
                words = [line.split(maxsplit=2) for line in lines]
                assert [method, path, scheme] in words


def test_gitlab_shell_over_tcp() -> None:
    """Over TCP the prefix is part of the URL."""
    assert yaml.safe_load(client_configs.gitlab_shell(CONFIG, TCP, None)) == {
        "user": "git",
        "gitlab_url": "http://127.0.0.1:3001/gitlab",
        "secret_file": "/data/.gitlab_shell_secret",
    }


def test_gitlab_shell_over_a_socket() -> None:
    """Over a socket the path is encoded, and the prefix a setting of its own."""
    config = yaml.safe_load(client_configs.gitlab_shell(CONFIG, UNIX, None))
    assert config["gitlab_url"] == "http+unix://%2Frun%2Fgit%20lab.sock"
    assert config["gitlab_relative_url_root"] == "/gitlab"


def test_gitlab_shell_over_tls() -> None:
    """With a certificate the client is told to trust it."""
    config = yaml.safe_load(client_configs.gitlab_shell(CONFIG, TCP, TLS))
    assert config["gitlab_url"] == "https://127.0.0.1:3001/gitlab"
    assert config["http_settings"] == {"ca_file": str(CA)}


def test_gitaly() -> None:
    """Gitaly's part of TOML says the same."""
    assert tomllib.loads(client_configs.gitaly(CONFIG, TCP, TLS)) == {
        "gitlab": {
            "url": "https://127.0.0.1:3001/gitlab",
            "secret_file": "/data/.gitlab_shell_secret",
            "http-settings": {"ca_file": str(CA)},
        }
    }
    over_socket = tomllib.loads(client_configs.gitaly(CONFIG, UNIX, None))["gitlab"]
    assert over_socket["relative_url_root"] == "/gitlab"


def test_gitaly_shows_its_certificate() -> None:
    """Where a certificate is demanded, Gitaly's own section names it."""
    config = tomllib.loads(client_configs.gitaly(CONFIG, TCP, MUTUAL))
    assert config["gitlab"]["http-settings"] == {"ca_file": str(CA)}
    assert config["tls"] == {
        "certificate_path": "/certificates/client.pem",
        "key_path": "/certificates/key.pem",
    }


@pytest.mark.parametrize(
    ("name", "who"), [("gitlab-shell", "GitLab Shell"), ("kas",) * 2]
)
def test_nothing_to_show(name: str, who: str) -> None:
    """A client that cannot show a certificate is not configured where one must."""
    with pytest.raises(ConfigError, match=f"{who} cannot show a certificate"):
        client_configs.CLIENTS[name](CONFIG, TCP, MUTUAL)


@pytest.mark.parametrize("name", ["gitlab-shell", "gitaly"])
def test_no_tls_over_a_socket(name: str) -> None:
    """Clients speak no TLS over a socket, and are not told to."""
    with pytest.raises(ConfigError, match="no client speaks TLS to unix:"):
        client_configs.CLIENTS[name](CONFIG, UNIX, TLS)


def test_config_of_made_certificates() -> None:
    """With `--tls` clients trust the authority in the data directory."""
    options = ["--data", "/data", "--tls", "auto"]
    shell, gitaly, kas = (
        CliRunner().invoke(cli, ["config", name, *options]).output
        for name in ("gitlab-shell", "gitaly", "kas")
    )
    http = tomllib.loads(gitaly)["gitlab"]["http-settings"]
    assert yaml.safe_load(shell)["http_settings"] == http
    assert http == {"ca_file": "/data/tls/ca.pem"}
    kas_gitlab = yaml.safe_load(kas)["gitlab"]
    assert kas_gitlab["ca_certificate_file"] == "/data/tls/ca.pem"
    assert kas_gitlab["address"] == "https://127.0.0.1:3001"


def test_config_of_two_certificates() -> None:
    """`--tls` and `--certfile` contradict each other."""
    command = ["config", "gitaly", "--tls", "auto", "--certfile", "x.pem"]
    error = CliRunner().invoke(cli, command).exception
    assert str(error) == "--tls auto makes its own certificates: no --certfile"


def test_kas() -> None:
    """The agent server gets the address and its own secret, three times."""
    config = yaml.safe_load(client_configs.kas(CONFIG, TCP, None))
    secret = "/data/.gitlab_kas_secret"
    assert config["gitlab"] == {
        "address": "http://127.0.0.1:3001/gitlab",
        "authentication_secret_file": secret,
    }
    for api in ("api", "private_api"):
        assert config[api]["listen"]["authentication_secret_file"] == secret
    assert config["redis"]["server"]["address"]


def test_kas_over_a_socket() -> None:
    """The agent server cannot dial a socket, and is not told to."""
    with pytest.raises(ConfigError, match=r"kas cannot dial unix:/run/git lab\.sock"):
        client_configs.kas(CONFIG, UNIX, None)


def test_any_address_means_this_machine() -> None:
    """What listens everywhere is dialled on the loopback."""
    for text, url in (("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1")):
        config = yaml.safe_load(client_configs.gitlab_shell(CONFIG, parse(text), None))
        assert config["gitlab_url"] == f"http://{url}/gitlab"


def test_unknown_port() -> None:
    """A port that the server will pick cannot be configured."""
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:0"):
        client_configs.gitlab_shell(CONFIG, parse("127.0.0.1:0"), None)


@pytest.mark.parametrize(
    ("client", "name", "claims"),
    [
        ("shell", "Gitlab-Shell-Api-Request", {"iss": "gitlab-shell"}),
        ("kas", "Gitlab-Kas-Api-Request", {"iss": "gitlab-kas", "aud": ["gitlab"]}),
    ],
)
def test_token(client: str, name: str, claims: dict[str, Any]) -> None:
    """A token is signed as its client signs, and lives for a minute."""
    secrets = Secrets(b"s" * 32 + b"\n", bytes(32))
    key = {"shell": b"s" * 32, "kas": bytes(32)}[client]
    given, _, token = client_headers.HEADERS[client](secrets).partition(": ")
    payload = jwt.decode(
        token, key, algorithms=["HS256"], audience="gitlab" if "aud" in claims else None
    )
    assert given == name
    assert payload["exp"] - payload["iat"] == 60
    assert claims.items() <= payload.items()


def test_token_of_a_short_secret() -> None:
    """A secret that is short is used without a word."""
    secrets = Secrets(b"short", bytes(32))
    assert client_headers.shell(secrets).startswith("Gitlab-Shell-Api-Request: ")


def test_shared_secret() -> None:
    """The secret is sent as Base64, without the end of its line."""
    header = client_headers.shared_secret(Secrets(b"secret\n", bytes(32)))
    assert header == f"Gitlab-Shared-Secret: {base64.b64encode(b'secret').decode()}"
