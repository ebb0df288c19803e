"""The command line without a server: its help, its texts for clients."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from internal_api import client_configs, client_headers
from internal_api.app import routes
from internal_api.certificates import ForClients
from internal_api.cli import COMMANDS, run
from internal_api.config import Config, ConfigError
from internal_api.listeners import parse
from internal_api.options import UsageError

CONFIG = Config(Path("/data"), relative_url_root="/gitlab")
TCP = parse("127.0.0.1:3001")
UNIX = parse("unix:/run/git lab.sock:660")
CA = Path("/certificates/ca.pem")
TLS = ForClients(CA)
MUTUAL = ForClients(CA, Path("/certificates/client.pem"), Path("/certificates/key.pem"))


Said = Callable[..., str]
ALL = ["--bind", "one", "--bind", "two", "--seed", "three", "--memory", "--workers=4"]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command prints."""

    def run_it(*words: str) -> str:
        run(words, {})
        return capsys.readouterr().out

    return run_it


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_no_command_prints_help(words: tuple[str, ...], said: Said) -> None:
    """Without a command every one is listed."""
    told = said(*words)
    for name in COMMANDS:
        assert f"\n  {name} " in told


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of a command has its options, with their variables, and what it does."""
    command = COMMANDS[name]
    with pytest.raises(SystemExit) as ended:
        run([*name.split(), "--help"], {})
    assert ended.value.code == 0
    told = "".join(capsys.readouterr().out.split())
    assert "".join(command.help.split()) in told
    for option in command.options:
        assert option.variable == f"INTERNAL_API_{option.dest.upper()}"
        assert "".join(option.help.split()) + f"[{option.variable}" in told


def test_version(said: Said) -> None:
    """The version is that of the package."""
    assert said("--version") == f"internal-api {version('gitlab-internal-api')}\n"


def test_options_of_the_command_line() -> None:
    """Options have their kinds, repeatable ones all values, the others defaults."""
    values = COMMANDS["serve"].read("serve", ALL, {})
    assert values["bind"] == ("one", "two")
    assert values["seed"] == ("three",)
    assert (values["memory"], values["no_control"]) == (True, False)
    assert (values["workers"], values["threads"], values["tls"]) == (4, 0, None)
    assert values["data"] == Path(".internal-api")
    assert values["follow"] == "documentation"
    assert COMMANDS["serve"].read("serve", [], {})["bind"] == ("127.0.0.1:3001",)


def test_options_of_the_environment() -> None:
    """A variable gives what the command line does not; an empty one nothing."""
    environ = {
        "INTERNAL_API_BIND": "one\t two",
        "INTERNAL_API_SEED": "a b:c",
        "INTERNAL_API_MEMORY": "Yes",
        "INTERNAL_API_NO_CONTROL": "0",
        "INTERNAL_API_DATA": "/d ata",
        "INTERNAL_API_WORKERS": "3",
        "INTERNAL_API_TLS": "",
        "INTERNAL_API_CONTROL_TOKEN": "--x=y",
        "INTERNAL_API_URL": "http://elsewhere",
        "INTERNAL_API_FAULT": ' {"status": 500, "times": 1}{"delay": 2}\n{"a b ',
    }
    serve = COMMANDS["serve"]
    values = serve.read("serve", [], environ)
    assert values["bind"] == ("one", "two")
    assert values["seed"] == ("a b", "c")
    assert values["fault"] == ('{"status": 500, "times": 1}', '{"delay": 2}', '{"a b')
    assert (values["memory"], values["no_control"]) == (True, False)
    assert (values["data"], values["workers"]) == (Path("/d ata"), 3)
    assert (values["tls"], values["control_token"]) == (None, "--x=y")
    assert serve.read("serve", ["--workers=5"], environ)["workers"] == 5
    assert serve.read("serve", ALL, environ)["bind"] == ("one", "two")
    assert serve.read("serve", ["--bind", "three"], environ)["bind"] == ("three",)


def test_values_of_any_kind() -> None:
    """A value may begin with a dash, and options stand between arguments."""
    words = ["--data", "-b", "--", "--data", "c"]
    seed = COMMANDS["seed"]
    assert seed.read("seed", ["one", "--data", "-b", "two"], {}) == {
        "data": Path("-b"),
        "files": ["one", "two"],
    }
    values = seed.read("seed", words, {"INTERNAL_API_DATA": "d"})
    assert values == {"data": Path("-b"), "files": ["--data", "c"]}
    values = seed.read("seed", words[2:], {"INTERNAL_API_DATA": "d"})
    assert values == {"data": Path("d"), "files": ["--data", "c"]}


def test_help_whatever_variables_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for help gets it, even if a variable cannot be."""
    with pytest.raises(SystemExit) as ended:
        run(["serve", "--help"], {"INTERNAL_API_MEMORY": "perhaps"})
    assert ended.value.code == 0
    assert "--memory" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "environ", "reason"),
    [
        ("serv", {}, "no command 'serv': there are serve, seed, "),
        ("seats", {}, "no command 'seats': there are "),
        ("serve --workers 0", {}, "--workers: '0' is no number from 1 to 1000"),
        ("serve --threads x", {}, "--threads: 'x' is no number from 0 to 1000"),
        ("requests --status 99", {}, "--status: '99' is no number from 100 to 599"),
        ("wait --timeout nan U", {}, "--timeout: 'nan' is no number from 0 on"),
        ("serve --follow x", {}, "--follow: invalid choice: 'x' (choose from "),
        ("serve --no-such", {}, "unrecognized arguments: --no-such"),
        ("serve --work 1", {}, "unrecognized arguments: --work 1"),
        ("serve more", {}, "unrecognized arguments: more"),
        ("serve --bind", {}, "--bind: expected one argument"),
        ("seed", {}, "the following arguments are required: FILE"),
        ("header x", {}, "client: invalid choice: 'x' (choose from "),
        ("serve", {"WORKERS": "x"}, "--workers: 'x' is no number from 1 to 1000"),
        ("serve", {"FOLLOW": "x"}, "--follow: invalid choice: 'x'"),
        ("serve", {"MEMORY": "x"}, "INTERNAL_API_MEMORY: 'x' is neither yes nor no"),
    ],
)
def test_what_cannot_be_read(words: str, environ: dict[str, str], reason: str) -> None:
    """A command line that is none is one line that names what is wrong."""
    variables = {f"INTERNAL_API_{name}": value for name, value in environ.items()}
    with pytest.raises(UsageError) as refused:
        run(words.split(), variables)
    assert str(refused.value).startswith(reason)
    assert "\n" not in str(refused.value)


