"""Servers that end with their test, and certificates."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from processes import Certificates, Serve, Server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers with options, one data directory for all of them."""
    servers: list[Server] = []
    number = count()

    def start(*options: object, **kwargs: Any) -> Server:
        server = Server(tmp_path / f"server-{next(number)}", options, **kwargs)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority, a server at 127.0.0.1 and a client."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str, *options: str) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        # Python 3.13 wants to read what a key is for.
        use = ("-addext", "keyUsage=critical,keyCertSign,digitalSignature")
        files = (
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
            "-subj",
            f"/CN={name}",
        )
        subprocess.run(
            ("openssl", "req", "-x509", *key, *use, *files, "-days", "2", *options),
            check=True,
            cwd=folder,
            capture_output=True,
            timeout=60,
        )

    signed = ("-CA", "ca.pem", "-CAkey", "ca.key")
    make("ca")
    make("server", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    make("client", *signed)
    names = ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")
    return Certificates(*(folder / name for name in names))
