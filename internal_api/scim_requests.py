"""What identity providers send: filters, pages, new users and changes.

Source: `ee/lib/ee/gitlab/scim/params_parser.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from internal_api.params import (
    MAX_INTEGER,
    blank,
    json,
    json_array,
    present,
    to_number,
    to_text,
)

DEFAULT_PER_PAGE = 20
MAX_PER_PAGE = 100
_WORD = re.compile(r"\S+", re.ASCII)
_UID_ATTRIBUTES = frozenset({"id", "externalId"})
_BOOLEANS = {"true": True, "false": False}

Params = Mapping[str, object]


class InvalidRequest(ValueError):
    """A request that GitLab refuses, or would fail on."""


class Filter(NamedTuple):
    """Whom a provider looks for; one of both is None."""

    extern_uid: str | None = None
    username: str | None = None


class Page(NamedTuple):
    """Which of the results are wanted: the first has the index 1."""

    start_index: int
    per_page: int


class NewUser(NamedTuple):
    """A user as a provider describes it; what it does not say is None.

    The username is a clean one.
    """

    extern_uid: str | None
    email: str | None
    username: str | None
    name: str

    @property
    def missing(self) -> list[str]:
        """The attributes that are needed and not there."""
        return [name for name, value in self._asdict().items() if value is None]


class Change(NamedTuple):
    """What an update says of a user; None is nothing, or nothing that counts."""

    active: bool | None
    extern_uid: object


def read_filter(value: object) -> Filter | None:
    """Read the parameter `filter`; None lists everybody.

    Raises:
        InvalidRequest: It is none of those that GitLab supports.
    """
    if blank(value):
        return None
    words = _WORD.findall(to_text(value) or "")
    attribute, operator, operand, *_ = [*words, "", "", ""]
    operand = operand.replace('"', "")
    if operator != "eq" or not operand:
        raise InvalidRequest
    if attribute in _UID_ATTRIBUTES:
        return Filter(extern_uid=operand)
    if attribute == "userName":
        return Filter(username=operand)
    raise InvalidRequest


def read_page(params: Params) -> Page:
    """Read the parameters `startIndex` and `count`; what makes no sense is usual."""
    start_index = to_number(params.get("startIndex")) or 1
    count = to_number(params.get("count")) or 0
    return Page(
        start_index=int(min(max(start_index, 1), MAX_INTEGER)),
        per_page=int(min(max(count, 0), MAX_PER_PAGE)) or DEFAULT_PER_PAGE,
    )


def read_new_user(params: Params) -> NewUser:
    """Read the parameters of a new user."""
    extern_uid = to_text(params.get("externalId"))
    username = to_text(params.get("userName"))
    return NewUser(
        extern_uid=to_text(params.get("id")) if extern_uid is None else extern_uid,
        email=_email(params.get("emails")),
        username=None if username is None else clean_username(username),
        name=_name(params.get("name")) or to_text(params.get("displayName")) or "",
    )


def _email(emails: object) -> str | None:
    """The work address, or a primary one, whichever comes first."""
    try:
        entries = json_array(emails) or ()
    except ValueError:
        return None
    for entry in entries:
        if isinstance(entry, dict) and (
            entry.get("type") == "work" or present(entry.get("primary"))
        ):
            return to_text(entry.get("value"))
    return None


def _name(value: object) -> str:
    try:
        name = json(value) or {}
    except ValueError:
        return ""
    parts = [to_text(name.get(part)) or "" for part in ("givenName", "familyName")]
    return to_text(name.get("formatted")) or " ".join(filter(None, parts))


def read_change(params: Params) -> Change:
    """Read the parameter `Operations`; later ones win.

    Raises:
        InvalidRequest: An operation lacks what it needs.
    """
    active: object = None
    extern_uid: object = None
    for path, value in _assignments(params.get("Operations")):
        if path == "active":
            active = _coerced(value)
        elif path in _UID_ATTRIBUTES:
            extern_uid = _coerced(value)
    return Change(
        active if isinstance(active, bool) else None,
        extern_uid if present(extern_uid) else None,
    )


def _assignments(operations: object) -> list[tuple[str | None, object]]:
    """What each operation sets to what; without a path it is the first member."""
    try:
        entries: Sequence[object] = json_array(operations) or ()
    except ValueError as error:
        raise InvalidRequest from error
    assignments: list[tuple[str | None, object]] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("op"), str):
            raise InvalidRequest
        if entry["op"].lower() not in {"add", "replace"}:
            continue
        value = entry.get("value")
        if entry.get("path") is not None:
            assignments.append((to_text(entry["path"]), value))
        elif isinstance(value, dict):
            assignments.extend([*value.items()][:1])
        else:
            raise InvalidRequest
    return assignments


def _coerced(value: object) -> object:
    """A value as GitLab takes it: texts without quotes, and booleans from texts."""
    if not isinstance(value, str):
        return value
    value = value.replace('"', "")
    return _BOOLEANS.get(value.lower(), value)


# ---------------------------------------------------------------- usernames

_NOT_IN_PATHS = re.compile(r"[^a-zA-Z0-9_.-]")
_PATH_ENDINGS = (".git", ".atom", ".")


def clean_username(text: str) -> str:
    """Make a username of a text: `jo` of `jo@example.com`.

    Source: `Namespace.clean_path`, `lib/gitlab/slug/path.rb`.
    """
    cleaned = _NOT_IN_PATHS.sub("", text.partition("@")[0])
    end = len(cleaned)
    while cleaned.endswith(_PATH_ENDINGS, 0, end):
        end = cleaned.rindex(".", 0, end)
    return cleaned[:end].lstrip("-") or "blank"
