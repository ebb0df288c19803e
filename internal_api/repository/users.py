"""Users, their tokens and their recovery codes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from internal_api.access.levels import PUBLIC
from internal_api.access.values import User
from internal_api.dates import iso_time

_DAY = timedelta(days=1)


def digest(secret: str) -> str:
    """The SHA-256 in hex, as which tokens and codes are stored.

    Source: `app/models/concerns/token_authenticatable.rb`.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


_USER = f"SELECT {', '.join(User._fields)} FROM users WHERE id = ?"  # noqa: S608


def find(connection: sqlite3.Connection, user_id: int) -> User:
    """The user of this id, who exists."""
    return User._make(connection.execute(_USER, (user_id,)).fetchone())


def find_by_username(connection: sqlite3.Connection, username: str) -> int | None:
    """The id of the user of this name, in any case."""
    select = "SELECT id FROM users WHERE username = ?"
    row = connection.execute(select, (username,)).fetchone()
    return int(row[0]) if row else None


def find_by_any_email(connection: sqlite3.Connection, email: str) -> int | None:
    """The id of the user with this address, the first or a further one."""
    select = """SELECT id FROM users WHERE email = ?1
        UNION ALL SELECT user_id FROM emails WHERE email = ?1"""
    row = connection.execute(select, (email,)).fetchone()
    return int(row[0]) if row else None


class ProvisionedUser(NamedTuple):
    """A new user whom an identity provider has sent; the group may be the instance."""

    username: str
    name: str
    email: str
    confirmed: bool
    provisioned_by_group_id: int | None


def create(connection: sqlite3.Connection, new: ProvisionedUser) -> int:
    """Store a user with the personal namespace, and give the id.

    Raises:
        sqlite3.IntegrityError: Name or address is taken.
    """
    (user_id,) = connection.execute(
        """INSERT INTO users
        (username, name, email, confirmed, provisioned_by_group_id)
        VALUES (?, ?, ?, ?, ?) RETURNING id""",
        new,
    ).fetchone()
    (namespace_id,) = connection.execute(
        """INSERT INTO namespaces (type, name, owner_id, visibility_level)
        VALUES (:type, :name, :owner_id, :visibility_level) RETURNING id""",
        personal_namespace(user_id, new.name),
    ).fetchone()
    connection.execute(
        """INSERT INTO routes (source_type, source_id, path)
        VALUES (:source_type, :source_id, :path)""",
        personal_route(namespace_id, new.username),
    )
    return int(user_id)


def personal_namespace(user_id: int, name: str) -> dict[str, object]:
    """The columns of the namespace of a user: everybody may see it.

    Source: `User#ensure_namespace_correct`.
    """
    return {
        "type": "User",
        "owner_id": user_id,
        "name": name,
        "visibility_level": PUBLIC,
    }


def personal_route(namespace_id: int, username: str) -> dict[str, object]:
    """The columns of its route: the path is the username."""
    return {"source_type": "Namespace", "source_id": namespace_id, "path": username}


def block(connection: sqlite3.Connection, user_id: int) -> None:
    """Block a user, unless banned.

    Source: the state machine of `app/models/user.rb`.
    """
    connection.execute(
        "UPDATE users SET state = 'blocked' WHERE id = ? AND state <> 'banned'",
        (user_id,),
    )


def unblock(connection: sqlite3.Connection, user_id: int) -> None:
    """Let a user in again, unless banned.

    Source: `activate` of the state machine of `app/models/user.rb`.
    """
    connection.execute(
        "UPDATE users SET state = 'active' WHERE id = ? AND state <> 'banned'",
        (user_id,),
    )


def name(connection: sqlite3.Connection, user_id: int) -> str:
    """The name that a user is shown by."""
    select = "SELECT name FROM users WHERE id = ?"
    return str(connection.execute(select, (user_id,)).fetchone()[0])


def record_activity(connection: sqlite3.Connection, user: User, today: date) -> None:
    """Note that the user was active on this day.

    Source: `app/services/users/activity_service.rb`.
    """
    connection.execute(
        "UPDATE users SET last_activity_on = ? WHERE id = ?",
        (today.isoformat(), user.id),
    )


