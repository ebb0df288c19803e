"""Agents for Kubernetes, their tokens and whom their configuration lets in.

Source: `app/models/clusters/agent.rb` and `app/models/clusters/agent_token.rb`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from internal_api.dates import iso_time
from internal_api.repository.authorizations import namespace_level, project_level
from internal_api.repository.database import Connection, Database
from internal_api.repository.users import digest

# GitLab draws 40 to 55 minutes by lot: here the same call always writes.
_USE_INTERVAL = timedelta(minutes=40)


class Agent(NamedTuple):
    """An agent; truth values may be 0 and 1."""

    id: int
    project_id: int
    name: str
    created_by_user_id: int | None
    project_deleted: int


class Token(NamedTuple):
    """A token of an agent that was not revoked; the time is UTC text."""

    digest: str
    last_used_at: str | None
    agent: Agent


_AGENT = """a.id, a.project_id, a.name, a.created_by_user_id, p.pending_delete"""
_TOKEN = f"""SELECT t.token_digest, t.last_used_at, {_AGENT}
    FROM cluster_agent_tokens t
    JOIN cluster_agents a ON a.id = t.agent_id
    JOIN projects p ON p.id = a.project_id
    WHERE t.token_digest = ? AND NOT t.revoked"""  # noqa: S608


def find_token(database: Database, secret: str) -> Token | None:
    """The token that is this secret; None when there is none, or it was revoked."""
    return database.ask(_find_token, digest(secret))


def _find_token(connection: Connection, token_digest: str) -> Token | None:
    row = connection.execute(_TOKEN, (token_digest,)).fetchone()
    return Token(row[0], row[1], Agent._make(row[2:])) if row else None


def use_is_stale(token: Token, now: datetime) -> bool:
    """Whether the last recorded use of a token is 40 minutes ago, or none."""
    if token.last_used_at is None:
        return True
    return now - datetime.fromisoformat(token.last_used_at) >= _USE_INTERVAL


def record_use(connection: sqlite3.Connection, token: Token, now: datetime) -> None:
    """Note that the token was used.

    Source: `app/services/clusters/agent_tokens/track_usage_service.rb`.
    """
    connection.execute(
        "UPDATE cluster_agent_tokens SET last_used_at = ? WHERE token_digest = ?",
        (iso_time(now), token.digest),
    )


def find(connection: sqlite3.Connection, agent_id: int | None) -> Agent | None:
    """The agent of this id."""
    select = f"""SELECT {_AGENT} FROM cluster_agents a
        JOIN projects p ON p.id = a.project_id WHERE a.id = ?"""  # noqa: S608
    row = connection.execute(select, (agent_id,)).fetchone()
    return Agent._make(row) if row else None


# Both look only below the root namespace of the agent's project, ?5.
_ADD_PROJECT = """INSERT INTO agent_authorizations
    (agent_id, access, project_id, config) SELECT ?1, ?2, p.id, ?3
    FROM routes r JOIN projects p ON p.id = r.source_id AND NOT p.pending_delete
    JOIN projects own ON own.id = ?5 AND own.root_namespace_id = p.root_namespace_id
    WHERE r.source_type = 'Project' AND r.path = ?4"""
_ADD_GROUP = """INSERT INTO agent_authorizations
    (agent_id, access, group_id, config) SELECT ?1, ?2, n.id, ?3
    FROM routes r JOIN namespaces n ON n.id = r.source_id AND n.type = 'Group'
    JOIN namespace_ancestors a ON a.namespace_id = n.id
    JOIN projects own ON own.id = ?5 AND own.root_namespace_id = a.ancestor_id
    WHERE r.source_type = 'Namespace' AND r.path = ?4"""


class Authorizations(NamedTuple):
    """Whom an agent's configuration lets in: configurations as JSON, by full path."""

    projects: Mapping[str, str]
    groups: Mapping[str, str]


