"""Which parameters a test means."""

from __future__ import annotations

from collections.abc import Mapping

from internal_api.params import to_text


def have(sent: object, expected: Mapping[str, object]) -> bool:
    """Whether parameters have values; a number is as good as its text."""
    if not isinstance(sent, Mapping):
        return not expected
    return all(
        name in sent and _is_same(value, sent[name]) for name, value in expected.items()
    )


def _is_same(expected: object, sent: object) -> bool:
    return sent == expected or (to_text(sent) or "") == to_text(expected)
