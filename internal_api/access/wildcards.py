"""Patterns in which a star stands for any text."""

from __future__ import annotations


def matches(pattern: str, name: str) -> bool:
    """Whether a name is the one of a rule, or fits its wildcards.

    `*` stands for any text, even none, and even with slashes in it.

    Source: `app/models/ref_matcher.rb`.
    """
    first, *parts = pattern.split("*")
    if not parts:
        return name == pattern
    *middle, last = parts
    if not name.startswith(first):
        return False
    # As early as each part may be: that leaves the most for those behind it.
    end = len(first)
    for part in middle:
        start = name.find(part, end)
        if start < 0:
            return False
        end = start + len(part)
    return name.endswith(last) and end + len(last) <= len(name)
