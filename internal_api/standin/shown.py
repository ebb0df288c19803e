"""Entries of the journal as people may see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from internal_api.dates import iso_time
from internal_api.redaction import SENSITIVE_NAMES, Redaction
from internal_api.standin.journal import LARGEST_ENTRY, Entry, to_json

REDACTED = "[REDACTED]"
redact = Redaction(
    re.compile(SENSITIVE_NAMES, re.IGNORECASE), REDACTED, hides_blank=False
)

# How many characters of each text stay, if the whole does not fit: the last does.
_CUTS = (8192, 400)
_ASKED_FOR = {"key_id": "key ", "user_id": "user ", "username": "", "identifier": ""}


def describe(number: int, entry: Entry) -> dict[str, Any]:
    """An entry as people may see it: without secrets."""
    time, parameters = datetime.fromtimestamp(entry.time, UTC), entry.parameters
    # What was cut to a text had its secrets taken out before.
    if not isinstance(parameters, str):
        parameters = redact(parameters)
    attributes = entry._asdict()
    return {
        "id": number,
        "milliseconds": round(attributes.pop("seconds") * 1000, 3),
        **attributes,
        "time": iso_time(time),
        "identity": entry.identity or _asked_for(parameters),
        "parameters": parameters,
        "answer": redact(entry.answer),
    }


def _asked_for(parameters: Any) -> str | None:
    """Whom a trusted client, such as GitLab Shell, asks for."""
    if isinstance(parameters, dict):
        for name, words in _ASKED_FOR.items():
            if (value := parameters.get(name)) is not None:
                return f"{words}{value}"
    return None


def shortened(entry: tuple[Any, ...]) -> bytes:
    """An entry as JSON that fits: what is too large is cut to a text."""
    whole, text = Entry(*entry), b""
    for size in _CUTS:
        cut = whole._replace(
            method=_cut(whole.method, size),
            path=_cut(whole.path, size),
            parameters=_cut(repr(redact(whole.parameters)), size),
            identity=whole.identity and _cut(whole.identity, size),
            reason=whole.reason and _cut(whole.reason, size),
            answer=None,
        )
        text = to_json(cut)
        if len(text) <= LARGEST_ENTRY:
            break
    return text


def _cut(text: str, size: int) -> str:
    """The beginning of a text, in characters that JSON can hold."""
    return text[:size].encode("ascii", "backslashreplace").decode()[:size]
