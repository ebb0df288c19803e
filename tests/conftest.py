"""What the tests share: a clock that stands still and an API in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api import Api, Clock, MakeApi

pytest_plugins = ("pytester",)


@pytest.fixture
def clock() -> Clock:
    """What time it is for the API."""
    return Clock()


@pytest.fixture
def make_api(tmp_path: Path, clock: Clock) -> MakeApi:
    """Makes an API of a seed: `demo`, or a mapping; further options configure it."""

    def make(seed: object = "demo", **config: Any) -> Api:
        return Api(tmp_path, seed, clock, **config)

    return make


@pytest.fixture
def demo(make_api: MakeApi) -> Api:
    """The API of the demo seed."""
    return make_api()
