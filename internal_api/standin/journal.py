"""The last requests, and what came of them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from internal_api.dates import iso_time
from internal_api.redaction import SENSITIVE_NAMES, Redaction
from internal_api.standin.matching import have
from internal_api.standin.shared_memory import SharedMemory

MOST_ENTRIES = 1000
# What an entry may take; only what is written takes memory.
ENTRY_BYTES = (1 << 14) + 192
REDACTED = "[REDACTED]"

_HEADER = struct.Struct("<QQ")
_LENGTH = struct.Struct("<QI")
_ENTRIES_START = 4096
_to_json = msgspec.json.Encoder().encode
_LARGEST_ENTRY = ENTRY_BYTES - _LENGTH.size
# How many characters of each text stay, if the whole does not fit: the last does.
_CUTS = (8192, 400)
redact = Redaction(
    re.compile(SENSITIVE_NAMES, re.IGNORECASE), REDACTED, hides_blank=False
)

_ASKED_FOR = {"key_id": "key ", "user_id": "user ", "username": "", "identifier": ""}


class Entry(NamedTuple):
    """A request and its answer.

    Attributes:
        time: When it came, in seconds since the epoch, real time.
        method: The verb.
        path: Without the query.
        parameters: From query and body.
        scheme: How the caller authenticated; None when it did not.
        identity: Who the caller is, if that is more than its scheme says.
        status: Of the answer; None when the connection was dropped.
        reason: Why it was refused.
        seconds: How long the answer took.
        answer: Its body, if it is a text.
    """

    time: float
    method: str
    path: str
    parameters: Any
    scheme: str | None
    identity: str | None
    status: int | None
    reason: str | None
    seconds: float
    answer: Any


class Filter(NamedTuple):
    """Which entries are asked for; None does not matter.

    Attributes:
        path: The path; `*` stands for anything.
        method: The verb.
        status: Of the answer.
        after: Only entries with a greater id.
        since: Only entries from this moment on, in seconds since the epoch.
        parameters: Values by name; a number is as good as its text.
    """

    path: str | None = None
    method: str | None = None
    status: int | None = None
    after: int = 0
    since: float = 0.0
    parameters: Mapping[str, Any] = MappingProxyType({})

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is one of these, whatever its id."""
        return (
            (self.path is None or fnmatchcase(entry.path, self.path))
            and (self.method is None or self.method == entry.method)
            and (self.status is None or self.status == entry.status)
            and entry.time >= self.since
            and have(entry.parameters, self.parameters)
        )


class Journal:
    """The last thousand requests to all workers of a server, numbered from 1."""

    def __init__(self) -> None:
        size = _ENTRIES_START + MOST_ENTRIES * ENTRY_BYTES
        self._memory = SharedMemory(size)

    def record(self, entry: tuple[Any, ...]) -> None:
        """Keep an entry; the oldest one gives way.

        Args:
            entry: The attributes of an `Entry`, in their order.
        """
        try:
            text = _to_json(entry)
        except (ValueError, TypeError, RecursionError):
            # What JSON cannot hold: half of a character, say.
            text = _shortened(entry)
        if len(text) > _LARGEST_ENTRY:
            text = _shortened(entry)
        with self._memory as view:
            last, cleared = _HEADER.unpack_from(view)
            last += 1
            start = _start(last)
            # Nobody reads it before the header says that it is there.
            _LENGTH.pack_into(view, start, last, len(text))
            start += _LENGTH.size
            view[start : start + len(text)] = text
            _HEADER.pack_into(view, 0, last, cleared)

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        with self._memory as view:
            last, _cleared = _HEADER.unpack_from(view)
            _HEADER.pack_into(view, 0, last, last)

    @property
    def last(self) -> int:
        """The number of the last entry, 0 before the first."""
        return int(_HEADER.unpack_from(self._memory.view)[0])

    def find(self, wanted: Filter) -> Iterator[tuple[int, Entry]]:
        """Entries with their numbers, the oldest first; secrets are in them."""
        for number, text in self._texts(wanted.after):
            entry = Entry(*msgspec.json.decode(text))
            if wanted.takes(entry):
                yield number, entry

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _texts(self, after: int) -> list[tuple[int, bytes]]:
        """Copies of the entries behind a number."""
        texts = []
        with self._memory as view:
            last, cleared = _HEADER.unpack_from(view)
            for number in range(max(after, cleared, last - MOST_ENTRIES) + 1, last + 1):
                start = _start(number)
                written, length = _LENGTH.unpack_from(view, start)
                if written == number:
                    start += _LENGTH.size
                    texts.append((number, view[start : start + length]))
        return texts


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


def _start(number: int) -> int:
    return _ENTRIES_START + number % MOST_ENTRIES * ENTRY_BYTES


def _shortened(entry: tuple[Any, ...]) -> bytes:
    """An entry as JSON that fits: what is too large is cut to a text."""
    whole, text = Entry(*entry), b""
    for size in _CUTS:
        shortened = whole._replace(
            method=_cut(whole.method, size),
            path=_cut(whole.path, size),
            parameters=_cut(repr(redact(whole.parameters)), size),
            identity=whole.identity and _cut(whole.identity, size),
            reason=whole.reason and _cut(whole.reason, size),
            answer=None,
        )
        text = _to_json(shortened)
        if len(text) <= _LARGEST_ENTRY:
            break
    return text


def _cut(text: str, size: int) -> str:
    """The beginning of a text, in characters that JSON can hold."""
    return text[:size].encode("ascii", "backslashreplace").decode()[:size]
