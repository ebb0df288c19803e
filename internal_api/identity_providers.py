"""Identity providers, and whom they let in and shut out.

A provider fills a group, or, in later versions of GitLab, the whole instance.

Source: `ee/lib/ee/gitlab/scim/`: `provisioning_service.rb`,
`deprovision_service.rb`, `reprovision_service.rb` and their twins in `group/` and
`instance/`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import Protocol

from internal_api.access.paths import is_top_level_route
from internal_api.params import blank, to_text
from internal_api.repository import routes, scim, users
from internal_api.repository.database import Connection
from internal_api.repository.scim import Identity, SamlGroup
from internal_api.repository.users import ProvisionedUser
from internal_api.scim_requests import Change, Filter, NewUser, Page

MAX_LENGTH = 255
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class NotSaved(Exception):
    """Somebody cannot be stored; the text says why, as Rails does."""


class Taken(NotSaved):
    """Somebody else has it already."""


class LastOwner(NotSaved):
    """A group would have no owner any more."""


class Provider(Protocol):
    """What a provider fills.

    Attributes:
        group_id: None for the instance.
        lists_users: Whether it says whom it has.
    """

    group_id: int | None
    lists_users: bool

    def confirms(self, email: str) -> bool:
        """Whether a new user need not confirm an address."""

    def has(self, connection: Connection, user_id: int) -> bool:
        """Whether a user is in."""

    def enlist(self, connection: Connection, user_id: int, email: str) -> None:
        """Let in a user whom the provider has sent."""

    def readmit(self, connection: Connection, identity: Identity) -> None:
        """Let in a user who was shut out."""

    def dismiss(self, connection: Connection, identity: Identity) -> None:
        """Shut a user out.

        Raises:
            LastOwner: It is the last owner of the group.
        """


class GroupProvider:
    """The provider of a group: its users are the group's members."""

    def __init__(self, group: SamlGroup) -> None:
        self.group_id: int | None = group.id
        self.lists_users = bool(group.enabled)
        self._group = group

    def confirms(self, email: str) -> bool:
        """Whether the group has verified the domain of an address."""
        return _has_domain(email, self._group.verified_domains)

    def has(self, connection: Connection, user_id: int) -> bool:
        """Whether the user is a member."""
        return scim.is_member(connection, self._group.id, user_id)

    def enlist(self, connection: Connection, user_id: int, email: str) -> None:
        """Make the user a member, unless the domain of the address is not allowed."""
        group = self._group
        if group.allowed_domains and not _has_domain(email, group.allowed_domains):
            return
        if not self.has(connection, user_id):
            scim.add_member(connection, group, user_id)

    def readmit(self, connection: Connection, identity: Identity) -> None:
        """Make the user a member again."""
        self.enlist(connection, identity.user_id, identity.email)

    def dismiss(self, connection: Connection, identity: Identity) -> None:
        """Take the user out of the group and all that is below it.

        Raises:
            LastOwner: It is the last owner of the group.
        """
        user_id, group = identity.user_id, self._group
        if scim.is_last_owner(connection, group.id, user_id):
            raise LastOwner(
                f"Could not remove {identity.name} from {group.name}."
                " Cannot remove last group owner."
            )
        # Whoever is in groups and projects below, but not in it, was not sent here.
        if self.has(connection, user_id):
            scim.remove_memberships(connection, group.id, user_id)


class InstanceProvider:
    """The provider of the instance: all that matters is who is blocked."""

    def __init__(self) -> None:
        self.group_id: int | None = None
        self.lists_users = True

    def confirms(self, email: str) -> bool:  # noqa: ARG002 - there are no such domains
        """Whether a new user need not confirm an address: never."""
        return False

    def has(self, connection: Connection, user_id: int) -> bool:  # noqa: ARG002 - they all are
        """Whether a user is in: always."""
        return True

    def enlist(self, connection: Connection, user_id: int, email: str) -> None:
        """Do nothing: every user is in."""

    def readmit(self, connection: Connection, identity: Identity) -> None:
        """Unblock the user."""
        users.unblock(connection, identity.user_id)

    def dismiss(self, connection: Connection, identity: Identity) -> None:
        """Block the user."""
        users.block(connection, identity.user_id)


def _has_domain(email: str, domains: Sequence[str]) -> bool:
    domain = email.rpartition("@")[2].lower()
    return domain in (each.lower() for each in domains)


# ---------------------------------------------------------------- looking


def search(
    connection: Connection, provider: Provider, wanted: Filter | None, page: Page
) -> tuple[list[Identity], int]:
    """A page of those whom a provider looks for, and how many there are in all.

    Source: `ee/app/finders/scim_finder.rb`.
    """
    if not provider.lists_users:
        return [], 0
    offset, group_id = page.start_index - 1, provider.group_id
    if wanted is None:
        found = scim.identities(connection, group_id, offset, page.per_page)
        return found, scim.count_identities(connection, group_id)
    identity = _find(connection, group_id, wanted)
    found = [identity] if identity else []
    return found[offset : offset + page.per_page], len(found)


