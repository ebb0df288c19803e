"""What the control routes set, for all workers at once: the clock and the faults."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from internal_api.standin.shared_memory import SharedMemory

_HEADER = struct.Struct("<QQ")
_COUNTER = struct.Struct("<Q")
_COUNTERS_START = 64
MOST_COUNTERS = 1024
_COUNTERS_BYTES = MOST_COUNTERS * _COUNTER.size
_DOCUMENTS_START = _COUNTERS_START + _COUNTERS_BYTES
DOCUMENT_BYTES = 1 << 20

Document = TypeVar("Document", bound=msgspec.Struct)


class TooLargeError(ValueError):
    """What is to be set does not fit."""


class Board(Generic[Document]):
    """One document and some counters that all workers of a server see.

    Args:
        empty: What stands there at first, and after `clear`.
    """

    def __init__(self, empty: Document) -> None:
        self._memory = SharedMemory(_DOCUMENTS_START + 2 * DOCUMENT_BYTES)
        self._view = self._memory.view
        self._empty = self._document = empty
        self._version = 0

    def read(self) -> Document:
        """The document; as cheap as a look whether it is still the same."""
        (version,) = _COUNTER.unpack_from(self._view)
        if version != self._version:
            with self._memory:
                self._load()
        return self._document

    def change(
        self, change: Callable[[Document], Document], *, keep_counters: bool = False
    ) -> None:
        """Replace the document by what a function makes of it.

        Args:
            change: The function; nobody else changes the document meanwhile.
            keep_counters: Else all of them are nought again.

        Raises:
            TooLargeError: The new one is over a megabyte.
        """
        with self._memory as view:
            self._load()
            text = msgspec.json.encode(change(self._document))
            if len(text) > DOCUMENT_BYTES:
                raise TooLargeError(f"over {DOCUMENT_BYTES} bytes")
            version = self._version + 1
            start = _start(version)
            view[start : start + len(text)] = text
            if not keep_counters:
                view[_COUNTERS_START:_DOCUMENTS_START] = bytes(_COUNTERS_BYTES)
            _HEADER.pack_into(view, 0, version, len(text))

    def clear(self) -> None:
        """Back to what stood there at first."""
        self.change(lambda _document: self._empty)

    def count(self, number: int) -> int:
        """Add one to a counter and tell what it was."""
        offset = _COUNTERS_START + number * _COUNTER.size
        with self._memory as view:
            (before,) = _COUNTER.unpack_from(view, offset)
            _COUNTER.pack_into(view, offset, before + 1)
        return int(before)

    def counter(self, number: int) -> int:
        """What a counter says."""
        offset = _COUNTERS_START + number * _COUNTER.size
        return int(_COUNTER.unpack_from(self._view, offset)[0])

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _load(self) -> None:
        version, size = _HEADER.unpack_from(self._view)
        if version != self._version:
            text = self._view[_start(version) : _start(version) + size]
            document = msgspec.json.decode(text, type=type(self._empty))
            # The same object: others tell by that, at no cost.
            self._document = self._empty if document == self._empty else document
            self._version = version


def _start(version: int) -> int:
    """Where a version stands: the next one does not touch it."""
    return _DOCUMENTS_START + version % 2 * DOCUMENT_BYTES
