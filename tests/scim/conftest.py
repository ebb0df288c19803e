"""The API of the world of identity providers, and one that calls it."""

from __future__ import annotations

import pytest
from api import Api, MakeApi
from scim_world import WORLD, Client


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """The API of the world of identity providers."""
    return make_api(WORLD)


@pytest.fixture
def client(api: Api) -> Client:
    """The provider of the group `corp`."""
    return Client(api)
