"""The command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from internal_api.config import (
    FOLLOW,
    SCIM_ERRORS,
    SHELL_AUTH,
    TLS,
    Config,
    ConfigError,
    reason,
)
from internal_api.options import (
    HELP,
    Argument,
    Command,
    Option,
    UsageError,
    json_values,
    number,
)

USAGE_STATUS = 2
NOT_READY_STATUS = 1
# More processes or threads than any machine is asked for by intention.
MOST_AT_ONCE = 1000
BROKEN_PIPE_STATUS = 1

write = partial(print, flush=True)

_data = Option(
    "--data",
    "The folder of database, secrets and certificates.",
    "DIR",
    Path,
    default=Path(".internal-api"),
)
_bind = Option(
    "--bind",
    "HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH:MODE; port 0 picks a free one."
    " Repeatable.",
    "ADDRESS",
    default=("127.0.0.1:3001",),
    separator=" ",
)
_relative_url_root = Option(
    "--relative-url-root", "The prefix of every path.", "PATH", default=""
)
_ca_file = Option("--ca-file", "Who signed the certificate.", "PATH", Path)
_control_token = Option(
    "--control-token",
    "What callers of the control routes show from other machines.",
    "TOKEN",
)
_tls = Option(
    "--tls",
    "Make certificates in the data directory; `mutual` demands them of clients.",
    choices=TLS,
)
_certfile = Option("--certfile", "TLS certificate.", "PATH", Path)


def serve(
    data: Path,
    follow: str,
    shell_auth: str,
    relative_url_root: str,
    scim_errors: str,
    **options: Any,
) -> None:
    """Serve the API."""
    from internal_api.start import Options, starting  # noqa: PLC0415

    config = Config(data, follow, shell_auth, relative_url_root, scim_errors)
    with starting(config, Options(**options)) as start:
        # The other commands need none, and the database is made meanwhile.
        from internal_api import server  # noqa: PLC0415

        server.serve(config, start)


def seed(data: Path, files: Sequence[str]) -> None:
    """Load seed files into the database; `demo` is built in."""
    from internal_api.instance import load_seeds, opened  # noqa: PLC0415
    from internal_api.secret_files import read_or_create  # noqa: PLC0415

    config = Config(data)
    read_or_create(config)
    with opened(config) as database:
        write(f"Seeded {', '.join(files)}: {load_seeds(config, database, files)}")


def export(data: Path) -> None:
    """Print the database as a seed file."""
    from internal_api import seeds  # noqa: PLC0415
    from internal_api.instance import opened  # noqa: PLC0415

    config = Config(data)
    # To open it would make it.
    config.database_path.stat()
    with opened(config) as database:
        write(seeds.export(database), end="")


def refresh_seats(data: Path) -> None:
    """Count the seats in use, as GitLab does every day."""
    from internal_api import seats  # noqa: PLC0415
    from internal_api.instance import opened  # noqa: PLC0415

    config = Config(data)
    # To open it would make it.
    config.database_path.stat()
    with opened(config) as database:
        count = seats.refresh(database)
    write(f"Refreshed {count} subscription{'' if count == 1 else 's'}")


def wait(
    url: str, timeout: float, ca_file: Path | None, relative_url_root: str
) -> None:
    """Wait until a server is ready: http://…, https://… or unix:PATH.

    The prefix may as well be the path of the URL.
    """
    from internal_api import readiness  # noqa: PLC0415

    try:
        root = Config(relative_url_root=relative_url_root).relative_url_root
        readiness.wait(url, timeout, root, ca_file)
    except readiness.NotReadyError as error:
        write(f"internal-api: {error}", file=sys.stderr)
        sys.exit(NOT_READY_STATUS)


def requests(
    url: str,
    follow_live: bool,  # noqa: FBT001 - an option
    control_token: str | None,
    ca_file: Path | None,
    relative_url_root: str,
    **wanted: Any,
) -> None:
    """Print the last requests of a running instance: its journal.

    The URL is as for `wait`.
    """
    from internal_api.standin import live  # noqa: PLC0415

    root = Config(relative_url_root=relative_url_root).relative_url_root
    instance = live.Instance(url, root, ca_file, control_token)
    live.show(instance, wanted, follow=follow_live, write=write)


def header(data: Path, client: str) -> None:
    """Print the header that authenticates a client, for curl's --header."""
    from internal_api import client_headers  # noqa: PLC0415
    from internal_api.secret_files import read_kas, read_shell  # noqa: PLC0415

    # The other client's may not be there.
    read = read_kas if client == "kas" else read_shell
    write(client_headers.HEADERS[client](read(Config(data))))


def config(
    data: Path,
    bind: Sequence[str],
    relative_url_root: str,
    client: str,
    **tls: Any,
) -> None:
    """Print the configuration of a client of the instance that is served so.

    It is that of the first address; clients will trust its certificate.
    """
    from internal_api.certificates import for_clients  # noqa: PLC0415
    from internal_api.client_configs import CLIENTS  # noqa: PLC0415
    from internal_api.listeners import parse  # noqa: PLC0415

    instance = Config(data, relative_url_root=relative_url_root)
    for_client = for_clients(instance.tls_path, **tls)
    write(CLIENTS[client](instance, parse(bind[0]), for_client), end="")


