"""The database in a data directory, as the commands use it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from internal_api.config import Config, ConfigError
from internal_api.repository.database import Database, SchemaError


class InstanceError(ConfigError):
    """A database or a seed that cannot be used."""


@contextmanager
def opened(config: Config, *, memory: bool = False) -> Iterator[Database]:
    """The database, made when missing; no connection is left open.

    Args:
        config: Names the data directory, which exists.
        memory: Make a new one in memory instead.

    Raises:
        InstanceError: SQLite cannot use the file, or another version made it.
    """
    try:
        with closing(Database(None if memory else config.database_path)) as database:
            database.create()
            yield database
    except sqlite3.Error as error:
        raise InstanceError(f"{config.database_path}: {error}") from error
    except SchemaError as error:
        raise InstanceError(str(error)) from error


def load_seeds(config: Config, database: Database, names: Sequence[str]) -> str:
    """Load seed files, all of them or none, and count what they hold.

    What is there then is the seeded state, to which a reset goes back.

    Raises:
        InstanceError: One cannot be read, or contradicts what is there.
    """
    # Neither YAML nor the checks of a seed are needed to serve what is there.
    from internal_api import seeds  # noqa: PLC0415
    from internal_api.repository.snapshots import SEEDED, Snapshots  # noqa: PLC0415

    try:
        summary = seeds.load(database, [seeds.read(name) for name in names])
        Snapshots(database, config.snapshots_path).save(SEEDED)
        return str(summary)
    except seeds.SeedError as error:
        raise InstanceError(str(error)) from error
