"""`internal-api serve`: the application under gunicorn."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from internal_api.announcement import (
    Announcement,
    prepare_ready_file,
    say,
    write_ready_file,
)
from internal_api.app import create_app
from internal_api.certificates import Tls
from internal_api.config import Config, ConfigError
from internal_api.greenlets import run, sleep
from internal_api.instance import load_seeds, opened
from internal_api.listeners import Address, Listener, TcpAddress, listening, parse
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.secret_files import read_or_create
from internal_api.server_log import ServerLog
from internal_api.standin.control import Control
from internal_api.standin.faults import FaultError, decode
from internal_api.tls import MUTUAL, for_clients, machine_names, prepare, refuse_files
from internal_api.worker import STOPPING, Worker

# On two cores two workers serve 1.4 to 1.9 times of one; a stand-in takes no more.
MOST_WORKERS_UNASKED = 2
KEEPALIVE_S = 65
GRACEFUL_TIMEOUT_S = 30
# A worker may wait for the database that long and is not stuck.
WORKER_TIMEOUT_S = 120
# The most that gunicorn takes: the key of `authorized_keys` stands in this line.
REQUEST_LINE_BYTES = 8190
MOST_CONNECTIONS = 50_000
# What a worker may open besides its clients.
OTHER_FILES = 256
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn makes unnamed files there

Settings = dict[str, object]
# How a worker speaks HTTP.
HTTP_SETTINGS: Settings = {
    "keepalive": KEEPALIVE_S,
    "limit_request_line": REQUEST_LINE_BYTES,
    # A header must not change paths or schemes: there is no proxy.
    "forwarder_headers": "",
    "secure_scheme_headers": {},
    # A worker of greenlets sends in its own way.
    "sendfile": False,
    "logger_class": ServerLog,
    "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
}


class ServeError(ConfigError):
    """Options that do not go together, or a file that cannot be used."""


class Options(NamedTuple):
    """How to serve, as the options of `internal-api serve` say.

    Attributes:
        bind: Where to listen.
        memory: Whether the database is in memory only.
        seed: What to load first.
        workers: How many processes; None chooses.
        threads: How many threads in each; 0 serves in greenlets.
        tls: Whether to make certificates: `auto`, or `mutual`, which demands them of
            clients, too.
        certfile: TLS certificate, as PEM.
        keyfile: Its key; None when it is in the same file.
        client_ca: Who must have signed the certificates of clients.
        ready_file: Where to write that the server serves; `-` is standard output.
        no_control: Whether there are no control routes.
        control_token: What callers of those show from other machines; None makes one.
        fault: Rules for faults, as JSON.
    """

    bind: tuple[str, ...]
    memory: bool
    seed: tuple[str, ...]
    workers: int | None
    threads: int
    tls: str | None
    certfile: Path | None
    keyfile: Path | None
    client_ca: Path | None
    ready_file: str | None
    no_control: bool
    control_token: str | None
    fault: tuple[str, ...]


def serve(config: Config, options: Options) -> None:
    """Serve until a signal ends it.

    Raises:
        ConfigError: Something that it is given cannot be used.
        OSError: A file cannot be read or made.
        SystemExit: It was told to stop.
    """
    if options.memory and (options.workers or 1) > 1:
        raise ServeError("--memory keeps the database in one process: --workers 1")
    if options.ready_file:
        prepare_ready_file(options.ready_file)
    addresses = [parse(text) for text in options.bind]
    secrets = read_or_create(config)
    for_client = for_clients(config.tls_path, options.tls, options.certfile)
    options = _with_certificates(config, options, addresses)
    tls = _tls_settings(options)
    with listening(addresses) as listeners:
        open_database, seeded = _prepare_database(config, options)
        control = _control(options)
        news = Announcement(config, listeners, for_client, seeded, control)
        say(news.warnings())
        # The workers share what is there now; the collector must not touch it.
        gc.freeze()
        gc.enable()
        Server(
            _settings(options, listeners)
            | tls
            | {
                # The workers share an application, but no database in memory.
                "preload_app": not options.memory,
                "post_worker_init": partial(_begin, news, options.ready_file),
            },
            lambda: create_app(
                Service(config, open_database(), run=run), secrets, control
            ),
        ).run()


class Server(BaseApplication):
    """gunicorn without its command line.

    Args:
        settings: gunicorn's, by name.
        create: Makes the application, in each worker.
    """

    def __init__(self, settings: Settings, create: Callable[[], Any]) -> None:
        self._settings = settings
        self._create = create
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn the settings."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)
        _settle(self.cfg)

    def load(self) -> Any:
        """Make the application."""
        return self._create()

    def run(self) -> None:
        """Serve until a signal ends it."""
        Master(self).run()


class Master(Arbiter):
    """gunicorn's master over sockets that are not its own."""

    def spawn_worker(self) -> int:
        """Start a worker; signals wait until it listens for them.

        One that came between would be lost, and the worker stay until it is killed.
        """
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            pid: int = super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        return pid

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - gunicorn's
        """Stop the workers; whoever made the sockets' files removes them."""
        for listener in self.LISTENERS:
            listener.close()
        self.LISTENERS.clear()
        super().stop(graceful)


