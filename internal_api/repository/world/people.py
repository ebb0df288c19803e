"""Users and their SSH keys."""

from __future__ import annotations

from itertools import count

from msgspec import UNSET

from internal_api.dates import iso_time
from internal_api.repository.users import personal_namespace, personal_route
from internal_api.repository.world.columns import given
from internal_api.repository.world.references import Namespace, References, fold
from internal_api.repository.world.rows import Row
from internal_api.seed_document import (
    DeployKey,
    Document,
    Key,
    PersonalAccessToken,
    User,
)
from internal_api.seed_values import Username

GHOST = "ghost"


def load_users(refs: References, document: Document) -> None:
    """Load the users, their personal namespaces, addresses and tokens."""
    for index, user in enumerate([*document.users, *_ghost(refs, document)]):
        at = f"users[{index}]"
        refs.once(f"{at}.username", "users", fold(user.username))
        user_id = _load_user(refs, at, user)
        _load_emails(refs, at, user_id, user)
        for number, token in enumerate(user.personal_access_tokens):
            _load_token(refs, f"{at}.personal_access_tokens[{number}]", user_id, token)
    refs.rows.flush()


def _ghost(refs: References, document: Document) -> list[User]:
    """The ghost user, where a deploy key needs it and it is not there yet.

    Source: `User.ghost`, `app/models/user.rb`.
    """
    keys, users = document.deploy_keys, document.users
    is_needed = any(key.user is UNSET or key.user is None for key in keys)
    is_there = any(user.user_type == GHOST for user in users)
    if not is_needed or is_there or refs.rows.find("users", user_type=GHOST):
        return []
    taken = {fold(user.username) for user in users}
    names = (Username(f"ghost{number or ''}") for number in count())
    username = next(
        name
        for name in names
        if name not in taken and not refs.rows.find("routes", path=name)
    )
    return [User(username=username, name="Ghost User", user_type=GHOST)]


def _load_user(refs: References, at: str, user: User) -> int:
    existing = refs.rows.find("users", username=user.username)
    user_id = refs.identify("users", f"{at}.id", existing, user.id)
    if user.user_type == GHOST:
        refs.claim(f"{at}.user_type", "users", "id", user_id, user_type=GHOST)
    columns = given(user)
    if existing is None:
        columns = {
            "id": user_id,
            "username": user.username,
            "name": user.username,
            "email": f"{user.username}@example.com",
        } | columns
    row = refs.rows.put("users", columns, existing)
    _claim_email(refs, f"{at}.email", user_id, row["email"])
    _load_namespace(refs, at, user, row)
    if user.otp_backup_code_digests is not UNSET:
        refs.rows.delete("otp_backup_codes", user_id=user_id)
        for digest in user.otp_backup_code_digests:
            refs.rows.put(
                "otp_backup_codes", {"user_id": user_id, "code_digest": digest}
            )
    return user_id


def _load_namespace(refs: References, at: str, user: User, row: Row) -> None:
    """The personal namespace: its path is the username, everybody may see it."""
    existing = refs.rows.find("namespaces", owner_id=row["id"])
    if existing is None and refs.rows.find("routes", path=user.username):
        refs.fail(f"{at}.username", "is the path of a group")
    named = user.namespace_id
    namespace_id = refs.identify("namespaces", f"{at}.namespace_id", existing, named)
    columns = {"name": row["name"]}
    if existing is None:
        columns = {"id": namespace_id} | personal_namespace(row["id"], row["name"])
        refs.rows.put("routes", personal_route(namespace_id, user.username))
    refs.rows.put("namespaces", columns, existing)
    refs.add_namespace(user.username, Namespace(namespace_id, "User"))


def _load_emails(refs: References, at: str, user_id: int, user: User) -> None:
    if user.emails is UNSET:
        return
    refs.rows.delete("emails", user_id=user_id)
    for index, email in enumerate(user.emails):
        key = f"{at}.emails[{index}]"
        refs.once(key, "emails", fold(email))
        _claim_email(refs, key, user_id, email)
        refs.rows.put("emails", {"user_id": user_id, "email": email})


def _claim_email(refs: References, at: str, user_id: int, email: str) -> None:
    refs.claim(at, "users", "id", user_id, email=fold(email))
    refs.claim(at, "emails", "user_id", user_id, email=fold(email))


def _load_token(
    refs: References, at: str, user_id: int, token: PersonalAccessToken
) -> None:
    refs.once(at, "personal_access_tokens", token.digest)
    existing = refs.rows.find("personal_access_tokens", token_digest=token.digest)
    if existing is not None and existing["user_id"] != user_id:
        refs.fail(at, "the token is another user's")
    columns = {
        "id": refs.identify("personal_access_tokens", f"{at}.id", existing, token.id),
        "user_id": user_id,
        "token_digest": token.digest,
    }
    if existing is None:
        columns["scopes"] = "[]"
    refs.rows.put("personal_access_tokens", columns | given(token), existing)


def load_provisioners(refs: References, document: Document) -> None:
    """Load which group's SCIM provider made a user; the groups are there by now."""
    for index, user in enumerate(document.users):
        path = user.provisioned_by_group
        if path is not UNSET:
            at = f"users[{index}].provisioned_by_group"
            group_id = refs.group(at, path) if path is not None else None
            existing = refs.rows.find("users", username=user.username)
            refs.rows.put("users", {"provisioned_by_group_id": group_id}, existing)
    refs.rows.flush()


def load_keys(refs: References, document: Document) -> None:
    """Load the users' SSH keys."""
    for index, key in enumerate(document.keys):
        at = f"keys[{index}]"
        _load_key(refs, at, key, "Key", refs.user(f"{at}.user", key.user))
    refs.rows.flush()


def load_deploy_keys(refs: References, document: Document) -> None:
    """Load the deploy keys, and what projects they open."""
    for index, key in enumerate(document.deploy_keys):
        at = f"deploy_keys[{index}]"
        user_id = refs.maybe_user(f"{at}.user", key.user)
        key_id = _load_key(refs, at, key, "DeployKey", user_id)
        if key.projects is UNSET:
            continue
        refs.rows.delete("deploy_keys_projects", deploy_key_id=key_id)
        for path, access in key.projects.items():
            refs.rows.put(
                "deploy_keys_projects",
                {
                    "project_id": refs.project(f"{at}.projects", path),
                    "deploy_key_id": key_id,
                    "can_push": access == "write",
                },
            )
    refs.rows.flush()


def _load_key(
    refs: References, at: str, key: Key | DeployKey, kind: str, user_id: object
) -> int:
    public_key = key.key.parsed
    fingerprint = public_key.fingerprint_sha256
    refs.once(f"{at}.key", "key", fingerprint)
    existing = refs.rows.find("keys", fingerprint_sha256=fingerprint)
    key_id = refs.identify("keys", f"{at}.id", existing, key.id)
    if existing is None:
        columns = {
            "id": key_id,
            "type": kind,
            "user_id": None,
            "title": public_key.comment or f"SHA256:{fingerprint}",
            "key": public_key.text,
            "fingerprint_sha256": fingerprint,
            "key_type": public_key.type,
            "bits": public_key.bits,
            "created_at": iso_time(refs.now),
        }
    elif existing["type"] == kind:
        columns = {}
    else:
        refs.fail(f"{at}.key", f"is there as a {existing['type']}")
    if user_id is not UNSET:
        columns["user_id"] = user_id
    refs.rows.put("keys", columns | given(key), existing)
    return key_id
