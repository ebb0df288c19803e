"""The service's time, which a test may freeze or move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from internal_api.standin.board import Board

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9000, 1, 1, tzinfo=UTC)


class ClockError(ValueError):
    """A time that the clock cannot show."""


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """How to set the clock.

    Attributes:
        now: The new time; without an offset it is UTC. None keeps the present one.
        advance: Seconds to add to it.
        frozen: Whether it stands still; None leaves that as it is.
    """

    now: datetime | None = None
    advance: float = 0.0
    frozen: bool | None = None


class Setting(msgspec.Struct, frozen=True):
    """How far the clock is from the real one, or where it stands.

    Attributes:
        offset_s: In seconds.
        frozen_at: None while it runs.
    """

    offset_s: float = 0.0
    frozen_at: datetime | None = None


REAL = Setting()


class Clock:
    """A clock that all workers share.

    Args:
        real: Gives the real time, in UTC.
    """

    def __init__(self, real: Callable[[], datetime]) -> None:
        self._real = real
        self._board = Board(REAL)

    def __call__(self) -> datetime:
        """The service's time, in UTC."""
        setting = self._board.read()
        if setting is REAL:
            return self._real()
        if setting.frozen_at:
            return setting.frozen_at
        return self._real() + timedelta(seconds=setting.offset_s)

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._board.read().frozen_at is not None

    def set(self, change: Change) -> None:
        """Freeze or move it.

        Raises:
            ClockError: The time is out of the clock's range.
        """
        self._board.change(partial(self._changed, change))

    def reset(self) -> None:
        """Show the real time again."""
        self._board.clear()

    def close(self) -> None:
        """Give its memory back."""
        self._board.close()

    def _changed(self, change: Change, old: Setting) -> Setting:
        real = self._real()
        now = change.now or old.frozen_at or real + timedelta(seconds=old.offset_s)
        if now.tzinfo is None:
            now = now.replace(tzinfo=UTC)
        try:
            now = now.astimezone(UTC) + timedelta(seconds=change.advance)
        except (OverflowError, ValueError) as error:
            raise ClockError("out of range") from error
        if not FIRST <= now < LAST:
            raise ClockError(f"{now.isoformat()} is not in the years 1970 to 8999")
        stands = change.frozen if change.frozen is not None else bool(old.frozen_at)
        return Setting((now - real).total_seconds(), now if stands else None)
