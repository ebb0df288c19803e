"""What identity providers call users, and the groups that they fill.

A group of None is the instance. Source: `ee/app/models/scim_identity.rb`,
`ee/app/models/scim_oauth_access_token.rb` and `ee/app/finders/scim_finder.rb`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from internal_api.access.levels import OWNER
from internal_api.repository.users import digest


class SamlGroup(NamedTuple):
    """A group and its SAML provider; without one `enabled` is None."""

    id: int
    name: str
    enabled: int | None
    default_membership_role: int
    verified_domains: Sequence[str]
    allowed_domains: Sequence[str]


_GROUP = """SELECT n.id, n.name, s.enabled, s.default_membership_role,
        coalesce(s.verified_domains, '[]'), coalesce(s.allowed_domains, '[]')
    FROM namespaces n
    JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id
    LEFT JOIN saml_providers s ON s.group_id = n.id
    WHERE n.type = 'Group' AND """


def find_group(
    connection: sqlite3.Connection, group_id: int | None, full_path: str
) -> SamlGroup | None:
    """The group of this id, or, where that is None, of this path."""
    if group_id is None:
        row = connection.execute(f"{_GROUP} r.path = ?", (full_path,)).fetchone()
    else:
        row = connection.execute(f"{_GROUP} n.id = ?", (group_id,)).fetchone()
    if row is None:
        return None
    group = SamlGroup._make(row)
    return group._replace(
        verified_domains=json.loads(row[4]), allowed_domains=json.loads(row[5])
    )


def opens_group(connection: sqlite3.Connection, secret: str, group_id: int) -> bool:
    """Whether this secret is the SCIM token of a group."""
    select = """SELECT 1 FROM scim_oauth_access_tokens
        WHERE group_id = ? AND token_digest = ?"""
    return connection.execute(select, (group_id, digest(secret))).fetchone() is not None


def opens_instance(connection: sqlite3.Connection, secret: str) -> bool:
    """Whether this secret is the SCIM token of the instance."""
    select = "SELECT 1 FROM application_settings WHERE scim_token_digest = ?"
    return connection.execute(select, (digest(secret),)).fetchone() is not None


class Identity(NamedTuple):
    """What a provider calls a user, and the user."""

    id: int
    user_id: int
    extern_uid: str
    active: int
    username: str
    name: str
    email: str


_IDENTITY = """SELECT
    i.id, i.user_id, i.extern_uid, i.active, u.username, u.name, u.email
    FROM scim_identities i JOIN users u ON u.id = i.user_id
    WHERE i.group_id IS ?"""
_IDENTITY_OF = f"{_IDENTITY} AND i.user_id = ?"


def find_identity(
    connection: sqlite3.Connection, group_id: int | None, extern_uid: str
) -> Identity | None:
    """The identity of this uid, in any case."""
    select = f"{_IDENTITY} AND i.extern_uid = ?"
    row = connection.execute(select, (group_id, extern_uid)).fetchone()
    return Identity._make(row) if row else None


def find_identity_of(
    connection: sqlite3.Connection, group_id: int | None, user_id: int
) -> Identity | None:
    """The identity of a user."""
    row = connection.execute(_IDENTITY_OF, (group_id, user_id)).fetchone()
    return Identity._make(row) if row else None


def identities(
    connection: sqlite3.Connection, group_id: int | None, offset: int, limit: int
) -> list[Identity]:
    """Some of the identities, active or not, by id."""
    select = f"{_IDENTITY} ORDER BY i.id LIMIT ? OFFSET ?"
    rows = connection.execute(select, (group_id, limit, offset))
    return [Identity._make(row) for row in rows]


def count_identities(connection: sqlite3.Connection, group_id: int | None) -> int:
    """How many identities there are, active or not."""
    select = "SELECT count(*) FROM scim_identities WHERE group_id IS ?"
    return int(connection.execute(select, (group_id,)).fetchone()[0])


def create_identity(
    connection: sqlite3.Connection, group_id: int | None, user_id: int, extern_uid: str
) -> Identity:
    """Store what a provider calls a user who has no other identity there."""
    connection.execute(
        "INSERT INTO scim_identities (group_id, user_id, extern_uid) VALUES (?, ?, ?)",
        (group_id, user_id, extern_uid),
    )
    row = connection.execute(_IDENTITY_OF, (group_id, user_id)).fetchone()
    return Identity._make(row)


def rename(connection: sqlite3.Connection, identity_id: int, extern_uid: str) -> None:
    """Store what a provider calls a user from now on."""
    connection.execute(
        "UPDATE scim_identities SET extern_uid = ? WHERE id = ?",
        (extern_uid, identity_id),
    )


def set_active(
    connection: sqlite3.Connection, identity_id: int, *, active: bool
) -> None:
    """Store whether a provider lets a user in."""
    connection.execute(
        "UPDATE scim_identities SET active = ? WHERE id = ?", (active, identity_id)
    )


# ---------------------------------------------------------------- membership


def is_member(connection: sqlite3.Connection, group_id: int, user_id: int) -> bool:
    """Whether a user is a member of the group itself."""
    select = """SELECT 1 FROM members
        WHERE source_type = 'Namespace' AND source_id = ? AND user_id = ?"""
    return connection.execute(select, (group_id, user_id)).fetchone() is not None


def add_member(connection: sqlite3.Connection, group: SamlGroup, user_id: int) -> None:
    """Make a user a member of a group, with the role that its provider gives."""
    connection.execute(
        """INSERT INTO members (source_type, source_id, user_id, access_level)
        VALUES ('Namespace', ?, ?, ?)""",
        (group.id, user_id, group.default_membership_role),
    )


def remove_memberships(
    connection: sqlite3.Connection, group_id: int, user_id: int
) -> None:
    """Take a user out of a group, all groups below it, and their projects.

    Source: `app/services/members/destroy_service.rb`.
    """
    connection.execute(
        """DELETE FROM members WHERE user_id = ?1 AND (
            source_type = 'Namespace' AND source_id IN (
                SELECT namespace_id FROM namespace_ancestors WHERE ancestor_id = ?2)
            OR source_type = 'Project' AND source_id IN (
                SELECT p.id FROM projects p JOIN namespace_ancestors a
                ON a.namespace_id = p.namespace_id WHERE a.ancestor_id = ?2))""",
        (user_id, group_id),
    )


def is_last_owner(connection: sqlite3.Connection, group_id: int, user_id: int) -> bool:
    """Whether a user is the only owner of a group, also by the groups above it.

    Source: `last_owner?`, `app/models/group.rb`.
    """
    rows = connection.execute(
        """SELECT DISTINCT m.user_id FROM namespace_ancestors a
        JOIN members m ON m.source_type = 'Namespace' AND m.source_id = a.ancestor_id
        JOIN users u ON u.id = m.user_id
        WHERE a.namespace_id = ? AND m.access_level = ? AND m.state = 'active'
        AND u.state = 'active' AND u.user_type <> 'project_bot'""",
        (group_id, OWNER),
    ).fetchall()
    return rows == [(user_id,)]
