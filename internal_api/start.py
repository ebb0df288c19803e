"""What `internal-api serve` does before the server is imported.

That import takes most of the time until the first answer, so whatever else there is to
do begins before it: a process beside this one prepares the database meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from internal_api.announcement import prepare_ready_file
from internal_api.certificates import (
    MUTUAL,
    ForClients,
    Tls,
    for_clients,
    refuse_files,
)
from internal_api.config import Config, ConfigError
from internal_api.listeners import Address, Listener, TcpAddress, listening, parse
from internal_api.preparation import Preparation, Prepared, prepare
from internal_api.secret_files import Secrets, read_or_create

TERM = frozenset({signal.SIGTERM})

Result = TypeVar("Result")


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


class Start(NamedTuple):
    """What is there when the server is imported.

    Attributes:
        options: How to serve, with the certificates that were made.
        secrets: What the clients sign with.
        listeners: Where to listen, in the order of the options.
        tls: gunicorn's settings for TLS.
        for_clients: What clients need when the server speaks TLS.
        database: Waits until it is prepared.
    """

    options: Options
    secrets: Secrets
    listeners: Sequence[Listener]
    tls: Mapping[str, object]
    for_clients: ForClients | None
    database: Callable[[], Prepared]


@contextmanager
def starting(config: Config, options: Options) -> Iterator[Start]:
    """Check the options, and begin with what they ask for.

    Raises:
        ConfigError: Something that it is given cannot be used.
        OSError: A file cannot be read or made.
        SystemExit: It is told to stop.
    """
    # Raised within an import it could get lost: it waits until it is heard.
    signal.pthread_sigmask(signal.SIG_BLOCK, TERM)
    told = _Told()
    signal.signal(signal.SIGTERM, told)
    if options.memory and (options.workers or 1) > 1:
        raise ServeError("--memory keeps the database in one process: --workers 1")
    if options.ready_file:
        prepare_ready_file(options.ready_file)
    addresses = [parse(text) for text in options.bind]
    secrets = told.heard(partial(read_or_create, config))
    for_client = for_clients(config.tls_path, options.tls, options.certfile)
    options = _with_certificates(config, options, addresses)
    tls = told.heard(partial(_tls_settings, options))
    with listening(addresses) as listeners, _preparing(config, options) as prepared:
        database = partial(told.heard, prepared)
        yield Start(options, secrets, listeners, tls, for_client, database)


@contextmanager
def _preparing(config: Config, options: Options) -> Iterator[Callable[[], Prepared]]:
    if options.memory:
        # What is raised within an import could get lost: it is imported before.
        from internal_api import instance  # noqa: F401, PLC0415

        if options.seed:
            from internal_api import seeds  # noqa: F401, PLC0415
        yield partial(prepare, config, options.seed, memory=True)
        return
    with closing(Preparation(config, options.seed)) as preparation:
        yield preparation.result


class _Told:
    """Handles SIGTERM until gunicorn does: nothing runs that is to be finished."""

    def __init__(self) -> None:
        self._is_told = False

    def __call__(self, *_: object) -> None:
        """Stop.

        Raises:
            SystemExit: So.
        """
        self._is_told = True
        sys.exit(os.EX_OK)

    def heard(self, work: Callable[[], Result]) -> Result:
        """Do what may wait for others, and stop when told to.

        Raises:
            SystemExit: It is told to stop.
        """
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERM)
        try:
            return work()
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, TERM)
            if self._is_told:
                # Whatever was made of it.
                sys.exit(os.EX_OK)


def _tls_settings(options: Options) -> Mapping[str, object]:
    """Settings of gunicorn for TLS; none without a certificate.

    Raises:
        ConfigError: A file is not what it should be, or the certificate is missing.
        OSError: A file cannot be read.
    """
    if options.certfile is None:
        if options.keyfile or options.client_ca:
            raise ServeError("--keyfile and --client-ca need --certfile")
        return {}
    return Tls(options.certfile, options.keyfile, options.client_ca).settings()


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
    # Only who lets them be made needs it.
    from internal_api import tls  # noqa: PLC0415

    names = {address.host for address in over_tcp}
    if any(address != address.for_clients() for address in over_tcp):
        names |= tls.machine_names()
    files = tls.prepare(config.tls_path, names)
    return options._replace(
        certfile=files.server,
        keyfile=files.server_key,
        client_ca=files.ca if mutual else options.client_ca,
    )
