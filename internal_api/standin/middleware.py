"""What the stand-in adds to every request: it is journaled, and it may fail."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from http import HTTPStatus
from time import time
from typing import Any

import falcon
import msgspec

from internal_api.errors import write_json
from internal_api.standin.control import Control
from internal_api.standin.faults import Rule

REASON_HEADER = "X-Standin-Reason"
LONGEST_REASON = 1000
# Of an answer, the journal keeps so much.
MOST_ANSWER_BYTES = 1 << 13
_JSON_STARTS = frozenset({b"{", b"["})
# The first status that refuses.
REFUSAL = 400


class Recorder:
    """Journals each request with its answer, and says why it was refused.

    Args:
        control: Holds the journal.
    """

    def __init__(self, control: Control) -> None:
        self._journal = control.journal

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        _resource: object,
        _succeeded: bool,  # noqa: FBT001 - Falcon's
    ) -> None:
        """Keep the request, and let a fault act that does so last."""
        context, status = req.context, resp.status_code
        reason, rule = context.reason, context.fault
        if reason or status >= REFUSAL:
            reason = reason or HTTPStatus(status).phrase
            resp.set_header(REASON_HEADER, _header_value(reason))
        # In the order of an `Entry`, without the cost of making one.
        entry = (
            context.start,
            req.method,
            req.path,
            context.params,
            context.scheme,
            context.identity,
            None if rule and rule.drop else status,
            reason,
            time() - context.start,
            _answer(resp.data, rule),
        )
        self._journal.record(entry)
        if rule and rule.truncate is not None and resp.data:
            _truncate(resp, rule.truncate)


class FaultInjector:
    """Lets requests fail as the rules say.

    Args:
        control: Holds the rules.
        root: The relative URL root, which the rules leave out.
    """

    def __init__(self, control: Control, root: str) -> None:
        self._faults = control.faults
        self._sleep = control.sleep
        self._root = root

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Wait, answer, or hang up, if a rule says so."""
        if not self._faults:
            return
        path = req.path.removeprefix(self._root)
        rule = self._faults.find(req.method, path, req.context.params)
        if rule is None:
            return
        req.context.fault = rule
        if rule.delay:
            self._sleep(rule.delay)
        if rule.drop:
            req.context.reason = "fault: the connection is dropped"
            resp.stream = _hang_up()
            resp.complete = True
        elif rule.status:
            req.context.reason = f"fault: status {rule.status}"
            _answer_fault(resp, rule.status, rule)
            resp.complete = True


def _answer_fault(resp: falcon.Response, status: int, rule: Rule) -> None:
    for name, value in rule.headers.items():
        # Falcon sets cookies in another way, which knows their parts.
        is_cookie = name.lower() == "set-cookie"
        (resp.append_header if is_cookie else resp.set_header)(name, value)
    if rule.retry_after is not None:
        resp.set_header("Retry-After", str(rule.retry_after))
    if isinstance(rule.body, str):
        resp.status = status
        resp.content_type = resp.get_header("Content-Type") or "text/plain"
        resp.data = rule.body.encode()
    elif rule.body is not None:
        write_json(resp, status, rule.body)
    else:
        write_json(resp, status, {"message": f"{status} {_phrase(status)}"})


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _truncate(resp: falcon.Response, size: int) -> None:
    body = resp.data or b""
    resp.data = None
    resp.set_stream(_hang_up(body[:size]), len(body))


def _hang_up(*beginning: bytes) -> Iterator[bytes]:
    """A body that breaks off: servers close the connection, and gunicorn is silent.

    With the first part, though it is empty, the headers are sent.
    """
    yield from beginning
    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _answer(body: bytes | None, rule: Rule | None) -> Any:
    """The body as the journal keeps it: our own JSON as it is, without reading it."""
    if body is None:
        return None
    if rule is None and body[:1] in _JSON_STARTS and len(body) <= MOST_ANSWER_BYTES:
        return msgspec.Raw(body)
    return body[:MOST_ANSWER_BYTES].decode(errors="replace")


def _header_value(reason: str) -> str:
    """A reason as the value of a header: one line of ASCII."""
    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in reason)
    return line.encode("ascii", "backslashreplace").decode()[:LONGEST_REASON]
