"""Memory and numbers that the workers of one server share."""

from __future__ import annotations

import mmap
import os
import threading
from fcntl import LOCK_EX, LOCK_UN, lockf


class SharedMemory:
    """Bytes, all zero at first, for this process and those that fork from it.

    It is a context manager: within, no other process or thread is. Whoever is
    killed within leaves it open for the others.

    Args:
        size: In bytes; only what is written takes memory.

    Attributes:
        view: The bytes.
    """

    def __init__(self, size: int) -> None:
        self._file = os.memfd_create("internal-api")
        os.ftruncate(self._file, size)
        self.view = mmap.mmap(self._file, size)
        self._turn = threading.Lock()

    def __enter__(self) -> mmap.mmap:
        """Wait for the turn; nobody holds it for longer than a copy takes."""
        self._turn.acquire()
        try:
            lockf(self._file, LOCK_EX)
        except OSError:
            # It is closed.
            self._turn.release()
            raise
        return self.view

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        lockf(self._file, LOCK_UN)
        self._turn.release()

    def close(self) -> None:
        """Give the memory back."""
        self.view.close()
        os.close(self._file)


class Numbers:
    """Numbers from 1 on, of which nobody gets the same as another process or thread.

    The kernel counts, at a fifth of the cost of a turn: those who fork share an open
    file, and so its offset, which lseek(2) changes at once.
    """

    def __init__(self) -> None:
        file = os.memfd_create("internal-api")
        # Linux guards the offset of what was opened by a path.
        self._file = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)
        os.close(file)

    def take(self) -> int:
        """The next number."""
        return os.lseek(self._file, 1, os.SEEK_CUR)

    @property
    def last(self) -> int:
        """The last number that was taken, 0 before the first."""
        return os.lseek(self._file, 0, os.SEEK_CUR)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
