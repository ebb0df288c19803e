"""Connections to one SQLite database, and its transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, TypeVarTuple

from internal_api.repository.stamp import Stamp

SCHEMA = Path(__file__).parent.with_name("schema.sql")
SCHEMA_VERSION = 3
# How long a writer waits for others, and how often it looks.
BUSY_TIMEOUT_S = 60.0
BUSY_INTERVAL_S = 0.001
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
# A reader waits only while another process repairs the database, within SQLite. A
# writer must not: the whole process would wait with it.
SQLITE_TIMEOUT_S = {READ: BUSY_TIMEOUT_S, WRITE: 0.0}
# The most that SQLite maps; it is address space, not memory.
MMAP_BYTES = (1 << 31) - (1 << 16)
MAX_ANSWERS = 256
# Programs that leave no stamp, such as SQLite's own shell, are noticed within this.
LOOK_INTERVAL_S = 0.01

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")


class SchemaError(Exception):
    """The database file was made by another version of this service."""


class Connection(sqlite3.Connection):
    """A connection that keeps answers until the database changes.

    Attributes:
        stamp: Is renewed whenever this service has written.
    """

    stamp: Stamp

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._state: tuple[int, int] | None = None
        # The stamp before SQLite was last asked, and when it will be again.
        self._seen: bytes | None = None
        self._next_look = 0.0

    def remember(
        self,
        question: Callable[[Connection, *Arguments], Answer],
        *arguments: *Arguments,
    ) -> Answer:
        """Ask, unless nothing was written since the same was asked before.

        Args:
            question: A function of this connection and the arguments, that only reads.
            arguments: Hashable.
        """
        known = self.recall(question, *arguments)
        return known[0] if known else self.learn(question, *arguments)

    def recall(
        self,
        question: Callable[[Connection, *Arguments], Answer],
        *arguments: *Arguments,
    ) -> tuple[Answer] | None:
        """What was answered before, if it was and nothing was written since.

        In a transaction all is of the state that it sees, whatever was written.
        """
        if self.in_transaction:
            self._look()
        else:
            now, stamp = time.monotonic(), self.stamp.read()
            if stamp != self._seen or now >= self._next_look:
                self._look()
                self._seen, self._next_look = stamp, now + LOOK_INTERVAL_S
        return self._answers.get((question, arguments))

    def _look(self) -> None:
        """Forget the answers if something was written since the last time.

        SQLite itself tells whether: `data_version` counts what other connections
        commit, `total_changes` what this one writes.
        """
        (version,) = self.execute("PRAGMA data_version").fetchone()
        state = version, self.total_changes
        if state != self._state:
            self._answers.clear()
            self._state = state

    def learn(
        self,
        question: Callable[[Connection, *Arguments], Answer],
        *arguments: *Arguments,
    ) -> Answer:
        """Ask, and keep the answer."""
        answer = question(self, *arguments)
        if len(self._answers) == MAX_ANSWERS:
            self._answers.clear()
        self._answers[question, arguments] = (answer,)
        return answer

    def forget(self) -> None:
        """Ask anew: what was written has been taken back."""
        self._state = self._seen = None


class Database:
    """A database file that several processes share, or one in memory.

    Connections wait in a pool, one for each transaction that is open at the
    same moment: a request never opens one of its own, whether threads or
    greenlets serve it. A database in memory has one connection, which its
    transactions take in turn.

    Args:
        path: The database file; None keeps the database in memory.
        image: For a database in memory: its content, as `image()` gives it.
        sleep: Lets others go on while a writer waits; takes seconds.

    Attributes:
        stamp: Is renewed whenever this service has written.

    Raises:
        OSError: A file beside that of the database cannot be made or opened.
    """

    def __init__(
        self,
        path: Path | None = None,
        image: bytes | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.path = path
        self.sleep = sleep
        self.stamp = Stamp(path)
        self._idle: dict[str, list[Connection]] = {READ: [], WRITE: []}
        self._turn = threading.Lock() if path is None else None
        if path is None:
            connection = self._open(":memory:", 0)
            if image is not None:
                connection.deserialize(image)
            self._idle[READ] = self._idle[WRITE] = [connection]

    def create(self) -> None:
        """Create the tables unless they are there.

        Raises:
            SchemaError: The file was made by another version.
            OSError: It cannot be made.
        """
        if self.path is None:
            with self._borrowed(WRITE) as in_memory:
                _create(in_memory)
            return
        # It holds secrets; the files beside it take the same mode.
        self.path.touch(mode=0o600)
        with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            version = _create(connection)
            if version != SCHEMA_VERSION:
                message = f"{self.path}: schema {version}, expected {SCHEMA_VERSION}"
                raise SchemaError(message)
            # With WAL from the start the tables would be written twice. SQLite itself
            # does not wait for others who look at the file.
            switch = partial(connection.execute, "PRAGMA journal_mode = WAL")
            _persist(switch, self.sleep)

    def reading(self) -> Transaction:
        """A transaction that reads: it sees one state and waits for nobody."""
        return Transaction(self, READ)

    def writing(self) -> Transaction:
        """A transaction that writes: the only one at a time, all of it or nothing."""
        return Transaction(self, WRITE)

    def ask(
        self,
        question: Callable[[Connection, *Arguments], Answer],
        *arguments: *Arguments,
    ) -> Answer:
        """Ask one question that may be remembered; in a transaction, if it is not."""
        connection = self.acquire(READ)
        try:
            # What is written between the two makes the answer newer than is known:
            # then it is asked again.
            if known := connection.recall(question, *arguments):
                return known[0]
            connection.execute(READ)
            return connection.learn(question, *arguments)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self.release(connection, READ)

    def check(self) -> None:
        """Read something.

        Raises:
            OSError: The database cannot be opened.
            sqlite3.Error: It is not there, or no longer one.
        """
        if self.path:
            # Who has it open reads on when it is gone.
            self.path.stat()
        with self.reading() as connection:
            connection.execute("SELECT * FROM application_settings").fetchone()

    def image(self) -> bytes:
        """A database in memory as bytes."""
        with self._borrowed(READ) as connection:
            return connection.serialize()

    def copy_to(self, path: Path) -> None:
        """Copy a database file, as it is at this moment, into an empty file."""
        with (
            self._borrowed(READ) as connection,
            closing(sqlite3.connect(path)) as copy,
        ):
            connection.backup(copy)

    def load_image(self, image: bytes) -> None:
        """Replace the content of a database in memory."""
        with self._borrowed(WRITE) as connection:
            connection.deserialize(image)
            connection.forget()

    def copy_from(self, source: sqlite3.Connection) -> None:
        """Replace the content of a database file, in one transaction."""
        path = os.fspath(self.path or "")
        with closing(self._open(path, BUSY_TIMEOUT_S)) as connection:
            source.backup(connection, sleep=BUSY_INTERVAL_S)
        self.stamp.renew()

    def close(self) -> None:
        """Close the idle connections; a process does so before it forks."""
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    def acquire(self, begin: str) -> Connection:
        """Take a connection for such a transaction; open one when there is none."""
        if self._turn is not None:
            self._turn.acquire()
        try:
            return self._idle[begin].pop()
        except IndexError:
            path = os.fspath(self.path or ":memory:")
            return self._open(path, SQLITE_TIMEOUT_S[begin])

    def release(self, connection: Connection, begin: str) -> None:
        """Put a connection back."""
        self._idle[begin].append(connection)
        if self._turn is not None:
            self._turn.release()

    @contextmanager
    def _borrowed(self, begin: str) -> Iterator[Connection]:
        """A connection for such a transaction, which is not begun."""
        connection = self.acquire(begin)
        try:
            yield connection
        finally:
            self.release(connection, begin)

    def _open(self, path: str, timeout_s: float) -> Connection:
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_S,
            cached_statements=512,
            factory=Connection,
        )
        connection.stamp = self.stamp
        if self.path is not None:
            connection.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA busy_timeout = {int(timeout_s * 1000)}")
        return connection


class Transaction:
    """One transaction, as a context manager over its connection."""

    __slots__ = ("_begin", "_connection", "_database")

    def __init__(self, database: Database, begin: str) -> None:
        self._database = database
        self._begin = begin

    def __enter__(self) -> Connection:
        """Begin; a writer waits for its turn, others are served meanwhile.

        Raises:
            sqlite3.OperationalError: Somebody else writes for too long.
        """
        self._connection = _persist(self._begun, self._database.sleep)
        return self._connection

    def _begun(self) -> Connection:
        """A connection on which it has begun; whoever waits holds none."""
        connection = self._database.acquire(self._begin)
        try:
            connection.execute(self._begin)
        except sqlite3.OperationalError:
            self._database.release(connection, self._begin)
            raise
        return connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or take everything back after an error."""
        is_committed = False
        try:
            if error is None:
                self._connection.execute("COMMIT")
                is_committed = True
                if self._begin is WRITE:
                    self._database.stamp.renew()
        finally:
            if not is_committed:
                self._connection.forget()
            # On a full disk, say, SQLite has taken everything back itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._database.release(self._connection, self._begin)


def _create(connection: sqlite3.Connection) -> int:
    """Create the tables, unless they are there; the version of what there is."""
    if _version(connection) == 0:
        schema = SCHEMA.read_text("utf-8")
        version = f"PRAGMA user_version = {SCHEMA_VERSION}"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {schema}; {version}; COMMIT")
        except sqlite3.OperationalError:
            connection.rollback()
            # Another process may have been faster.
            if _version(connection) == 0:
                raise
    return _version(connection)


def _persist(attempt: Callable[[], Answer], sleep: Callable[[float], object]) -> Answer:
    """Attempt something until the database is not busy.

    Args:
        attempt: What.
        sleep: Lets others go on; takes seconds.

    Raises:
        sqlite3.OperationalError: It is busy for too long, or something else is wrong.
    """
    deadline = None
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as error:
            deadline = deadline or time.monotonic() + BUSY_TIMEOUT_S
            # The lower byte is the kind of an error.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            sleep(BUSY_INTERVAL_S)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