def routes() -> None:
    """Print the routes: method, path, authentication."""
    from internal_api import app  # noqa: PLC0415

    table = list(app.routes())
    width = max(len(path) for path, _resource in table)
    for path, resource in table:
        for name in dir(resource):
            if name.startswith("on_"):
                method = name.removeprefix("on_").upper()
                scheme = resource.authentication.value
                write(f"{method:<7} {path:<{width}} {scheme}")


COMMANDS: Mapping[str, Command] = {
    "serve": Command(
        serve,
        (
            _bind,
            _data,
            Option("--memory", "Keep the database in memory only."),
            Option(
                "--seed",
                "Load a seed file before serving; `demo` is built in. Repeatable.",
                "FILE",
                default=(),
                separator=os.pathsep,
            ),
            Option(
                "--workers",
                "Processes; else one for each core, at most 2.",
                "N",
                number(int, 1, MOST_AT_ONCE),
            ),
            Option(
                "--threads",
                "Threads in each process, instead of greenlets.",
                "N",
                number(int, 0, MOST_AT_ONCE),
                default=0,
            ),
            _relative_url_root,
            _tls,
            _certfile,
            Option("--keyfile", "Its key.", "PATH", Path),
            Option(
                "--client-ca", "Demand client certificates of this CA.", "PATH", Path
            ),
            Option(
                "--ready-file",
                "Write one JSON object there once it serves; `-` is standard output.",
                "PATH",
            ),
            Option(
                "--follow",
                "Which to follow where they differ.",
                choices=FOLLOW,
                default=FOLLOW[0],
            ),
            Option(
                "--shell-auth",
                "How GitLab Shell and Gitaly may authenticate.",
                choices=SHELL_AUTH,
                default=SHELL_AUTH[0],
            ),
            Option(
                "--no-control", "No control routes, no journal, no reasons in answers."
            ),
            _control_token,
            Option(
                "--fault",
                "A rule for requests that fail. Repeatable.",
                "JSON",
                default=(),
                separator=" ",
                split=json_values,
            ),
            Option(
                "--scim-errors",
                "Whose form the errors of SCIM have.",
                choices=SCIM_ERRORS,
                default=SCIM_ERRORS[0],
            ),
        ),
    ),
    "seed": Command(seed, (_data,), Argument("files", "FILE", several=True)),
    "export": Command(export, (_data,)),
    "seats refresh": Command(refresh_seats, (_data,)),
    "wait": Command(
        wait,
        (
            Option(
                "--timeout",
                "How long to wait.",
                "SECONDS",
                number(float, 0),
                default=30,
            ),
            _ca_file,
            _relative_url_root,
        ),
        Argument("url", "URL"),
    ),
    "header": Command(
        header, (_data,), Argument("client", choices=("shell", "shared-secret", "kas"))
    ),
    "config": Command(
        config,
        (_data, _bind, _relative_url_root, _tls, _certfile),
        Argument("client", choices=("gitlab-shell", "gitaly", "kas")),
    ),
    "routes": Command(routes),
    "requests": Command(
        requests,
        (
            Option("--follow-live", "Go on with what comes."),
            Option("--path", "Only this path; `*` stands for anything.", "PATH"),
            Option("--method", "Only this verb.", "VERB"),
            Option("--status", "Only this status.", "STATUS", number(int, 100, 599)),
            _control_token,
            _ca_file,
            _relative_url_root,
        ),
        Argument("url", "URL", default="http://127.0.0.1:3001"),
    ),
}
USAGE = """Usage: internal-api COMMAND [OPTION]... [ARGUMENT]

A stand-in for the internal API of GitLab Rails. What a command takes is told by
`internal-api COMMAND --help`.

Commands:"""


def run(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run the command that some words name.

    Raises:
        ConfigError: It cannot be done.
        OSError: A file cannot be read or made.
        SystemExit: Its status is another than 0.
    """
    if not words or words[0] in HELP:
        write(USAGE)
        for name, command in COMMANDS.items():
            write(f"  {name:<14} {command.help.splitlines()[0]}")
    elif words[0] == "--version":
        from importlib.metadata import version  # noqa: PLC0415

        write(f"internal-api {version('gitlab-internal-api')}")
    else:
        length = 1 if words[0] in COMMANDS else 2
        name, rest = " ".join(words[:length]), words[length:]
        if name not in COMMANDS:
            known = ", ".join(COMMANDS)
            raise UsageError(f"no command {words[0]!r}: there are {known}")
        command = COMMANDS[name]
        command.run(**command.read(name, rest, environ))


def main() -> None:
    """Run a command; what it cannot do is one line, and status 2."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files need not be UTF-8.
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        run(sys.argv[1:], os.environ)
    except BrokenPipeError:
        # Nobody reads on; nor what Python would still write at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE_STATUS)
    except (ConfigError, OSError) as error:
        message = reason(error)
    except KeyboardInterrupt:
        message = "aborted"
    else:
        return
    write(f"internal-api: {message}", file=sys.stderr)
    sys.exit(USAGE_STATUS)
