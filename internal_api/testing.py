"""The stand-in within a Python test, whichever test framework runs it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from internal_api import seeds
from internal_api.app import create_app
from internal_api.certificates import ForClients, Tls
from internal_api.client_configs import CLIENTS, url
from internal_api.client_headers import HEADERS
from internal_api.config import Config
from internal_api.greenlets import run, sleep
from internal_api.listeners import Listener, listening, parse
from internal_api.repository.database import Database
from internal_api.repository.snapshots import SEEDED, Snapshots
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets, read_or_create
from internal_api.standin.clock import Change, ClockError
from internal_api.standin.control import Control
from internal_api.standin.faults import FaultError, Rule
from internal_api.standin.journal import Filter
from internal_api.standin.live import line
from internal_api.standin.mount import Wsgi
from internal_api.standin.shown import describe, redact
from internal_api.thread_server import serving as serving_thread

# A seed: as a mapping, or the path of a file; `demo` is built in.
Seed = Mapping[str, Any] | str | os.PathLike[str]


class InternalApi:
    """A server in a thread, and what a test does to it.

    The methods may be called from any thread. `serving` makes such an object.

    Attributes:
        app: The application, for tests without a socket.
        url: Where the server is; that of a socket begins with `http+unix://`.
        socket_path: The path of its socket; None where it listens on a port.
        secret: What GitLab Shell and Gitaly sign with.
    """

    def __init__(
        self,
        service: Service,
        secrets: Secrets,
        control: Control,
        listener: Listener,
        tls: ForClients | None,
    ) -> None:
        self.app: Wsgi = create_app(service, secrets, control)
        self._config = service.config
        self._database = service.database
        self._secrets = secrets
        self._control = control
        # Of its own: what a request saves does not change what tests begin with.
        self._snapshots = Snapshots(service.database, service.config.snapshots_path)
        self._address = listener.bound
        self._tls = tls
        self.url = url(service.config, listener.bound, tls)
        self.socket_path = listener.path
        self.secret = secrets.shell.strip().decode()

    def reset(self) -> None:
        """Go back to the seeded state; forget requests, faults and the clock."""
        self._snapshots.restore(SEEDED)
        self._control.reset()

    def seed(self, *documents: Seed) -> None:
        """Load more state, until the next reset; all documents or none.

        Raises:
            SeedError: One is no seed, or contradicts what is there.
        """
        read = [_read(document) for document in documents]
        seeds.load(self._database, read, self._control.clock())

    def headers(self, client: str = "shell") -> dict[str, str]:
        """The header with which a client authenticates, good for a minute.

        Args:
            client: `shell`, `shared-secret` or `kas`.
        """
        secrets = self._secrets
        secret = secrets.kas if client == "kas" else secrets.shell
        name, _, value = HEADERS[client](secret).partition(": ")
        return {name: value}

    def config(self, client: str) -> str:
        """The configuration of a client; the secret files that it names are there.

        Args:
            client: `gitlab-shell`, `gitaly` or `kas`.

        Raises:
            ConfigError: This client cannot reach such a server.
        """
        return CLIENTS[client](self._config, self._address, self._tls)

    def fail(
        self,
        status: int | None = None,
        *,
        path: str | None = None,
        method: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **effect: Any,
    ) -> None:
        """Let requests fail, until the next reset.

        Args:
            status: Answer this status.
            path: Of the requests; `*` stands for anything. None is all.
            method: Their verb; None is any.
            parameters: Values that they have.
            **effect: What else there is in `internal_api.standin.faults.Rule`: `times`
                and `probability`, `body`, `headers`, `delay`, `drop` and so on.

        Raises:
            FaultError: That cannot be.
        """
        match = {"path": path, "method": method, "parameters": parameters or {}}
        rule = {"match": match, "status": status, **effect}
        try:
            self._control.faults.add((msgspec.convert(rule, Rule),))
        except msgspec.ValidationError as error:
            raise FaultError(str(error)) from error

    def clock(
        self,
        now: datetime | str | None = None,
        *,
        advance: float = 0,
        frozen: bool | None = None,
    ) -> datetime:
        """Freeze or move the service's time, until the next reset.

        Args:
            now: The new time, a text as ISO 8601; without an offset it is UTC.
            advance: Seconds to add.
            frozen: Whether it stands still; None leaves that as it is.

        Returns:
            The service's time, in UTC.

        Raises:
            ClockError: The clock cannot show that.
        """
        if isinstance(now, str):
            try:
                now = datetime.fromisoformat(now)
            except ValueError as error:
                raise ClockError(str(error)) from error
        self._control.clock.set(Change(now, advance, frozen))
        return self._control.clock()

    def requests(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        status: int | None = None,
        **parameters: Any,
    ) -> list[dict[str, Any]]:
        """What was asked since the reset, the oldest first, without secrets.

        Args:
            path: Of the requests; `*` stands for anything. None is all.
            method: Their verb; None is any.
            status: Of their answers; None is any.
            **parameters: Values that they have; a number is as good as its text.

        Returns:
            The members of `internal_api.standin.journal.Entry`, and `id`, by name.
        """
        verb = method.upper() if method else None
        wanted = Filter(path, verb, status, parameters=parameters)
        return [describe(*found) for found in self._control.journal.find(wanted)]

    def assert_called(
        self, path: str, times: int | None = None, **parameters: Any
    ) -> None:
        """Hold that something was asked since the reset.

        Args:
            path: Of the requests; `*` stands for anything.
            times: How often; None is at least once.
            **parameters: Values that they have, as of `requests`; also `method` and
                `status`.

        Raises:
            AssertionError: It was not; what was asked instead.
        """
        __tracebackhide__ = True
        count = len(self.requests(path, **parameters))
        if count == times or (times is None and count):
            return
        expected = "1x or more" if times is None else f"{times}x"
        shown = redact(parameters).items()
        values = "".join(f" {name}={value!r}" for name, value in shown)
        asked = "".join(f"\n  {_described(entry)}" for entry in self.requests())
        raise AssertionError(
            f"{path}{values} was asked {count}x, expected {expected};"
            f" all requests:{asked or ' none'}"
        )


@contextlib.contextmanager
def serving(
    data: Path,
    seed: Seed | Sequence[Seed] = (),
    bind: str = "127.0.0.1:0",
    tls: Tls | None = None,
) -> Iterator[InternalApi]:
    """Serve in a thread; the database is in memory.

    Args:
        data: A folder for the secrets; made when missing.
        seed: What is there after each reset; several seeds as a sequence.
        bind: Where to listen, as `--bind`.
        tls: How to speak TLS, if so.

    Raises:
        ConfigError: Something that it is given cannot be used.
        SeedError: A seed is none.
        OSError: A file cannot be read or made.
    """
    config = Config(data)
    secrets = read_or_create(config)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(closing(Database()))
        database.create()
        seeds.load(database, _read_all(seed))
        control = stack.enter_context(closing(Control(sleep=sleep)))
        service = Service(config, database, run=run)
        [listener] = stack.enter_context(listening([parse(bind)]))
        trusted = ForClients(tls.certfile) if tls else None
        api = InternalApi(service, secrets, control, listener, trusted)
        stack.enter_context(serving_thread(api.app, listener, tls))
        yield api


def _read_all(seed: Seed | Sequence[Seed]) -> list[seeds.Seed]:
    if isinstance(seed, Mapping | str | os.PathLike):
        return [_read(seed)]
    return [_read(document) for document in seed]


def _read(seed: Seed) -> seeds.Seed:
    if isinstance(seed, Mapping):
        return seeds.parse("seed", msgspec.json.encode(seed))
    return seeds.read(os.fspath(seed))


def _described(entry: Mapping[str, Any]) -> str:
    """A request on one line, with its parameters."""
    parameters = msgspec.json.encode(entry["parameters"]).decode()
    return f"{line(entry)}  {parameters}"
