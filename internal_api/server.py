"""`internal-api serve`: the application under gunicorn."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from internal_api.announcement import Announcement, say, write_ready_file
from internal_api.app import create_app
from internal_api.config import Config
from internal_api.greenlets import run, sleep
from internal_api.preparation import Prepared
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.server_log import ServerLog
from internal_api.standin.control import Control
from internal_api.standin.faults import FaultError, decode
from internal_api.start import TERM, Options, ServeError, Start
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
# What a worker may open besides its clients, where there are many.
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


def serve(config: Config, start: Start) -> None:
    """Serve until a signal ends it.

    Raises:
        ConfigError: Something that it is given cannot be used.
        OSError: A file cannot be read or made.
        SystemExit: It was told to stop.
    """
    options, prepared = start.options, start.database()
    control = _control(options)
    token = control.token if control else None
    news = Announcement(
        config, start.listeners, start.for_clients, prepared.seeded, token
    )
    say(news.warnings())
    # The workers share what is there now; the collector must not touch it.
    gc.freeze()
    gc.enable()
    Server(
        _settings(start)
        | {
            # The workers share an application, but no database in memory.
            "preload_app": not options.memory,
            "post_worker_init": partial(_begin, news, options.ready_file),
        },
        lambda: create_app(
            Service(config, _open(config, prepared), run=run), start.secrets, control
        ),
    ).run()


class Server(BaseApplication):
    """gunicorn without its command line.

    Args:
        settings: gunicorn's, by name.
        create: Makes the application, in each worker.

    Attributes:
        life: A pipe whose end to write only the master keeps open, if there is one.
    """

    life: tuple[int, int] | None = None

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
        self.life = os.pipe()
        Master(self).run()


class Master(Arbiter):
    """gunicorn's master over sockets that are not its own."""

    def init_signals(self) -> None:
        """Hear the signals, and the one that waited while the server started."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERM)

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


def _open(config: Config, prepared: Prepared) -> Database:
    if prepared.image is None:
        return Database(config.database_path, sleep=sleep)
    return Database(image=prepared.image)


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


def _settings(start: Start) -> Settings:
    options = start.options
    return {
        **HTTP_SETTINGS,
        **start.tls,
        "bind": [f"fd://{listener.hand_over()}" for listener in start.listeners],
        "workers": options.workers or _default_workers(options),
        "worker_class": "gthread" if options.threads else Worker,
        "threads": options.threads or 1,
        "worker_connections": _most_connections(),
        "timeout": WORKER_TIMEOUT_S,
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "control_socket_disable": True,
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
    return min(max(files - OTHER_FILES, files * 3 // 4, 1), MOST_CONNECTIONS)


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