def _find(
    connection: Connection, group_id: int | None, wanted: Filter
) -> Identity | None:
    if wanted.username is None:
        return scim.find_identity(connection, group_id, wanted.extern_uid or "")
    name = wanted.username
    if found := scim.find_identity(connection, group_id, name):
        return found
    user_id = users.find_by_username(connection, name)
    if user_id is None and _EMAIL.fullmatch(name):
        user_id = users.find_by_any_email(connection, name)
        if user_id is None:
            local_part = name.partition("@")[0]
            user_id = users.find_by_username(connection, local_part)
    if user_id is None:
        return None
    return scim.find_identity_of(connection, group_id, user_id)


# ---------------------------------------------------------------- changing


def provision(connection: Connection, provider: Provider, new: NewUser) -> Identity:
    """Let in a user whom a provider sends: one who is known, or a new one.

    Who is in by the same name and address is answered, whatever the provider calls
    him now: so does the documentation's example, for which GitLab has a 409.

    Args:
        connection: In a transaction that writes.
        provider: Who sends the user.
        new: How it describes the user.

    Raises:
        NotSaved: The user cannot be stored so.
    """
    if new.missing:
        named = ", ".join(f":{name}" for name in new.missing)
        raise NotSaved(f"Missing params: [{named}]")
    extern_uid = new.extern_uid or ""
    # `case_insensitive_keys` and `strip_whitespace_keys` of Devise; only ASCII's
    # letters, as the database compares.
    email = (new.email or "").strip().encode().lower().decode()
    username, group_id = new.username or "", provider.group_id
    identity = scim.find_identity(connection, group_id, extern_uid)
    if identity and provider.has(connection, identity.user_id):
        return identity
    user_id = users.find_by_any_email(connection, email)
    if identity:
        _check(_blank("Email", email))
        if identity.user_id != user_id:
            raise Taken("Extern uid has already been taken")
        provider.enlist(connection, user_id, identity.email)
        return identity
    if user_id is None:
        username = _free_username(connection, username)
        user = ProvisionedUser(
            username, new.name, email, provider.confirms(email), group_id
        )
        _check([*_blank("Extern uid", extern_uid), *_faults(user)])
        user_id = users.create(connection, user)
    elif known := scim.find_identity_of(connection, group_id, user_id):
        is_named = username.lower() == known.username.lower()
        if is_named and known.active and provider.has(connection, user_id):
            return known
        raise Taken("User has already been taken")
    else:
        _check(_blank("Extern uid", extern_uid))
    identity = scim.create_identity(connection, group_id, user_id, extern_uid)
    # By the first address of the user, whichever was sent.
    provider.enlist(connection, user_id, identity.email)
    return identity


def _free_username(connection: Connection, username: str) -> str:
    """The name itself, or with the smallest number that makes it free.

    Source: `lib/gitlab/utils/uniquify.rb`.
    """
    names = (f"{username}{number or ''}" for number in count())
    return next(
        name
        for name in names
        if not (is_top_level_route(name) or routes.is_taken(connection, name))
    )


def _faults(user: ProvisionedUser) -> list[str]:
    """What Rails would say of a user who cannot be stored."""
    email = _blank("Email", user.email)
    if not (email or _EMAIL.fullmatch(user.email)):
        email = ["Email is invalid"]
    too_long = [
        f"{attribute} is too long (maximum is {MAX_LENGTH} characters)"
        for attribute, text in (("Name", user.name), ("Username", user.username))
        if len(text) > MAX_LENGTH
    ]
    return [*email, *_blank("Name", user.name), *too_long]


def _blank(attribute: str, text: str) -> list[str]:
    return [f"{attribute} can't be blank"] if blank(text) else []


def _check(faults: Sequence[str]) -> None:
    """Refuse what has faults.

    Raises:
        NotSaved: It has.
    """
    if faults:
        raise NotSaved(_sentence(faults))


def _sentence(parts: Sequence[str]) -> str:
    """Join as Rails' `to_sentence` does."""
    if len(parts) < 3:  # noqa: PLR2004 - two need no comma
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def update(
    connection: Connection, provider: Provider, identity: Identity, change: Change
) -> None:
    """Do the one thing that an update is taken for.

    Raises:
        NotSaved: The new uid is blank or another user's.
        LastOwner: The user is the last owner of the group.
    """
    if change.active is False:
        deprovision(connection, provider, identity)
    elif not identity.active:
        scim.set_active(connection, identity.id, active=True)
        provider.readmit(connection, identity)
    elif change.extern_uid is not None:
        _rename(connection, provider.group_id, identity, change.extern_uid)


def deprovision(connection: Connection, provider: Provider, identity: Identity) -> None:
    """Shut a user out; what the provider calls the user stays.

    Raises:
        LastOwner: It is the last owner of the group.
    """
    provider.dismiss(connection, identity)
    scim.set_active(connection, identity.id, active=False)


def _rename(
    connection: Connection, group_id: int | None, identity: Identity, value: object
) -> None:
    extern_uid = to_text(value) or ""
    _check(_blank("Extern uid", extern_uid))
    owner = scim.find_identity(connection, group_id, extern_uid)
    if owner is not None and owner.id != identity.id:
        raise Taken("Extern uid has already been taken")
    scim.rename(connection, identity.id, extern_uid)
