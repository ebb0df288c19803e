"""The last requests, and what came of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from internal_api.standin.matching import have
from internal_api.standin.shared_memory import SharedMemory

MOST_ENTRIES = 1000
# What an entry may take; only what is written takes memory.
ENTRY_BYTES = (1 << 14) + 192

_HEADER = struct.Struct("<QQ")
_LENGTH = struct.Struct("<QI")
_ENTRIES_START = 4096
to_json = msgspec.json.Encoder().encode
LARGEST_ENTRY = ENTRY_BYTES - _LENGTH.size


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
            text = to_json(entry)
        except (ValueError, TypeError, RecursionError):
            # What JSON cannot hold: half of a character, say.
            text = b""
        if not 0 < len(text) <= LARGEST_ENTRY:
            # Hardly any needs what cuts it, and nobody has asked for one yet.
            from internal_api.standin.shown import shortened  # noqa: PLC0415

            text = shortened(entry)
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


def _start(number: int) -> int:
    return _ENTRIES_START + number % MOST_ENTRIES * ENTRY_BYTES
