"""What happens to every request before its resource sees it.

The order is GitLab's: a malformed request is refused first, then an unknown
route, then a body or a format that the API does not speak, then the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import falcon

from internal_api import params
from internal_api.auth import Authenticate
from internal_api.errors import NotAcceptable, UnknownRoute, UnsupportedMediaType
from internal_api.params import MalformedRequest, ParameterError

BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FORM = "application/x-www-form-urlencoded"
# What Rack reads as a form with parts.
MULTIPART = frozenset({"multipart/form-data", "multipart/related", "multipart/mixed"})
JSON = "application/json"
SCIM_JSON = "application/scim+json"


class Gate:
    """Reads the parameters of a request and asks for the credential of its route.

    Source: `lib/gitlab/middleware/handle_malformed_strings.rb`, Grape's
    `lib/grape/middleware/formatter.rb` and the `before` blocks of `lib/api`.
    """

    def __init__(self) -> None:
        self._doors: dict[tuple[object, str], tuple[Authenticate, str | None]] = {}

    def admit(
        self,
        resource: object,
        method: str,
        authenticate: Authenticate,
        media_type: str | None = None,
    ) -> None:
        """Let a verb through to a resource, for callers who authenticate so.

        Whatever they are answered has the media type, if it is not JSON as such.
        """
        self._doors[resource, method] = authenticate, media_type

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        """Read query, form and JSON alike into `req.context.params`.

        The body as it came is `req.context.body`.

        Raises:
            MalformedRequest: Path, query or body cannot be read.
        """
        env, context = req.env, req.context
        _check_path(env["PATH_INFO"])
        query_string = env.get("QUERY_STRING")
        query = params.parse_query(query_string) if query_string else {}
        context.params, context.refusal = query, None
        if query and query.get("format", "json") != "json":
            context.refusal = _not_acceptable(query["format"])
        body = context.body = read_body(env)
        if body:
            _read_parameters(req, query, body)

    def process_resource(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        fields: dict[str, Any],
    ) -> None:
        """Refuse what only an existing route refuses, then unknown callers.

        The fields of the path are `req.context.fields`.

        Raises:
            UnknownRoute: The path exists, but not with this verb.
            ParameterError: A multipart body that does not fit its type.
            ApiError: Another body or format than the API speaks, or the caller, in
                the words of the route's scheme.
        """
        door = self._doors.get((resource, req.method))
        if door is None:
            raise UnknownRoute().because(f"no route for {req.method}")
        authenticate, media_type = door
        if media_type is not None:
            resp.content_type = media_type
        req.context.fields = fields
        if req.context.refusal:
            raise req.context.refusal
        authenticate(req)


def _check_path(path: str) -> None:
    if not path.isascii():
        try:
            path.encode("latin-1").decode()
        except UnicodeError as error:
            raise MalformedRequest("no UTF-8 in the path") from error
    if "\0" in path:
        raise MalformedRequest("a null byte in the path")


def read_body(env: Mapping[str, Any]) -> bytes:
    """The whole body, chunked or not.

    Raises:
        MalformedRequest: It is broken, or ends too early.
    """
    length = env.get("CONTENT_LENGTH")
    if not length and not env.get("HTTP_TRANSFER_ENCODING"):
        return b""
    try:
        size = int(length) if length else -1
        body: bytes = env["wsgi.input"].read(size)
    except Exception as error:
        # A broken body, told in the words of whichever server runs us.
        raise MalformedRequest("the body cannot be read") from error
    if len(body) < size:
        raise MalformedRequest("the body is too short")
    return body


def _read_parameters(
    req: falcon.Request, query: dict[str, object], body: bytes
) -> None:
    content_type = req.env.get("CONTENT_TYPE", "")
    media_type = content_type.partition(";")[0].strip().lower()
    read: dict[str, object] = {}
    refusal: Exception | None = None
    if media_type in (JSON, SCIM_JSON):
        read = params.parse_json(body)
    elif media_type == FORM:
        read = params.parse_query(body.decode("latin-1"))
    elif media_type in MULTIPART:
        try:
            read = params.parse_multipart(body, content_type)
        except ParameterError as error:
            refusal = error
    elif req.method in BODY_METHODS:
        refusal = UnsupportedMediaType(media_type)
    # What format is asked for is looked at before the body.
    req.context.refusal = req.context.refusal or refusal
    req.context.params = params.merge(query, read) if query else read


def _not_acceptable(name: object) -> NotAcceptable:
    if isinstance(name, str):
        return NotAcceptable(name)
    # Hardly anybody sends a list or nothing.
    from internal_api.ruby_inspect import to_s  # noqa: PLC0415

    return NotAcceptable(to_s(name))
