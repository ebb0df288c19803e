"""What every resource works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from internal_api.config import Config
from internal_api.git_repository import Run
from internal_api.repository.database import Database


@dataclass(frozen=True, slots=True)
class Service:
    """The collaborators of the resources.

    Attributes:
        now: Gives the time, in UTC.
        run: Runs a program, as `subprocess.run` does.
    """

    config: Config
    database: Database
    now: Callable[[], datetime]
    run: Run
