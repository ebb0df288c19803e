"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from internal_api.config import (
    ENVIRONMENT_PREFIX,
    FOLLOW,
    SCIM_ERRORS,
    SHELL_AUTH,
    TLS,
    Config,
    ConfigError,
)

USAGE_STATUS = 2
NOT_READY_STATUS = 1
Command = TypeVar("Command", bound=Callable[..., Any])


def _option(name: str, *args: Any, **kwargs: Any) -> Callable[[Command], Command]:
    """An option that an environment variable of its name may give."""
    variable = ENVIRONMENT_PREFIX + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, *args, envvar=variable, show_envvar=True, **kwargs)


_data = _option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path(".internal-api"),
    show_default=True,
    metavar="DIR",
    help="The folder of database, secrets and certificates.",
)
_bind = _option(
    "--bind",
    multiple=True,
    default=["127.0.0.1:3001"],
    show_default=True,
    metavar="ADDRESS",
    help="HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH:MODE; port 0 picks a free"
    " one. Repeatable.",
)
_relative_url_root = _option(
    "--relative-url-root", default="", metavar="PATH", help="The prefix of every path."
)
_ca_file = _option(
    "--ca-file", type=click.Path(path_type=Path), help="Who signed the certificate."
)
_control_token = _option(
    "--control-token",
    metavar="TOKEN",
    help="What callers of the control routes show from other machines.",
)
_tls = _option(
    "--tls",
    type=click.Choice(TLS),
    help="Make certificates in the data directory; `mutual` demands them of clients.",
)
_certfile = _option(
    "--certfile", type=click.Path(path_type=Path), help="TLS certificate."
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.version_option(package_name="gitlab-internal-api")
@click.pass_context
def cli(context: click.Context) -> None:
    """A stand-in for the internal API of GitLab Rails."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@_bind
@_data
@_option("--memory", is_flag=True, help="Keep the database in memory only.")
@_option(
    "--seed",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Load a seed file before serving; `demo` is built in. Repeatable.",
)
@_option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes.  [default: one for each core, at most 2]",
)
@_option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="Threads in each process, instead of greenlets.",
)
@_relative_url_root
@_tls
@_certfile
@_option("--keyfile", type=click.Path(path_type=Path), help="Its key.")
@_option(
    "--client-ca",
    type=click.Path(path_type=Path),
    help="Demand client certificates of this CA.",
)
@_option(
    "--ready-file",
    metavar="PATH",
    help="Write one JSON object there once it serves; `-` is standard output.",
)
@_option(
    "--follow",
    type=click.Choice(FOLLOW),
    default=FOLLOW[0],
    show_default=True,
    help="Which to follow where they differ.",
)
@_option(
    "--shell-auth",
    type=click.Choice(SHELL_AUTH),
    default=SHELL_AUTH[0],
    show_default=True,
    help="How GitLab Shell and Gitaly may authenticate.",
)
@_option(
    "--no-control",
    is_flag=True,
    help="No control routes, no journal, no reasons in answers.",
)
@_control_token
@_option(
    "--fault",
    multiple=True,
    metavar="JSON",
    help="A rule for requests that fail. Repeatable.",
)
@_option(
    "--scim-errors",
    type=click.Choice(SCIM_ERRORS),
    default=SCIM_ERRORS[0],
    show_default=True,
    help="Whose form the errors of SCIM have.",
)
def serve(
    data: Path,
    follow: str,
    shell_auth: str,
    relative_url_root: str,
    scim_errors: str,
    **options: Any,
) -> None:
    """Serve the API."""
    from internal_api import server  # noqa: PLC0415 - the other commands need none

    config = Config(data, follow, shell_auth, relative_url_root, scim_errors)
    server.serve(config, server.Options(**options))


@cli.command()
@_data
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def seed(data: Path, files: tuple[str, ...]) -> None:
    """Load seed files into the database; `demo` is built in."""
    from internal_api.instance import load_seeds, opened  # noqa: PLC0415
    from internal_api.secret_files import read_or_create  # noqa: PLC0415

    config = Config(data)
    read_or_create(config)
    with opened(config) as database:
        click.echo(f"Seeded {', '.join(files)}: {load_seeds(config, database, files)}")


@cli.command()
@_data
def export(data: Path) -> None:
    """Print the database as a seed file."""
    from internal_api import seeds  # noqa: PLC0415
    from internal_api.instance import opened  # noqa: PLC0415

    config = Config(data)
    # To open it would make it.
    config.database_path.stat()
    with opened(config) as database:
        click.echo(seeds.export(database), nl=False)


@cli.group()
def seats() -> None:
    """The seats of subscriptions."""


@seats.command()
@_data
def refresh(data: Path) -> None:
    """Count the seats in use, as GitLab does every day."""
    from internal_api.instance import opened  # noqa: PLC0415
    from internal_api.seats import refresh as refresh_seats  # noqa: PLC0415

    config = Config(data)
    # To open it would make it.
    config.database_path.stat()
    with opened(config) as database:
        count = refresh_seats(database)
    click.echo(f"Refreshed {count} subscription{'' if count == 1 else 's'}")


@cli.command()
@click.argument("url")
@_option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
@_ca_file
@_relative_url_root
def wait(
    url: str, timeout: float, ca_file: Path | None, relative_url_root: str
) -> None:
    """Wait until a server is ready: http://…, https://… or unix:PATH.

    The prefix is for sockets; in a URL it is the path.
    """
    from internal_api import readiness  # noqa: PLC0415

    try:
        root = Config(relative_url_root=relative_url_root).relative_url_root
        readiness.wait(url, timeout, root, ca_file)
    except readiness.NotReadyError as error:
        click.echo(f"internal-api: {error}", err=True)
        sys.exit(NOT_READY_STATUS)


@cli.command()
@click.argument("url", default="http://127.0.0.1:3001")
@_option("--follow-live", is_flag=True, help="Go on with what comes.")
@_option("--path", help="Only this path; `*` stands for anything.")
@_option("--method", help="Only this verb.")
@_option("--status", type=click.IntRange(100, 599), help="Only this status.")
@_control_token
@_ca_file
@_relative_url_root
def requests(
    url: str,
    follow_live: bool,  # noqa: FBT001 - click's
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
    live.show(instance, wanted, follow=follow_live, write=click.echo)


@cli.command()
@_data
@click.argument("client", type=click.Choice(["shell", "shared-secret", "kas"]))
def header(data: Path, client: str) -> None:
    """Print the header that authenticates a client, for curl's --header."""
    from internal_api import client_headers  # noqa: PLC0415
    from internal_api.secret_files import read  # noqa: PLC0415

    click.echo(client_headers.HEADERS[client](read(Config(data))))


@cli.command()
@_data
@_bind
@_relative_url_root
@_tls
@_certfile
@click.argument("client", type=click.Choice(["gitlab-shell", "gitaly", "kas"]))
def config(
    data: Path,
    bind: tuple[str, ...],
    relative_url_root: str,
    client: str,
    **tls: Any,
) -> None:
    """Print the configuration of a client of the instance that is served so.

    It is that of the first address; clients will trust its certificate.
    """
    from internal_api.client_configs import CLIENTS  # noqa: PLC0415
    from internal_api.listeners import parse  # noqa: PLC0415
    from internal_api.tls import for_clients  # noqa: PLC0415

    instance = Config(data, relative_url_root=relative_url_root)
    for_client = for_clients(instance.tls_path, **tls)
    click.echo(CLIENTS[client](instance, parse(bind[0]), for_client), nl=False)


@cli.command()
def routes() -> None:
    """Print the routes: method, path, authentication."""
    from internal_api import app  # noqa: PLC0415

    width = max(len(path) for path, _name in app.ROUTES)
    for path, resource in app.routes():
        for name in dir(resource):
            if name.startswith("on_"):
                method = name.removeprefix("on_").upper()
                scheme = resource.authentication.value
                click.echo(f"{method:<7} {path:<{width}} {scheme}")


def main() -> None:
    """Run a command; what it cannot do is one line, and status 2."""
    try:
        status = cli.main(prog_name="internal-api", standalone_mode=False)
    except click.ClickException as error:
        message = error.format_message()
    except ConfigError as error:
        message = str(error)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        message = f"{named}{error.strerror}"
    except click.Abort:
        message = "aborted"
    else:
        sys.exit(status)
    click.echo(f"internal-api: {message}", err=True)
    sys.exit(USAGE_STATUS)
