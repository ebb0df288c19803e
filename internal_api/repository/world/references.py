"""What the entries of a seed name, and what they may not both claim."""

from __future__ import annotations

from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple, NoReturn

from msgspec import UNSET, UnsetType

from internal_api.repository.world.rows import Ids, Row, Rows
from internal_api.seed_document import SeedError

_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def fold(text: str) -> str:
    """Make names equal that are so to the database: NOCASE knows ASCII's letters."""
    return text.translate(_TO_LOWER)


class Namespace(NamedTuple):
    """A group (`Group`) or a personal namespace (`User`)."""

    id: int
    type: str


class References:
    """Finds the rows that a seed names; remembers what it found.

    Every `at` is the key of the entry in its file, for the errors.
    """

    def __init__(self, rows: Rows, ids: Ids, file: str, now: datetime) -> None:
        self.rows = rows
        self.now = now
        self._ids = ids
        self._file = file
        self._users: dict[str, int] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._projects: dict[str, int] = {}
        self._claims: dict[tuple[object, ...], int] = {}
        self._named: set[tuple[str, object]] = set()

    def fail(self, at: str, reason: str) -> NoReturn:
        """Raise the error of a key."""
        raise SeedError(self._file, at, reason)

    def once(self, at: str, kind: str, key: object) -> None:
        """Refuse a second entry of the same name."""
        if (kind, key) in self._named:
            self.fail(at, "named twice")
        self._named.add((kind, key))

    def claim(
        self, at: str, table: str, owner: str, owner_id: int, **key: object
    ) -> None:
        """Refuse a key of a table that belongs to another owner.

        Args:
            at: The key in the file.
            table: Where it is unique.
            owner: The column that holds the owner's id.
            owner_id: Whose it is to be.
            key: The columns that are unique together.
        """
        claim = (table, *key.values())
        if claim not in self._claims:
            row = self.rows.find(table, **key)
            self._claims[claim] = row[owner] if row else owner_id
        if self._claims[claim] != owner_id:
            self.fail(at, "belongs to another entry")

    def identify(
        self, table: str, at: str, existing: Row | None, named: int | UnsetType
    ) -> int:
        """The id of an entry: the one it has, else the one it names, else the next."""
        if existing is not None:
            has: int = existing["id"]
            if named is not UNSET and named != has:
                self.fail(at, f"the entry has the id {has}")
            return has
        if named is UNSET:
            return self._ids.next(table)
        if self.rows.find(table, id=named) or (table, named) in self._named:
            self.fail(at, f"{named} is the id of another entry")
        self._named.add((table, named))
        return named

    def next_id(self, table: str) -> int:
        """The id of an entry that nobody named."""
        return self._ids.next(table)

    def user(self, at: str, username: str) -> int:
        """The id of a user."""
        key = fold(username)
        if key not in self._users:
            row = self.rows.find("users", username=username)
            if row is None:
                self.fail(at, f"there is no user {username}")
            self._users[key] = row["id"]
        return self._users[key]

    def maybe_user(
        self, at: str, username: str | UnsetType | None
    ) -> int | UnsetType | None:
        """The id of a user where there may be none."""
        return self.user(at, username) if isinstance(username, str) else username

    def find_namespace(self, path: str) -> Namespace | None:
        """The namespace of a path."""
        key = fold(path)
        if key not in self._namespaces:
            route = self.rows.find("routes", path=path, source_type="Namespace")
            row = route and self.rows.find("namespaces", id=route["source_id"])
            if not row:
                return None
            self._namespaces[key] = Namespace(row["id"], row["type"])
        return self._namespaces[key]

    def add_namespace(self, path: str, namespace: Namespace) -> None:
        """Remember a namespace that is not written yet."""
        self._namespaces[fold(path)] = namespace

    def namespace(self, at: str, path: str) -> int:
        """The id of a group or a personal namespace."""
        found = self.find_namespace(path)
        if found is None:
            self.fail(at, f"there is no group or user {path}")
        return found.id

    def group(self, at: str, path: str) -> int:
        """The id of a group."""
        found = self.find_namespace(path)
        if found is None or found.type != "Group":
            self.fail(at, f"there is no group {path}")
        return found.id

    def find_project(self, path: str) -> int | None:
        """The id of the project of a path."""
        key = fold(path)
        if key not in self._projects:
            route = self.rows.find("routes", path=path, source_type="Project")
            if route is None:
                return None
            self._projects[key] = route["source_id"]
        return self._projects[key]

    def add_project(self, path: str, project_id: int) -> None:
        """Remember a project that is not written yet."""
        self._projects[fold(path)] = project_id

    def project(self, at: str, path: str) -> int:
        """The id of a project."""
        project_id = self.find_project(path)
        if project_id is None:
            self.fail(at, f"there is no project {path}")
        return project_id

    def maybe_project(self, at: str, path: str | UnsetType | None) -> int | None:
        """The id of a project where there may be none."""
        return self.project(at, path) if isinstance(path, str) else None

    def agent(self, at: str, project_id: int, name: str) -> int:
        """The id of an agent of a project."""
        row = self.rows.find("cluster_agents", project_id=project_id, name=name)
        if row is None:
            self.fail(at, f"the project has no agent {name}")
        agent_id: int = row["id"]
        return agent_id
