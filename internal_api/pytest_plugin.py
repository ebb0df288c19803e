"""The pytest plugin: a server for the session, reset before each test.

pytest loads it wherever the package is installed, so it imports nothing until a test
asks for a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from internal_api.certificates import Tls
    from internal_api.testing import InternalApi, Seed


@pytest.fixture(scope="session")
def internal_api_seed() -> Seed | Sequence[Seed]:
    """What every test begins with; override it with a mapping, a path, or several."""
    return "demo"


@pytest.fixture(scope="session")
def internal_api_bind() -> str:
    """Where to listen, as `--bind`; override it, with a socket for example."""
    return "127.0.0.1:0"


@pytest.fixture(scope="session")
def internal_api_tls() -> Tls | None:
    """How to speak TLS; override it with an `internal_api.certificates.Tls`."""
    return None


@pytest.fixture(scope="session")
def internal_api_server(
    internal_api_seed: Seed | Sequence[Seed],
    internal_api_bind: str,
    internal_api_tls: Tls | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[InternalApi]:
    """The server of the session; under pytest-xdist each process has its own."""
    from internal_api.testing import serving  # noqa: PLC0415 - it imports a server

    data = tmp_path_factory.mktemp("internal_api")
    with serving(data, internal_api_seed, internal_api_bind, internal_api_tls) as api:
        yield api


@pytest.fixture
def internal_api(internal_api_server: InternalApi) -> InternalApi:
    """The server in the seeded state, without requests, faults or a moved clock."""
    internal_api_server.reset()
    return internal_api_server