def _prepare_database(
    config: Config, options: Options
) -> tuple[Callable[[], Database], str]:
    """What a worker opens, and what was loaded into it."""
    with opened(config, memory=options.memory) as database:
        seeded = ""
        if options.seed:
            counts = load_seeds(config, database, options.seed)
            seeded = f"{', '.join(options.seed)}: {counts}"
        if options.memory:
            return partial(Database, image=database.image()), seeded
        return partial(Database, config.database_path, sleep=sleep), seeded


def _control(options: Options) -> Control | None:
    """What the control routes act on, which the workers share.

    Raises:
        ServeError: A fault is none.
    """
    if options.no_control:
        if options.fault:
            raise ServeError("--fault needs the control routes: no --no-control")
        return None
    control = Control(options.control_token, sleep)
    for text in options.fault:
        try:
            control.faults.add(decode(text))
        except FaultError as error:
            raise ServeError(f"--fault {text}: {error}") from error
    return control


def _settings(options: Options, listeners: list[Listener]) -> Settings:
    return HTTP_SETTINGS | {
        "bind": [f"fd://{listener.hand_over()}" for listener in listeners],
        "workers": options.workers or _default_workers(options),
        "worker_class": "gthread" if options.threads else Worker,
        "threads": options.threads or 1,
        "worker_connections": _most_connections(),
        "timeout": WORKER_TIMEOUT_S,
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "control_socket_disable": True,
    }


def _tls_settings(options: Options) -> Settings:
    """Settings of gunicorn for TLS; none without a certificate.

    Raises:
        ConfigError: A file is not what it should be, or the certificate is missing.
        OSError: A file cannot be read.
    """
    if options.certfile is None:
        if options.keyfile or options.client_ca:
            raise ServeError("--keyfile and --client-ca need --certfile")
        return {}
    return tls_settings(Tls(options.certfile, options.keyfile, options.client_ca))


def tls_settings(tls: Tls) -> Settings:
    """Settings of gunicorn for TLS.

    Raises:
        CertificateError: A file is not what it should be.
        OSError: A file cannot be read.
    """
    context = tls.context()
    return {
        "certfile": str(tls.certfile),
        "ssl_context": lambda _config, _default: context,
    }


def _default_workers(options: Options) -> int:
    if options.memory:
        return 1
    return min(MOST_WORKERS_UNASKED, os.cpu_count() or 1)


def _most_connections() -> int:
    """Let this process open what it may, and leave some for other files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(max(files - OTHER_FILES, 1), MOST_CONNECTIONS)


def _with_certificates(
    config: Config, options: Options, addresses: Sequence[Address]
) -> Options:
    """Let the options name the certificates that `--tls` makes.

    Raises:
        TlsError: They cannot be made, or the options name others.
    """
    if options.tls is None:
        return options
    mutual = options.tls == MUTUAL
    other_ca = options.client_ca if mutual else None
    refuse_files(options.tls, keyfile=options.keyfile, client_ca=other_ca)
    over_tcp = [address for address in addresses if isinstance(address, TcpAddress)]
    names = {address.host for address in over_tcp}
    if any(address != address.for_clients() for address in over_tcp):
        names |= machine_names()
    files = prepare(config.tls_path, names)
    return options._replace(
        certfile=files.server,
        keyfile=files.server_key,
        client_ca=files.ca if mutual else options.client_ca,
    )


def _settle(config: Any) -> None:
    """Turn gunicorn's settings into plain attributes of its configuration.

    They no longer change, and looked up its way they are a sixth of a request.
    """
    for name, setting in config.settings.items():
        if not isinstance(getattr(type(config), name, None), property):
            vars(config)[name] = setting.get()


def _begin(news: Announcement, ready_file: str | None, worker: Any) -> None:
    """Take the signals that waited; the first worker tells people and programs."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    if worker.age > 1:
        return
    if ready_file:
        write_ready_file(ready_file, news.for_programs())
    say(news.for_people())
