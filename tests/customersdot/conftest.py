"""What the tests of CustomersDot share."""

from __future__ import annotations

import pytest
from api import Api, MakeApi
from customers_world import WORLD


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of CustomersDot."""
    return make_api(WORLD)