def replace_authorizations(
    connection: sqlite3.Connection,
    agent: Agent,
    access: str,
    authorizations: Authorizations,
) -> None:
    """Let in those and no others, as far as they are near the agent's project.

    Args:
        connection: In a transaction.
        agent: Whose configuration it is.
        access: `ci` or `user`.
        authorizations: Paths that lead nowhere are left out.

    Source: `RefreshService` in
    `app/services/clusters/agents/authorizations/{ci,user}_access/`.
    """
    connection.execute(
        "DELETE FROM agent_authorizations WHERE agent_id = ? AND access = ?",
        (agent.id, access),
    )
    for insert, entries in (
        (_ADD_PROJECT, authorizations.projects),
        (_ADD_GROUP, authorizations.groups),
    ):
        connection.executemany(
            insert,
            [
                (agent.id, access, config, path, agent.project_id)
                for path, config in entries.items()
            ],
        )


class AllowedAgent(NamedTuple):
    """An agent that a CI job may use, with the configuration for it."""

    id: int
    project_id: int
    config: dict[str, Any]


_ALLOWED = """SELECT a.id, a.project_id, found.config
    FROM projects p
    JOIN (
        SELECT agent_id, config, 2 AS nearness, 0 AS depth
        FROM agent_authorizations WHERE access = 'ci' AND project_id = ?1
        UNION ALL SELECT id, '{}', 1, 0 FROM cluster_agents WHERE project_id = ?1
        UNION ALL SELECT z.agent_id, z.config, 0, (
            SELECT count(*) FROM namespace_ancestors WHERE namespace_id = z.group_id)
        FROM projects q
        JOIN namespace_ancestors n ON n.namespace_id = q.namespace_id
        JOIN agent_authorizations z ON z.access = 'ci' AND z.group_id = n.ancestor_id
        WHERE q.id = ?1
    ) found
    JOIN cluster_agents a ON a.id = found.agent_id
    JOIN projects own ON own.id = a.project_id AND NOT own.pending_delete
        AND own.root_namespace_id = p.root_namespace_id
    WHERE p.id = ?1
    ORDER BY nearness DESC, depth DESC, a.id"""


def allowed_for_ci(
    connection: sqlite3.Connection, project_id: int
) -> list[AllowedAgent]:
    """The agents that the jobs of a project may use.

    Those that name the project come first, then its own, then those that name a
    group above; what is nearest says how an agent may be used.

    Source: `app/finders/clusters/agents/authorizations/ci_access/finder.rb`.
    """
    nearest: dict[int, AllowedAgent] = {}
    for agent_id, own_project_id, config in connection.execute(_ALLOWED, (project_id,)):
        decoded = msgspec.json.decode(config)
        nearest.setdefault(agent_id, AllowedAgent(agent_id, own_project_id, decoded))
    return list(nearest.values())


class UserAuthorization(NamedTuple):
    """What lets a user in: a project or a group, and the user's highest role there.

    The other of both ids is None.
    """

    project_id: int | None
    group_id: int | None
    config: dict[str, Any]
    access_level: int


_USER_ACCESS = f"""SELECT z.project_id, z.group_id, z.config,
    CASE WHEN p.id THEN {project_level("p", "?2")}
    ELSE {namespace_level("z.group_id", "?2")} END
    FROM agent_authorizations z
    LEFT JOIN projects p ON p.id = z.project_id AND NOT p.pending_delete
    WHERE z.agent_id = ?1 AND z.access = 'user'
    ORDER BY z.project_id, z.group_id"""  # noqa: S608


def user_authorizations(
    connection: sqlite3.Connection, agent_id: int, user_id: int
) -> list[UserAuthorization]:
    """All that an agent's `user_access` names, with the user's role, 0 for none.

    Source: `app/finders/clusters/agents/authorizations/user_access/finder.rb`.
    """
    rows = connection.execute(_USER_ACCESS, (agent_id, user_id)).fetchall()
    return [
        UserAuthorization(project_id, group_id, msgspec.json.decode(config), level)
        for project_id, group_id, config, level in rows
    ]
