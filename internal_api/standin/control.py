"""What the control routes of one server act on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from internal_api.standin.clock import Clock
from internal_api.standin.faults import Faults
from internal_api.standin.journal import Journal

TOKEN_BYTES = 15


class Control:
    """The journal, the faults and the clock of a server, made before it forks.

    Args:
        token: What callers from other machines show; None makes one.
        sleep: Lets others be served meanwhile; takes seconds.
        now: Gives the real time, in UTC.
    """

    def __init__(
        self,
        token: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        self.sleep = sleep
        self.clock = Clock(now)
        self.faults = Faults()
        self.journal = Journal()

    def reset(self) -> None:
        """Forget requests and faults, and show the real time."""
        self.faults.clear()
        self.clock.reset()
        self.journal.clear()

    def close(self) -> None:
        """Give the shared memory back."""
        for part in (self.clock, self.faults, self.journal):
            part.close()
