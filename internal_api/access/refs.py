"""The refs that a push names, and the patterns that protect some of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from internal_api.access.parameters import InvalidParameter
from internal_api.access.values import Change

# Which updates it will be is not known yet.
ANY_CHANGES = "_any"
_BRANCH = "refs/heads/"
_TAG = "refs/tags/"
_FIELDS = 3

# What Ruby splits at is ASCII only: a ref may well have other kinds of spaces.
_NOT_IN_A_NAME = re.compile(r"[\x00-\x20\x7f]")
_FIELD = re.compile(r"[^\t-\r ]+")


def parse_changes(changes: object) -> tuple[Change, ...] | None:
    """Read the parameter `changes`: lines of `<old id> <new id> <ref>`.

    Blank lines do not count, and of a line only its first three words. A line with
    fewer names no branch and no tag.

    Args:
        changes: A text, or a list of lines.

    Returns:
        None for `_any`: which updates it will be is not known yet.

    Raises:
        InvalidParameter: It is something else.

    Source: `lib/gitlab/changes_list.rb`.
    """
    if changes == ANY_CHANGES:
        return None
    if changes is None:
        message = "changes is missing"
        raise InvalidParameter(message)
    lines = changes.split("\n") if isinstance(changes, str) else changes
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        message = "changes is invalid"
        raise InvalidParameter(message)
    words = (_FIELD.findall(line)[:_FIELDS] for line in lines)
    return tuple(Change(*line, *[""] * (_FIELDS - len(line))) for line in words if line)


def is_ref_name(ref: str) -> bool:
    """Whether git could have such a ref: without spaces and control characters."""
    return bool(ref) and _NOT_IN_A_NAME.search(ref) is None


def has_branches(names: Iterable[str]) -> bool:
    """Whether there are branches among refs, of which the full names are given."""
    return any(name.startswith(_BRANCH) for name in names)


def branch_name(ref: str) -> str | None:
    """The name of a branch, or None when the ref is none."""
    return ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else None


def tag_name(ref: str) -> str | None:
    """The name of a tag, or None when the ref is none."""
    return ref.removeprefix(_TAG) if ref.startswith(_TAG) else None
