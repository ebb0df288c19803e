"""Waiting until an instance serves."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from internal_api.config import ConfigError

INTERVAL_S = 0.05
ATTEMPT_TIMEOUT_S = 5.0


class NotReadyError(Exception):
    """The time is over: one line that says what was seen last."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket.

    Args:
        path: Of the socket.
        timeout: In seconds.
    """

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Dial the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def wait(url: str, timeout_s: float, root: str, ca_file: Path | None) -> None:
    """Ask for `/-/readiness` until it answers 200.

    Args:
        url: `http://…`, `https://…`, `unix:PATH` or `http+unix://` and the encoded
            path.
        timeout_s: How long to wait, in seconds.
        root: The relative root of an instance behind a socket.
        ca_file: Who signed the certificate; None asks the system.

    Raises:
        ConfigError: The URL is none of these.
        NotReadyError: The time is over.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        left = deadline - time.monotonic()
        timeout = min(max(left, INTERVAL_S), ATTEMPT_TIMEOUT_S)
        try:
            status = _ask(url, timeout, root, ca_file)
        except (OSError, http.client.HTTPException) as error:
            seen = getattr(error, "strerror", None) or str(error) or repr(error)
        else:
            if status == http.client.OK:
                return
            seen = f"answered {status}"
        if left <= INTERVAL_S:
            raise NotReadyError(f"{url} is not ready after {timeout_s:g} s: {seen}")
        time.sleep(INTERVAL_S)


def _ask(url: str, timeout: float, root: str, ca_file: Path | None) -> int:
    connection, prefix = _connection(url, timeout, root, ca_file)
    try:
        connection.request("GET", f"{prefix}/-/readiness")
        return connection.getresponse().status
    finally:
        connection.close()


def _connection(
    url: str, timeout: float, root: str, ca_file: Path | None
) -> tuple[http.client.HTTPConnection, str]:
    """A connection, and the prefix of the paths."""
    if url.startswith("unix:"):
        return UnixConnection(url.removeprefix("unix:"), timeout), root
    try:
        parts = urlsplit(url)
        host, port, prefix = parts.hostname, parts.port, parts.path.rstrip("/")
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from error
    if parts.scheme == "http+unix":
        path = unquote(url.removeprefix("http+unix://"))
        return UnixConnection(path, timeout), root
    if parts.scheme == "http" and host:
        return http.client.HTTPConnection(host, port, timeout=timeout), prefix
    if parts.scheme == "https" and host:
        context = ssl.create_default_context(cafile=ca_file)
        return (
            http.client.HTTPSConnection(host, port, timeout=timeout, context=context),
            prefix,
        )
    raise ConfigError(f"{url}: expected http://, https://, unix:PATH or http+unix://")
