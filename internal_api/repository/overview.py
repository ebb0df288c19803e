"""What the database holds, for people to look at: no secrets, no digests.

A database may hold millions of rows: each list is the beginning of what is there,
and a search finds the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from internal_api.repository.database import Connection
from internal_api.repository.world.columns import level_name

MOST_ENTRIES = 100
# Of the paths within an entry.
_MOST_PATHS = 20


class _List(NamedTuple):
    """Where a list comes from.

    Attributes:
        columns: What is shown, as SQL.
        table: Whose rows they are.
        joined: What they are joined with; that makes them neither more nor fewer.
        searched: Columns in which a search looks.
        where: Which rows.
    """

    columns: str
    table: str
    joined: str
    searched: tuple[str, ...]
    where: str = "1"

    def total(self, search: str) -> str:
        """SQL that counts the rows that a search finds; without one, all."""
        if not search:
            return f"SELECT count(*) FROM {self.table} WHERE {self.where}"  # noqa: S608
        return f"SELECT count(*) {self._from(search)}"

    def select(self, search: str) -> str:
        """SQL of how many rows a search finds, and of the first."""
        return f"""SELECT ({self.total(search)}), {self.columns} {self._from(search)}
            ORDER BY 2 LIMIT {MOST_ENTRIES}"""

    def _from(self, search: str) -> str:
        found = " OR ".join(
            f"instr(lower({column}), lower(:search))" for column in self.searched
        )
        where = f"{self.where} AND ({found})" if search else self.where
        return f"FROM {self.table} {self.joined} WHERE {where}"


class Page(NamedTuple):
    """The beginning of a list, and how many entries the whole has."""

    total: int
    entries: list[dict[str, Any]]


def _paths(select: str) -> str:
    """SQL of a JSON list of the first paths."""
    return f"(SELECT json_group_array(path) FROM ({select} LIMIT {_MOST_PATHS}))"  # noqa: S608


def _route(kind: str, source_id: str) -> str:
    # CROSS JOIN keeps SQLite from starting at all the routes, in the order of paths.
    return (
        f"CROSS JOIN routes r ON r.source_type = '{kind}' AND r.source_id = {source_id}"
    )


def _authorized(access: str) -> str:
    """SQL of the paths that an agent's configuration lets in."""
    kind = "CASE WHEN z.project_id THEN 'Project' ELSE 'Namespace' END"
    return _paths(
        f"""SELECT r.path FROM agent_authorizations z CROSS JOIN routes r
            ON r.source_type = {kind}
            AND r.source_id = coalesce(z.project_id, z.group_id)
            WHERE z.agent_id = a.id AND z.access = '{access}' ORDER BY r.path"""  # noqa: S608
    )


def _deployed() -> str:
    """SQL of the paths to which a deploy key leads, and whether it may write."""
    return _paths(
        f"""SELECT r.path || CASE d.can_push WHEN 1 THEN ' (write)' ELSE '' END AS path
            FROM deploy_keys_projects d {_route("Project", "d.project_id")}
            WHERE d.deploy_key_id = k.id ORDER BY r.path"""  # noqa: S608
    )


_LISTS = {
    "users": _List(
        """u.id, u.username, u.name, u.email, u.state, u.user_type, u.admin,
        u.external, u.two_factor_enabled, u.last_activity_on""",
        "users u",
        "",
        ("u.username", "u.name", "u.email"),
    ),
    "keys": _List(
        f"""k.id, k.type, k.title, u.username, k.fingerprint_sha256, k.key_type, k.bits,
        k.usage_type, k.created_at, k.expires_at, k.last_used_at,
        {_deployed()} AS projects""",
        "keys k",
        "LEFT JOIN users u ON u.id = k.user_id",
        ("k.title", "u.username", "k.fingerprint_sha256"),
    ),
    "projects": _List(
        """p.id, r.path AS full_path, p.name, p.visibility_level, p.default_branch,
        p.archived, p.empty_repo, p.repository_exists, p.repository_read_only""",
        "projects p",
        _route("Project", "p.id"),
        ("r.path", "p.name"),
        "NOT p.pending_delete",
    ),
    "groups": _List(
        """n.id, r.path AS full_path, n.name, n.visibility_level,
        (SELECT count(*) FROM members WHERE source_type = 'Namespace'
            AND source_id = n.id) AS members,
        (SELECT count(*) FROM projects WHERE namespace_id = n.id
            AND NOT pending_delete) AS project_count""",
        "namespaces n",
        _route("Namespace", "n.id"),
        ("r.path", "n.name"),
        "n.type = 'Group'",
    ),
    "agents": _List(
        f"""a.id, a.name, r.path AS project, u.username AS created_by,
        (SELECT count(*) FROM cluster_agent_tokens
            WHERE agent_id = a.id AND NOT revoked) AS tokens,
        (SELECT max(last_used_at) FROM cluster_agent_tokens
            WHERE agent_id = a.id) AS last_used_at,
        {_authorized("ci")} AS ci_access, {_authorized("user")} AS user_access""",  # noqa: S608
        "cluster_agents a",
        f"""{_route("Project", "a.project_id")}
        LEFT JOIN users u ON u.id = a.created_by_user_id""",
        ("a.name", "r.path", "u.username"),
    ),
    "subscriptions": _List(
        """s.namespace_id, r.path AS namespace, s.plan_code, s.seats, s.seats_in_use,
        s.max_seats_used, s.seats_owed, s.start_date, s.end_date, s.trial,
        s.auto_renew""",
        "gitlab_subscriptions s",
        _route("Namespace", "s.namespace_id"),
        ("r.path", "s.plan_code"),
    ),
}
NAMES = tuple(_LISTS)
_FLAGS = frozenset(
    {
        "admin",
        "archived",
        "auto_renew",
        "empty_repo",
        "external",
        "repository_exists",
        "repository_read_only",
        "trial",
        "two_factor_enabled",
    }
)
_JSON = frozenset({"ci_access", "projects", "user_access"})


def totals(connection: Connection) -> dict[str, int]:
    """How many entries each list has."""
    counts = ", ".join(f"({each.total('')})" for each in _LISTS.values())
    row = connection.execute(f"SELECT {counts}").fetchone()
    return dict(zip(NAMES, row, strict=True))


def find(connection: Connection, name: str, search: str) -> Page:
    """The first entries of a list that a search finds.

    Args:
        connection: In a transaction.
        name: One of `NAMES`.
        search: Part of a name, a path or the like, in any case; empty finds all.
    """
    cursor = connection.execute(_LISTS[name].select(search), {"search": search})
    columns = [column for column, *_ in cursor.description[1:]]
    rows = cursor.fetchall()
    entries = [
        dict(_shown(*pair) for pair in zip(columns, row, strict=True))
        for _total, *row in rows
    ]
    return Page(rows[0][0] if rows else 0, entries)


def _shown(column: str, value: Any) -> tuple[str, Any]:
    if column == "visibility_level":
        return "visibility", level_name(column, value)
    if column in _JSON:
        return column, msgspec.Raw(value.encode())
    return column, bool(value) if column in _FLAGS and value is not None else value
