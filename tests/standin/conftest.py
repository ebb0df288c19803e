"""An API with control routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api import Api, Clock
from standin_api import StandinApi

from internal_api.repository.database import Database
from internal_api.standin.control import Control


@pytest.fixture
def control(clock: Clock) -> Iterator[Control]:
    """What the control routes act on; waiting lets the clock go on."""
    control = Control(
        "control-token", lambda seconds: clock.advance(seconds=seconds), clock
    )
    yield control
    control.close()


@pytest.fixture(params=["memory", "file"])
def api(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, control: Control
) -> Iterator[StandinApi]:
    """The API of the demo seed, with its database in memory and in a file."""
    path = tmp_path / "internal_api.db" if request.param == "file" else None
    database = Database(path)
    yield StandinApi(Api(tmp_path, "demo", clock, database, control))
    database.close()
