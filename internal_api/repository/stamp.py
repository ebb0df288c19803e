"""Whether somebody has written to a database, told without a lock."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

SIZE_BYTES = 8


class Stamp:
    """Some bytes that all processes share: whoever has written changes them.

    SQLite knows it, too, but takes and drops a lock to tell.

    Args:
        database: The file of the database, beside which that of the bytes is made; None
            keeps them in this process.

    Raises:
        OSError: The file cannot be made or opened.
    """

    def __init__(self, database: Path | None) -> None:
        if database is None:
            self._bytes = mmap.mmap(-1, SIZE_BYTES)
            return
        # Where SQLite's own are: the path may be a symbolic link.
        path = f"{database.resolve()}-stamp"
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Not a hole: on a full disk a write to that would end the process.
            os.posix_fallocate(file, 0, SIZE_BYTES)
            self._bytes = mmap.mmap(file, SIZE_BYTES)
        finally:
            os.close(file)

    def read(self) -> bytes:
        """What they are now."""
        return self._bytes[:]

    def renew(self) -> None:
        """Change them; after a commit, and before anybody is told of it."""
        self._bytes[:] = time.monotonic_ns().to_bytes(SIZE_BYTES, "little")
