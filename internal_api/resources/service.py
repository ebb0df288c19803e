"""What every resource works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from internal_api.config import Config
from internal_api.repository.database import Database


@dataclass(frozen=True, slots=True)
class Service:
    """The collaborators of the resources.

    Attributes:
        now: Gives the time, in UTC.
    """

    config: Config
    database: Database
    now: Callable[[], datetime]