def test_routes_lists_every_route(said: Said) -> None:
    """Each path is there, with each of its methods and the scheme."""
    lines = said("routes").splitlines()
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


def test_config_of_made_certificates(said: Said) -> None:
    """With `--tls` clients trust the authority in the data directory."""
    options = ["--data", "/data", "--tls", "auto"]
    shell, gitaly, kas = (
        said("config", name, *options) for name in ("gitlab-shell", "gitaly", "kas")
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
    with pytest.raises(ConfigError, match=r"--tls auto .*: no --certfile"):
        run(command, {})


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
    key = {"shell": b"s" * 32, "kas": bytes(32)}[client]
    secret = b"s" * 32 + b"\n" if client == "shell" else key
    given, _, token = client_headers.HEADERS[client](secret).partition(": ")
    payload = jwt.decode(
        token, key, algorithms=["HS256"], audience="gitlab" if "aud" in claims else None
    )
    assert given == name
    assert payload["exp"] - payload["iat"] == 60
    assert claims.items() <= payload.items()


def test_token_of_a_short_secret() -> None:
    """A secret that is short is used without a word."""
    assert client_headers.shell(b"short").startswith("Gitlab-Shell-Api-Request: ")


@pytest.mark.parametrize("secret", [b"secret", b" a secret\t"])
def test_shared_secret(secret: bytes) -> None:
    """The secret is sent as Base64, without the end of its line, but with blanks."""
    header = client_headers.shared_secret(secret + b"\n")
    assert header == f"Gitlab-Shared-Secret: {base64.b64encode(secret).decode()}"
