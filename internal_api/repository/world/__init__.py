"""Seeds on their way into the database.

Entries are known by what names them: users by username, groups and projects by full
path, keys by fingerprint, tokens by digest, agents by name within their project. What
an entry says is set, lists and mappings as a whole; what it does not say keeps its
value, or has its default in a new entry. Tokens are entries of their own: those that
a list does not name stay.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET

from internal_api.repository.database import Database
from internal_api.repository.world import people, places, state
from internal_api.repository.world.references import References
from internal_api.repository.world.rows import Ids, Rows
from internal_api.seed_document import Document, Seed, SeedError


class Summary(Counter[str]):
    """How many entries of each kind were loaded; its text is for people."""

    def __str__(self) -> str:
        """Say it as in `2 users, 1 project`."""
        return (
            ", ".join(
                f"{count} {_singular(kind) if count == 1 else kind}".replace("_", " ")
                for kind, count in self.items()
            )
            or "no entries"
        )


def _singular(kind: str) -> str:
    return kind[:-3] + "y" if kind.endswith("ies") else kind[:-1]


def load(
    database: Database, seeds: Iterable[Seed], now: datetime | None = None
) -> Summary:
    """Load seeds, all or none of them, in one transaction.

    Args:
        database: With its tables.
        seeds: In the order of their loading: a later one may change an earlier one.
        now: When it happens, if not right now.

    Raises:
        SeedError: An entry contradicts another one or the database, or names
            something that does not exist.
    """
    seeds = list(seeds)
    now = now or datetime.now(UTC)
    summary = Summary()
    with database.writing() as connection:
        rows = Rows(connection)
        ids = Ids(rows, [seed.document for seed in seeds])
        for seed in seeds:
            try:
                _load(References(rows, ids, seed.name, now), seed.document)
            except sqlite3.IntegrityError as error:
                raise SeedError(seed.name, "", f"does not fit: {error}") from error
            summary.update(_counts(seed.document))
    return summary


def _load(refs: References, document: Document) -> None:
    """Load a document: first what others name."""
    state.load_settings(refs, document)
    people.load_users(refs, document)
    places.load_groups_and_projects(refs, document)
    people.load_provisioners(refs, document)
    people.load_keys(refs, document)
    people.load_deploy_keys(refs, document)
    state.load_agents(refs, document)
    state.load_customers(refs, document)
    state.load_scim_identities(refs, document)
    state.load_ci_jobs(refs, document)
    state.load_nameless(refs, document)
    state.load_agents_state(refs, document)
    state.load_pushes(refs, document)


def _counts(document: Document) -> dict[str, int]:
    entries = {name: getattr(document, name) for name in document.__struct_fields__}
    if document.settings is UNSET:
        del entries["settings"]
    else:
        said = msgspec.structs.asdict(document.settings).values()
        entries["settings"] = [value for value in said if value is not UNSET]
    return {name: len(members) for name, members in entries.items() if members}