def two_factor(connection: sqlite3.Connection, user_id: int) -> tuple[bool, str | None]:
    """Whether the user has two-factor authentication on, and the OTP secret."""
    enabled, secret = connection.execute(
        "SELECT two_factor_enabled, otp_secret FROM users WHERE id = ?", (user_id,)
    ).fetchone()
    return bool(enabled), secret


def consume_otp(connection: sqlite3.Connection, user_id: int, timestep: int) -> bool:
    """Use up a one-time password, by its time step, and those before it.

    Returns:
        Whether it could still be used.

    Source: `validate_and_consume_otp!` of devise-two-factor.
    """
    updated = connection.execute(
        """UPDATE users SET consumed_timestep = ?1
        WHERE id = ?2 AND coalesce(consumed_timestep < ?1, 1)""",
        (timestep, user_id),
    )
    return updated.rowcount == 1


def replace_recovery_codes(
    connection: sqlite3.Connection, user_id: int, codes: Iterable[str]
) -> None:
    """Store new recovery codes, as digests; all former ones are void.

    Source: `User#generate_otp_backup_codes!`.
    """
    connection.execute("DELETE FROM otp_backup_codes WHERE user_id = ?", (user_id,))
    connection.executemany(
        "INSERT INTO otp_backup_codes (user_id, code_digest) VALUES (?, ?)",
        [(user_id, digest(code)) for code in codes],
    )


class PersonalAccessToken(NamedTuple):
    """A new personal access token; `token` is the secret itself."""

    token: str
    name: str
    scopes: Sequence[str]
    expires_at: date | None


def create_personal_access_token(
    connection: sqlite3.Connection, user_id: int, new: PersonalAccessToken
) -> None:
    """Store a personal access token, as its digest."""
    expires_at = new.expires_at and new.expires_at.isoformat()
    connection.execute(
        """INSERT INTO personal_access_tokens
        (user_id, name, token_digest, scopes, expires_at) VALUES (?, ?, ?, ?, ?)""",
        (user_id, new.name, digest(new.token), json.dumps(new.scopes), expires_at),
    )


class UsedAccessToken(NamedTuple):
    """A personal access token that somebody presents; times are UTC text."""

    id: int
    user_id: int
    scopes: list[str]
    expires_at: str | None
    revoked: int
    last_used_at: str | None


def find_personal_access_token(
    connection: sqlite3.Connection, secret: str
) -> UsedAccessToken | None:
    """The personal access token that is this secret, also one that is void."""
    row = connection.execute(
        """SELECT id, user_id, scopes, expires_at, revoked, last_used_at
        FROM personal_access_tokens WHERE token_digest = ?""",
        (digest(secret),),
    ).fetchone()
    if row is None:
        return None
    token = UsedAccessToken._make(row)
    return token._replace(scopes=json.loads(row[2]))


def token_use_is_stale(token: UsedAccessToken, now: datetime) -> bool:
    """Whether the last recorded use of a token is a day ago, or none."""
    if token.last_used_at is None:
        return True
    return now - datetime.fromisoformat(token.last_used_at) >= _DAY


def record_token_use(
    connection: sqlite3.Connection, token: UsedAccessToken, now: datetime
) -> None:
    """Note that a personal access token was used.

    Source: `app/services/personal_access_tokens/last_used_service.rb`.
    """
    connection.execute(
        "UPDATE personal_access_tokens SET last_used_at = ? WHERE id = ?",
        (iso_time(now), token.id),
    )


def certificate_login(
    connection: sqlite3.Connection, fingerprint: str, username: str
) -> tuple[str, str] | None:
    """The group that trusts a CA key, and its member of this name.

    Returns:
        Full path and username, or None when there is no such pair.

    Source: `ee/app/services/.../find_user_service.rb` behind `authorized_certs`.
    """
    row: tuple[str, str] | None = connection.execute(
        """SELECT r.path, u.username FROM group_ssh_certificates c
        JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = c.namespace_id
        JOIN users u ON u.username = ?
        WHERE c.fingerprint = ? AND EXISTS (
            SELECT * FROM members m WHERE m.user_id = u.id AND m.state = 'active'
            AND m.source_type = 'Namespace' AND m.source_id = c.namespace_id)""",
        (username, fingerprint),
    ).fetchone()
    return row
