"""HTTP to an instance, wherever it listens."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

from internal_api.config import ConfigError


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


def connect(
    url: str, timeout: float, root: str, ca_file: Path | None
) -> tuple[http.client.HTTPConnection, str]:
    """A connection, which dials with its first request, and the prefix of the paths.

    Args:
        url: `http://…`, `https://…`, `unix:PATH` or `http+unix://` and the encoded
            path.
        timeout: In seconds.
        root: The relative root of the instance, where the URL has no path.
        ca_file: Who signed the certificate; None asks the system.

    Raises:
        ConfigError: The URL is none of these.
    """
    if url.startswith("unix:"):
        return UnixConnection(url.removeprefix("unix:"), timeout), root
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        prefix = parts.path.rstrip("/") or root
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from error
    if parts.scheme == "http+unix":
        path = unquote(url.removeprefix("http+unix://"))
        return UnixConnection(path, timeout), root
    if host:
        _require_ascii(url, host, prefix)
    if parts.scheme == "http" and host:
        return http.client.HTTPConnection(host, port, timeout=timeout), prefix
    if parts.scheme == "https" and host:
        context = ssl.create_default_context(cafile=ca_file)
        return (
            http.client.HTTPSConnection(host, port, timeout=timeout, context=context),
            prefix,
        )
    raise ConfigError(f"{url}: expected http://, https://, unix:PATH or http+unix://")


def _require_ascii(url: str, host: str, path: str) -> None:
    """Refuse what cannot be sent as it is.

    Raises:
        ConfigError: The host is no name, or the path is not encoded.
    """
    try:
        host.encode("idna")
        path.encode("ascii")
    except UnicodeError as error:
        raise ConfigError(f"{url}: {error}") from error
