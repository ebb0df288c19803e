"""What every resource works with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from internal_api.config import Config
from internal_api.repository.database import Database

if TYPE_CHECKING:
    from internal_api.git_repository import Run


class Service(NamedTuple):
    """The collaborators of the resources.

    Attributes:
        now: Gives the time, in UTC.
        run: Runs git, as `subprocess.run` does; others may be served meanwhile.
    """

    config: Config
    database: Database
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    run: Run = subprocess.run
