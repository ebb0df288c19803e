"""The journal of a running instance, printed for people."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from internal_api.config import ConfigError
from internal_api.http_client import connect
from internal_api.standin.mount import PREFIX

# How long one request waits for news, and for the answer beyond that.
WAIT_S = 20
TIMEOUT_S = WAIT_S + 10
TIMED_OUT = 504


class JournalError(ConfigError):
    """The journal cannot be read: one line that says why."""


class Instance(NamedTuple):
    """Where an instance is.

    Attributes:
        url: As for `internal-api wait`.
        root: The relative root of an instance behind a socket.
        ca_file: Who signed its certificate.
        token: Of the control routes, where they ask for one.
    """

    url: str
    root: str
    ca_file: Path | None
    token: str | None


def show(
    instance: Instance,
    wanted: Mapping[str, Any],
    *,
    follow: bool,
    write: Callable[[str], object],
) -> None:
    """Print what is in the journal, then go on with what comes, if asked to.

    Args:
        instance: Whose.
        wanted: The filters of the route `requests`.
        follow: Whether to go on until interrupted.
        write: Prints a line.

    Raises:
        JournalError: There is no such instance, or it refuses.
    """
    filters = {name: value for name, value in wanted.items() if value is not None}
    last = 0
    for entry in _ask(instance, "requests", filters):
        last = entry["id"]
        write(line(entry))
    while follow:
        news = {**filters, "since": last, "timeout": WAIT_S}
        for entry in _ask(instance, "requests/wait", news):
            last = entry["id"]
            write(line(entry))


def line(entry: Mapping[str, Any]) -> str:
    """A request on one line: time, status, verb, path, caller, duration, reason."""
    caller = " ".join(
        text for text in (entry["scheme"], f"({entry['identity'] or '-'})") if text
    )
    words = [
        entry["time"],
        str(entry["status"] or "---"),
        f"{entry['method']} {entry['path']}",
        caller,
        f"{entry['milliseconds']:.1f} ms",
        entry["reason"] or "",
    ]
    return "  ".join(words).rstrip()


def _ask(
    instance: Instance, route: str, params: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    connection, prefix = connect(
        instance.url, TIMEOUT_S, instance.root, instance.ca_file
    )
    headers = {"Authorization": f"Bearer {instance.token}"} if instance.token else {}
    try:
        path = f"{prefix}{PREFIX}/v1/{route}?{urlencode(params)}"
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise JournalError(f"{instance.url}: {error}") from error
    finally:
        connection.close()
    if answer.status not in {http.client.OK, TIMED_OUT}:
        raise JournalError(f"{instance.url}: {body.get('error', answer.status)}")
    yield from body["requests"]
