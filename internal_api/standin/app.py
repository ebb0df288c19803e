"""The control routes as an application beside that of GitLab's routes."""

from __future__ import annotations

import hmac
import logging
import re
import sqlite3

import falcon

from internal_api.errors import write_json
from internal_api.params import MalformedRequest
from internal_api.repository.database import SchemaError
from internal_api.repository.snapshots import SnapshotError
from internal_api.resources import standin
from internal_api.resources.standin import ControlError, Resource, Standin
from internal_api.standin.board import TooLargeError
from internal_api.standin.clock import ClockError
from internal_api.standin.faults import FaultError
from internal_api.standin.mount import PREFIX, Wsgi

logger = logging.getLogger(__name__)

ROUTES: tuple[tuple[str, type[Resource]], ...] = (
    ("/", standin.Inspector),
    ("/v1/reset", standin.Reset),
    ("/v1/seed", standin.Seed),
    ("/v1/snapshots", standin.SnapshotNames),
    ("/v1/snapshots/{name}", standin.Snapshot),
    ("/v1/snapshots/{name}/restore", standin.Restore),
    ("/v1/requests", standin.Requests),
    ("/v1/requests/latest", standin.LatestRequest),
    ("/v1/requests/count", standin.RequestCount),
    ("/v1/requests/wait", standin.RequestWait),
    ("/v1/world", standin.World),
    ("/v1/world/{name}", standin.WorldList),
    ("/v1/faults", standin.Faults),
    ("/v1/clock", standin.Clock),
    ("/v1/seats/refresh", standin.SeatsRefresh),
)
# Where a server listens that only this machine reaches; a socket has no address.
LOCAL_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})
_PORT = re.compile(r":\d*\Z")
LOCAL_CALLERS = frozenset({"", "127.0.0.1", "::1", "::ffff:127.0.0.1"})

# What says in its text why a request cannot be done.
BAD_REQUESTS: tuple[type[Exception], ...] = (
    ClockError,
    FaultError,
    MalformedRequest,
    SchemaError,
    SnapshotError,
    TooLargeError,
)


class Guard:
    """Lets callers on this machine in, and others with the token.

    Args:
        token: The token.
        open_path: The page that asks for it, which anybody may see.
    """

    def __init__(self, token: str, open_path: str) -> None:
        self._token = token.encode()
        self._open_path = open_path

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        """Refuse strangers, and pages of other sites in a browser.

        Raises:
            ControlError: It is one of these.
        """
        origin = req.get_header("Origin")
        if origin and origin.partition("://")[2] != req.netloc:
            raise ControlError(f"a page of {origin} may not do this", status=403)
        if req.path == self._open_path:
            return
        if not (_is_local(req) or self._has_token(req)):
            raise ControlError("the control token is missing or wrong", status=401)

    def _has_token(self, req: falcon.Request) -> bool:
        scheme, _, given = (req.get_header("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            given = req.get_param("token") or ""
        return hmac.compare_digest(given.encode(), self._token)


def _is_local(req: falcon.Request) -> bool:
    """Whether it comes over a socket, or over loopback by a name of loopback.

    Another name may be one that a page on the web has given to this address.
    """
    caller = req.env.get("REMOTE_ADDR", "")
    server = req.env.get("SERVER_NAME", "")
    host = _PORT.sub("", req.env.get("HTTP_HOST", server)).strip("[]")
    return caller == "" or (caller in LOCAL_CALLERS and {server, host} <= LOCAL_NAMES)


def create_control_app(root: str, collaborators: Standin) -> Wsgi:
    """Build the application of the control routes.

    Args:
        root: The relative URL root.
        collaborators: What the routes act on.
    """
    guard = Guard(collaborators.control.token, open_path=f"{root}{PREFIX}")
    app = falcon.App(middleware=guard)
    app.req_options.strip_url_path_trailing_slash = True
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(OSError, _unavailable)
    app.add_error_handler(sqlite3.Error, _unavailable)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(ControlError, _control_error)
    for kind in BAD_REQUESTS:
        app.add_error_handler(kind, _bad_request)
    for path, resource in ROUTES:
        app.add_route(f"{root}{PREFIX}{path}".rstrip("/"), resource(collaborators))
    return app


def _control_error(
    _req: falcon.Request, resp: falcon.Response, error: ControlError, _params: object
) -> None:
    write_json(resp, error.status, {"error": str(error)})


def _bad_request(
    _req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    write_json(resp, 400, {"error": str(error) or "malformed request"})


def _http_error(
    _req: falcon.Request,
    resp: falcon.Response,
    error: falcon.HTTPError,
    _params: object,
) -> None:
    write_json(resp, error.status_code, {"error": error.title})


def _unavailable(
    _req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    """The disk is full, or a file is not what it was: nobody sent anything wrong."""
    logger.error("%s", error)
    write_json(resp, 503, {"error": str(error)})


def _unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    logger.error("%s %s", req.method, req.path, exc_info=error)
    write_json(
        resp, 500, {"error": "unexpected: the server's standard error says more"}
    )
