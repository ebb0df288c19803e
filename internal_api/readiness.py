"""Waiting until an instance serves."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from internal_api.http_client import connect

INTERVAL_S = 0.05
ATTEMPT_TIMEOUT_S = 5.0


class NotReadyError(Exception):
    """The time is over: one line that says what was seen last."""


def wait(url: str, timeout_s: float, root: str, ca_file: Path | None) -> None:
    """Ask for `/-/readiness` until it answers 200.

    Args:
        url: `http://…`, `https://…`, `unix:PATH` or `http+unix://` and the encoded
            path.
        timeout_s: How long to wait, in seconds.
        root: The relative root of the instance, where the URL has no path.
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
    connection, prefix = connect(url, timeout, root, ca_file)
    try:
        connection.request("GET", f"{prefix}/-/readiness")
        return connection.getresponse().status
    finally:
        connection.close()
