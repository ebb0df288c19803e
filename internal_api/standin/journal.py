"""The last requests, and what came of them."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from internal_api.access.wildcards import matches
from internal_api.standin.matching import have
from internal_api.standin.shared_memory import Numbers, SharedMemory

MOST_ENTRIES = 1000
# What an entry may take; only what is written takes memory.
ENTRY_BYTES = (1 << 14) + 192

# In this machine's order of bytes, so that a number is written at once.
_NUMBER = struct.Struct("Q")
_HEADER = struct.Struct("QQ")
_ENTRIES_START = 4096
to_json = msgspec.json.Encoder().encode
LARGEST_ENTRY = ENTRY_BYTES - _HEADER.size
# How long an entry may be under way; whoever writes longer has been killed.
_PATIENCE_S = 1.0
_INTERVAL_S = 0.001


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
            (self.path is None or matches(self.path, entry.path))
            and (self.method is None or self.method == entry.method)
            and (self.status is None or self.status == entry.status)
            and entry.time >= self.since
            and have(entry.parameters, self.parameters)
        )


class Journal:
    """The last thousand requests to all workers of a server, numbered from 1.

    Each takes a number and writes its entry where no other does, so that none waits.
    """

    def __init__(self) -> None:
        size = _ENTRIES_START + MOST_ENTRIES * ENTRY_BYTES
        self._memory = SharedMemory(size)
        self._view = self._memory.view
        self._numbers = Numbers()

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
        number, view = self._numbers.take(), self._view
        start = _start(number)
        # Nobody reads it before it has its number.
        _HEADER.pack_into(view, start, 0, len(text))
        text_start = start + _HEADER.size
        view[text_start : text_start + len(text)] = text
        _NUMBER.pack_into(view, start, number)

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        _NUMBER.pack_into(self._view, 0, self.last)

    @property
    def last(self) -> int:
        """The number of the last entry, 0 before the first."""
        return self._numbers.last

    def find(self, wanted: Filter) -> Iterator[tuple[int, Entry]]:
        """Entries with their numbers, the oldest first; secrets are in them."""
        last, (cleared,) = self.last, _NUMBER.unpack_from(self._view)
        first = max(wanted.after, cleared, last - MOST_ENTRIES) + 1
        for number in range(first, last + 1):
            if (text := self._text(number)) is not None:
                entry = Entry(*msgspec.json.decode(text))
                if wanted.takes(entry):
                    yield number, entry

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        self._numbers.close()

    def _text(self, number: int) -> bytes | None:
        """An entry; None if a newer one has its place, or it never came."""
        start, deadline = _start(number), time.monotonic() + _PATIENCE_S
        while (header := _HEADER.unpack_from(self._view, start))[0] < number:
            if time.monotonic() > deadline:
                return None
            time.sleep(_INTERVAL_S)
        text_start = start + _HEADER.size
        text = self._view[text_start : text_start + header[1]]
        (after,) = _NUMBER.unpack_from(self._view, start)
        return text if header[0] == after == number else None


def _start(number: int) -> int:
    return _ENTRIES_START + number % MOST_ENTRIES * ENTRY_BYTES
