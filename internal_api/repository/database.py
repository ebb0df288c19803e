"""Connections to one SQLite database, and its transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, TypeVarTuple, cast

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 60_000
# The most that SQLite maps; it is address space, not memory.
MMAP_BYTES = (1 << 31) - (1 << 16)
MAX_ANSWERS = 256

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")


class SchemaError(Exception):
    """The database file was made by another version of this service."""


class Connection(sqlite3.Connection):
    """A connection that keeps answers until the database changes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._state: tuple[int, int] | None = None

    def remember(
        self,
        question: Callable[[Connection, *Arguments], Answer],
        *arguments: *Arguments,
    ) -> Answer:
        """Ask, unless nothing was written since the same was asked before.

        SQLite itself tells whether: `data_version` counts what other connections
        commit, `total_changes` what this one writes.

        Args:
            question: A function of this connection and the arguments, that only reads.
            arguments: Hashable.
        """
        (version,) = self.execute("PRAGMA data_version").fetchone()
        state = version, self.total_changes
        if state != self._state or len(self._answers) == MAX_ANSWERS:
            self._answers.clear()
            self._state = state
        key = question, arguments
        if key not in self._answers:
            self._answers[key] = question(self, *arguments)
        return cast("Answer", self._answers[key])

    def forget(self) -> None:
        """Ask anew: what was written has been taken back."""
        self._state = None


class Database:
    """A database file that several processes share, or one in memory.

    Connections wait in a pool, one for each transaction that is open at the
    same moment: a request never opens one of its own, whether threads or
    greenlets serve it. A database in memory has one connection, which its
    transactions take in turn.

    Args:
        path: The database file; None keeps the database in memory.
        image: For a database in memory: its content, as `image()` gives it.
    """

    def __init__(self, path: Path | None = None, image: bytes | None = None) -> None:
        self.path = path
        self._idle: list[Connection] = []
        self._turn = threading.Lock() if path is None else None
        if path is None:
            connection = self._open(":memory:")
            if image is not None:
                connection.deserialize(image)
            self._idle.append(connection)

    def create(self) -> None:
        """Create the tables unless they are there.

        Raises:
            SchemaError: The file was made by another version.
        """
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _statements(_schema()):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                message = f"{self.path}: schema {version}, expected {SCHEMA_VERSION}"
                raise SchemaError(message)

    def reading(self) -> Transaction:
        """A transaction that reads: it sees one state and waits for nobody."""
        return Transaction(self, "BEGIN")

    def writing(self) -> Transaction:
        """A transaction that writes: the only one at a time, all of it or nothing."""
        return Transaction(self, "BEGIN IMMEDIATE")

    def check(self) -> None:
        """Read something.

        Raises:
            sqlite3.Error: The database is not there, or no longer one.
        """
        with self.reading() as connection:
            connection.execute("SELECT * FROM application_settings").fetchone()

    def image(self) -> bytes:
        """A database in memory as bytes."""
        connection = self.acquire()
        try:
            return connection.serialize()
        finally:
            self.release(connection)

    def close(self) -> None:
        """Close the idle connections; a process does so before it forks."""
        while self._idle:
            self._idle.pop().close()

    def acquire(self) -> Connection:
        """Take a connection out of the pool; open one when there is none."""
        if self._turn is not None:
            self._turn.acquire()
        try:
            return self._idle.pop()
        except IndexError:
            return self._open(os.fspath(self.path or ":memory:"))

    def release(self, connection: Connection) -> None:
        """Put a connection back."""
        self._idle.append(connection)
        if self._turn is not None:
            self._turn.release()

    def _open(self, path: str) -> Connection:
        connection = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
            cached_statements=512,
            factory=Connection,
        )
        if self.path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


class Transaction:
    """One transaction, as a context manager over its connection."""

    __slots__ = ("_begin", "_connection", "_database")

    def __init__(self, database: Database, begin: str) -> None:
        self._database = database
        self._begin = begin

    def __enter__(self) -> Connection:
        """Begin."""
        self._connection = self._database.acquire()
        try:
            self._connection.execute(self._begin)
        except BaseException:
            self._database.release(self._connection)
            raise
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or take everything back after an error."""
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            # After an error, also one of COMMIT: of a full disk, say.
            if self._connection.in_transaction:
                self._connection.forget()
                self._connection.execute("ROLLBACK")
            self._database.release(self._connection)


def _schema() -> str:
    return files("internal_api").joinpath("schema.sql").read_text(encoding="utf-8")


def _statements(script: str) -> list[str]:
    """Split a script where SQLite itself says that a statement is complete."""
    statements, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
