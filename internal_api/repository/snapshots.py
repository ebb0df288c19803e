"""Saved states of a whole database, to go back to."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from internal_api.repository.database import (
    SCHEMA_VERSION,
    Database,
    SchemaError,
)

# What `reset` goes back to: the state after the last seeds of a command.
SEEDED = "seeded"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", re.ASCII)


class SnapshotError(ValueError):
    """A name that no snapshot can have, or that none has."""


class Snapshots:
    """The snapshots of a database, kept where it is: in memory or in a folder.

    Args:
        database: Its state is saved and restored; one in memory is saved at once, as
            its seeded state.
        folder: For a database file: where the snapshots lie; made when missing.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._images: dict[str, bytes] = {}
        if database.path is None:
            self.save(SEEDED)

    def names(self) -> list[str]:
        """The snapshots that there are."""
        if self._database.path is None:
            return sorted(self._images)
        return sorted(path.stem for path in self._folder.glob("[!.]*.db"))

    def save(self, name: str) -> None:
        """Save the present state; a snapshot of this name is replaced, whole at once.

        Raises:
            SnapshotError: It cannot have this name.
            OSError: The file cannot be written.
        """
        path = self._path(name)
        if self._database.path is None:
            self._images[name] = self._database.image()
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.touch(mode=0o600)
        try:
            self._database.copy_to(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def restore(self, name: str) -> None:
        """Go back to a saved state; before any seed the seeded one is empty.

        Raises:
            SnapshotError: There is none of this name.
            SchemaError: Another version has saved it.
        """
        path = self._path(name)
        if self._database.path is None:
            if name not in self._images:
                raise SnapshotError(f"there is no snapshot {name!r}")
            self._database.load_image(self._images[name])
        elif path.exists():
            with closing(
                sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
            ) as saved:
                _check_version(saved, path)
                self._database.copy_from(saved)
        elif name == SEEDED:
            empty = Database()
            empty.create()
            with closing(empty), empty.reading() as connection:
                self._database.copy_from(connection)
        else:
            raise SnapshotError(f"there is no snapshot {name!r}")

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SnapshotError(
                f"{name!r} is no name: expected up to 64 letters, digits and _.-"
            )
        return self._folder.absolute() / f"{name}.db"


def _check_version(saved: sqlite3.Connection, path: Path) -> None:
    (version,) = saved.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        raise SchemaError(f"{path}: schema {version}, expected {SCHEMA_VERSION}")
