"""The database of a server, made and seeded before it serves."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import NamedTuple, NoReturn

from internal_api.config import Config, ConfigError, reason


class Prepared(NamedTuple):
    """A database that is there.

    Attributes:
        seeded: Which seeds were loaded, and what they held; empty for none.
        image: The content of a database in memory.
    """

    seeded: str
    image: bytes | None = None


class Preparation:
    """A process beside this one that prepares a database file.

    To import the server takes as long, and both are done at once. It ends with this
    process; what it has not committed SQLite takes back.

    Args:
        config: Names the data directory, which exists.
        seeds: What to load.

    Raises:
        OSError: There can be no more processes, or no more descriptors.
    """

    def __init__(self, config: Config, seeds: Sequence[str]) -> None:
        self._path = config.database_path
        own_answer, answer = os.pipe()
        life, self._life = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._life)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            _prepare_and_end(partial(prepare, config, seeds), life, answer)
        os.close(answer)
        os.close(life)
        self._answer = os.fdopen(own_answer, "rb")

    def result(self) -> Prepared:
        """What it has prepared, when it is done.

        Raises:
            ConfigError: It could not, or it has died.
        """
        answer = self._answer.read()
        self._wait()
        if not answer:
            raise ConfigError(f"{self._path}: the process that prepares it has died")
        said = json.loads(answer)
        if "error" in said:
            raise ConfigError(said["error"])
        return Prepared(said["seeded"])

    def close(self) -> None:
        """End it, unless it has told its result."""
        if not self._answer.closed:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            self._wait()

    def _wait(self) -> None:
        self._answer.close()
        os.close(self._life)
        # Where SIGCHLD is ignored, the system has done so.
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def prepare(config: Config, seeds: Sequence[str], *, memory: bool = False) -> Prepared:
    """Make a database, when it is missing, and load seeds.

    Args:
        config: Names the data directory, which exists.
        seeds: What to load.
        memory: Make a new one in memory instead.

    Raises:
        InstanceError: SQLite cannot use the file, another version made it, or a seed
            cannot be loaded.
        OSError: A file cannot be made, read or written.
    """
    # Only the process that prepares it needs SQLite so soon.
    from internal_api.instance import load_seeds, opened  # noqa: PLC0415

    with opened(config, memory=memory) as database:
        if database.path and not os.access(database.path, os.W_OK):
            code = errno.EACCES
            raise PermissionError(code, os.strerror(code), str(database.path))
        seeded = ""
        if seeds:
            counts = load_seeds(config, database, seeds)
            seeded = f"{', '.join(seeds)}: {counts}"
        return Prepared(seeded, database.image() if memory else None)


def _prepare_and_end(
    prepare: Callable[[], Prepared], life: int, answer: int
) -> NoReturn:
    """Say what was loaded, or why not; nothing of the other process is undone."""
    try:
        Thread(target=_end_with, args=(life,), daemon=True).start()
        try:
            said = {"seeded": prepare().seeded}
        except (ConfigError, OSError) as error:
            said = {"error": reason(error)}
        with suppress(BrokenPipeError), os.fdopen(answer, "w") as pipe:
            json.dump(said, pipe)
    except Exception:  # noqa: BLE001 - a fault of ours, which is told
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(os.EX_OK)


def _end_with(life: int) -> NoReturn:
    """Wait until the other process has ended: only that could write there."""
    os.read(life, 1)
    os._exit(os.EX_OK)
