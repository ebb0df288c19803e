"""Connections, transactions and what is remembered."""

from __future__ import annotations

import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Barrier
from time import sleep

import pytest

from internal_api.repository import database as repository_database
from internal_api.repository.database import (
    LOOK_INTERVAL_S,
    MAX_ANSWERS,
    Connection,
    Database,
    SchemaError,
)


@pytest.fixture(params=["file", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of either kind."""
    database = Database(tmp_path / "test.db" if request.param == "file" else None)
    database.create()
    return database


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Database, Database]:
    """Two on one file, which ask SQLite only where the stamp has changed."""
    monkeypatch.setattr(repository_database, "LOOK_INTERVAL_S", math.inf)
    ours, theirs = Database(tmp_path / "test.db"), Database(tmp_path / "test.db")
    ours.create()
    return ours, theirs


def revision(connection: Connection) -> str:
    """A text that is there to be read."""
    select = "SELECT gitlab_revision FROM application_settings"
    return str(connection.execute(select).fetchone()[0])


def set_revision(connection: Connection, value: str) -> None:
    """Write that text."""
    connection.execute("UPDATE application_settings SET gitlab_revision = ?", (value,))


def read(database: Database) -> str:
    """Read that text as requests do."""
    with database.reading() as connection:
        return connection.remember(revision)


def test_create_twice(database: Database) -> None:
    """Creating the tables again changes nothing."""
    with database.writing() as connection:
        set_revision(connection, "kept")
    database.create()
    assert read(database) == "kept"


def test_create_other_version(tmp_path: Path) -> None:
    """A file of another version is refused, not half understood."""
    path = tmp_path / "test.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SchemaError, match="schema 99"):
        Database(path).create()


def test_create_at_once(tmp_path: Path) -> None:
    """Several that create the same tables at once all find them there."""
    together = Barrier(8)

    def create(path: Path) -> str:
        together.wait()
        database = Database(path)
        database.create()
        found = read(database)
        database.close()
        return found

    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            path = tmp_path / f"{number}.db"
            assert set(pool.map(create, [path] * 8)) == {"Unknown"}
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert path.stat().st_mode & 0o777 == 0o600


def test_create_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where only a part of the tables can be made, none is."""
    path = tmp_path / "test.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ci_builds (id)")
        connection.execute("CREATE TABLE users (id)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        Database(path).create()
    with closing(sqlite3.connect(path)) as connection:
        select = "SELECT count(*) FROM sqlite_schema"
        assert connection.execute(select).fetchone() == (2,)


def test_writing_takes_everything_back(database: Database) -> None:
    """An error within a transaction leaves nothing of it, not even remembered."""
    before = read(database)

    with suppress(LookupError), database.writing() as connection:
        set_revision(connection, "lost")
        assert connection.remember(revision) == "lost"
        raise LookupError
    assert database.ask(revision) == read(database) == before


def test_nothing_stays_of_what_sqlite_takes_back(database: Database) -> None:
    """Nor is remembered what SQLite itself takes back, as it does on a full disk."""
    before = read(database)
    for _ in range(2):
        with suppress(sqlite3.IntegrityError), database.writing() as connection:
            set_revision(connection, "lost")
            assert connection.remember(revision) == "lost"
            connection.execute("INSERT OR ROLLBACK INTO users (id) VALUES (NULL)")
        assert not connection.in_transaction
        with database.writing() as connection:
            assert connection.remember(revision) == before
    assert database.ask(revision) == read(database) == before


def test_remember_sees_own_writes(database: Database) -> None:
    """What this process writes is answered from then on."""
    read(database)
    with database.writing() as connection:
        set_revision(connection, "own")
    assert read(database) == "own"


def test_remember_sees_other_processes(tmp_path: Path) -> None:
    """What another connection commits is answered from then on."""
    ours, theirs = Database(tmp_path / "test.db"), Database(tmp_path / "test.db")
    ours.create()
    for value in ("one", "two", "three"):
        with theirs.writing() as connection:
            set_revision(connection, value)
        assert read(ours) == value


def test_remember_asks_once(database: Database) -> None:
    """The same question is not asked again while nothing is written."""
    asked = []

    def question(_connection: Connection, argument: int | None) -> int | None:
        asked.append(argument)
        return argument

    with database.reading() as connection:
        for argument in (1, 2, None, 1, 2, None):
            assert connection.remember(question, argument) == argument
    assert asked == [1, 2, None]


def test_ask_remembers(database: Database) -> None:
    """A question that is asked alone is remembered, until something is written."""
    asked = []

    def question(connection: Connection, argument: str) -> str:
        asked.append(argument)
        assert connection.in_transaction
        return argument + revision(connection)

    for value in ("one", "two"):
        with database.writing() as connection:
            set_revision(connection, value)
        for _ in range(2):
            assert database.ask(question, "is ") == f"is {value}"
    assert asked == ["is ", "is "]


def test_ask_leaves_nothing_open(database: Database) -> None:
    """A question that fails is not remembered, and ends its transaction."""

    def fail(_connection: Connection) -> str:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            database.ask(fail)
    with database.writing() as connection:
        set_revision(connection, "written")
    assert database.ask(revision) == "written"


def test_ask_while_another_process_writes(tmp_path: Path) -> None:
    """Whatever was committed before a question is in its answer."""
    ours, theirs = Database(tmp_path / "test.db"), Database(tmp_path / "test.db")
    ours.create()

    def interrupted(connection: Connection) -> str:
        before = revision(connection)
        with theirs.writing() as other:
            set_revision(other, f"{before}.")
        return before

    for number in range(3):
        assert ours.ask(interrupted) == "Unknown" + "." * number


def test_no_write_is_overlooked(pair: tuple[Database, Database]) -> None:
    """Others see at once whatever this service writes, without asking SQLite."""
    ours, theirs = pair
    backup = Database()
    backup.create()
    for value in ("one", "two"):
        with theirs.writing() as connection:
            set_revision(connection, value)
        assert ours.ask(revision) == value
    with backup.reading() as connection:
        theirs.copy_from(connection)
    assert ours.ask(revision) == "Unknown"


def test_other_programs_are_noticed(tmp_path: Path) -> None:
    """Who writes without this service is noticed soon."""
    database = Database(tmp_path / "test.db")
    database.create()
    for value in ("one", "two"):
        with closing(sqlite3.connect(tmp_path / "test.db")) as other, other:
            other.execute(
                "UPDATE application_settings SET gitlab_revision = ?", (value,)
            )
        sleep(2 * LOOK_INTERVAL_S)
        assert database.ask(revision) == value


def test_remembered_is_of_the_same_state(tmp_path: Path) -> None:
    """In a transaction, what is remembered and what is read are of one state."""
    ours, theirs = Database(tmp_path / "test.db"), Database(tmp_path / "test.db")
    ours.create()
    read(ours)
    for value in ("one", "two"):
        with ours.reading() as connection:
            remembered = connection.remember(revision)
            with theirs.writing() as other:
                set_revision(other, value)
            assert revision(connection) == remembered
        assert read(ours) == value


def test_nothing_is_remembered_for_newer_than_it_is(
    pair: tuple[Database, Database],
) -> None:
    """What a transaction saw is not the answer once others have written meanwhile."""
    ours, theirs = pair
    for value in ("one", "two"):
        with ours.reading() as connection:
            before = revision(connection)
            with theirs.writing() as other:
                set_revision(other, value)
            assert connection.remember(revision) == before
        assert ours.ask(revision) == value


@pytest.mark.parametrize("when", ["before", "after"])
def test_stamp_is_renewed_after_the_commit(
    pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Whoever asks while another commits knows of it as soon as that has ended."""
    ours, theirs = pair
    renew = theirs.stamp.renew

    def interrupted() -> None:
        if when == "after":
            renew()
        ours.ask(revision)
        if when == "before":
            renew()

    monkeypatch.setattr(theirs.stamp, "renew", interrupted)
    for value in ("one", "two"):
        with theirs.writing() as connection:
            set_revision(connection, value)
        assert ours.ask(revision) == value


def test_stamp_is_read_before_sqlite_is_asked(
    pair: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while SQLite is asked is not taken for known."""
    ours, theirs = pair
    assert ours.ask(revision) == "Unknown"
    look = Connection._look

    def interrupted(connection: Connection) -> None:
        look(connection)
        with theirs.writing() as other:
            set_revision(other, "new")

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_look", interrupted)
        ours.stamp.renew()
        assert ours.ask(revision) == "Unknown"
    assert ours.ask(revision) == "new"


def test_stamp_has_its_place_on_the_disk(tmp_path: Path) -> None:
    """Its file is no hole: on a full disk a write to that would end the process."""
    Database(tmp_path / "test.db")
    assert (tmp_path / "test.db-stamp").stat().st_blocks > 0


def test_symbolic_link(tmp_path: Path) -> None:
    """A database has one stamp, whatever leads to it."""
    (tmp_path / "link.db").symlink_to(tmp_path / "test.db")
    Database(tmp_path / "test.db").create()
    linked = Database(tmp_path / "link.db")
    assert linked.stamp.read() == Database(tmp_path / "test.db").stamp.read()
    linked.stamp.renew()
    assert linked.stamp.read() == Database(tmp_path / "test.db").stamp.read()


def test_files_are_private(tmp_path: Path) -> None:
    """Nobody else may read or change what lies beside the database."""
    database = Database(tmp_path / "test.db")
    database.create()
    with database.writing() as connection:
        set_revision(connection, "written")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(
        ("test.db", "test.db-stamp", "test.db-wal", "test.db-shm"), 0o600
    )


def test_remember_is_bounded(database: Database) -> None:
    """However many questions there are, only so many answers are kept."""

    def question(_connection: Connection, argument: int) -> int:
        return argument

    def nested(connection: Connection, argument: int) -> int:
        return connection.remember(question, argument)

    with database.reading() as connection:
        for argument in range(3 * MAX_ANSWERS):
            connection.remember(question, argument)
        assert len(connection._answers) <= MAX_ANSWERS
        for argument in range(3 * MAX_ANSWERS):
            connection.remember(nested if argument % 3 else question, argument)
        assert len(connection._answers) <= MAX_ANSWERS


def test_image() -> None:
    """A database made of an image holds the same and goes its own way."""
    database = Database()
    database.create()
    with database.writing() as connection:
        set_revision(connection, "image")
    copy = Database(image=database.image())
    assert read(copy) == "image"
    with copy.writing() as connection:
        set_revision(connection, "copy")
    assert (read(copy), read(database)) == ("copy", "image")


def test_threads(database: Database) -> None:
    """Threads that write at once all succeed, and no increment is lost."""

    def increase(_: int) -> None:
        with database.writing() as connection:
            connection.execute(
                "UPDATE application_settings SET rate_limit_per_minute = "
                "rate_limit_per_minute + 1"
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increase, range(200)))
    with database.reading() as connection:
        select = "SELECT rate_limit_per_minute FROM application_settings"
        assert connection.execute(select).fetchone() == (200,)
    database.close()
