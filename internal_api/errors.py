"""What GitLab's API answers when it does not succeed.

Source: `lib/api/helpers.rb` (`unauthorized!`, `not_found!` …), `lib/api/api.rb`
(`rescue_from`), Grape's own errors and Rails' `HandleMalformedStrings`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import falcon
import msgspec

from internal_api.access.parameters import InvalidParameter
from internal_api.params import MalformedRequest, ParameterError

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer that ends a request; `body` is sent as JSON.

    Attributes:
        why: What a developer wants to know; never a secret.
    """

    status: ClassVar[int]

    def __init__(self, body: object) -> None:
        super().__init__(body)
        self.body = body
        self.why = _words(body)

    def because(self, why: str) -> Self:
        """Say more than GitLab's words do; never a secret."""
        self.why = why
        return self


class Refused(ApiError):
    """What the routes for users refuse: a success to HTTP, for the client to show."""

    status = 200

    def __init__(self, message: str) -> None:
        super().__init__({"success": False, "message": message})


class BadRequest(ApiError):
    """`bad_request!`, and whatever would end as a 500 in Rails for a bad parameter."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__({"message": f"400 Bad request - {reason}"})


class InvalidParameters(ApiError):
    """Grape's answer to parameters that do not fit their declaration."""

    status = 400

    def __init__(self, messages: str) -> None:
        super().__init__({"error": messages})


class InvalidRecord(ApiError):
    """`render_validation_error!`: what a model says of its attributes, by name."""

    status = 400

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__({"message": errors})


class Unauthorized(ApiError):
    """`unauthorized!`, with the reason where GitLab gives it."""

    status = 401

    def __init__(self, reason: str | None = None) -> None:
        text = f"401 Unauthorized - {reason}" if reason else "401 Unauthorized"
        super().__init__({"message": text})


class KasUnauthorized(ApiError):
    """The agent server has not signed this.

    Source: `authenticate_gitlab_kas_request!`, `lib/api/internal/kubernetes.rb`.
    """

    status = 401

    def __init__(self) -> None:
        super().__init__({"message": "KAS JWT authentication invalid"})


class InvalidToken(ApiError):
    """A personal access token that was good once; `description` is OAuth's.

    Source: `lib/api/api_guard.rb`.
    """

    status = 401

    def __init__(self, description: str) -> None:
        super().__init__({"error": "invalid_token", "error_description": description})


class Forbidden(ApiError):
    """`forbidden!`, with the reason where GitLab gives it."""

    status = 403

    def __init__(self, reason: str | None = None) -> None:
        text = f"403 Forbidden - {reason}" if reason else "403 Forbidden"
        super().__init__({"message": text})


class InsufficientScope(ApiError):
    """A personal access token without any of the scopes that are needed.

    Source: `lib/api/api_guard.rb`.
    """

    status = 403

    def __init__(self, scopes: str) -> None:
        description = (
            "The request requires higher privileges than provided by the access token."
        )
        super().__init__(
            {
                "error": "insufficient_scope",
                "error_description": description,
                "scope": scopes,
            }
        )


class NotFound(ApiError):
    """`not_found!`, with the name of what was not found where GitLab gives it."""

    status = 404

    def __init__(self, resource: str | None = None) -> None:
        words = ["404", resource, "Not Found"] if resource else ["404", "Not Found"]
        super().__init__({"message": " ".join(words)})


class RecordNotFound(ApiError):
    """`ActiveRecord::RecordNotFound`: the same with a small f."""

    status = 404

    def __init__(self) -> None:
        super().__init__({"message": "404 Not found"})


class UnknownRoute(ApiError):
    """No such path, or not with this verb: the catch-all route of `lib/api/api.rb`."""

    status = 404

    def __init__(self) -> None:
        super().__init__({"error": "404 Not Found"})


class NotAcceptable(ApiError):
    """A `format` that the API does not speak."""

    status = 406

    def __init__(self, name: str) -> None:
        super().__init__({"error": f"The requested format '{name}' is not supported."})


class Gone(ApiError):
    """The API before version 4.

    Source: `lib/api/api.rb`.
    """

    status = 410

    def __init__(self) -> None:
        text = "API V3 is no longer supported. Use API V4 instead."
        super().__init__({"error": text})


class UnsupportedMediaType(ApiError):
    """A body in a format that the API does not read."""

    status = 415

    def __init__(self, content_type: str) -> None:
        super().__init__(
            {"error": f"The provided content-type '{content_type}' is not supported."}
        )


class UnprocessableEntity(ApiError):
    """`unprocessable_entity!`."""

    status = 422

    def __init__(self) -> None:
        super().__init__({"message": "422 Unprocessable Entity"})


class TooManyRequests(ApiError):
    """The rate limit, whose `message` is an object.

    Source: `lib/api/helpers/rate_limiter.rb`.
    """

    status = 429

    def __init__(self) -> None:
        text = "This endpoint has been requested too many times. Try again later."
        super().__init__({"message": {"error": text}})


SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(ApiError):
    """What the routes of identity providers refuse, by default with 412.

    Attributes:
        rfc_body: The same in the form of RFC 7644, section 3.12.

    Source: `ee/lib/ee/api/entities/scim/error.rb`.
    """

    status = 412

    def __init__(self, detail: str) -> None:
        body = {"schemas": [SCIM_ERROR], "detail": detail, "status": self.status}
        super().__init__(body)
        self.rfc_body = body | {"status": str(self.status)}


class ScimNotFound(ScimError):
    """Something in the path does not exist.

    Source: `ee/lib/ee/api/entities/scim/not_found.rb`.
    """

    status = 404


class ScimConflict(ScimError):
    """Somebody else has it already.

    Source: `ee/lib/ee/api/entities/scim/conflict.rb`.
    """

    status = 409


class ScimUnauthorized(ScimError):
    """`unauthorized!`, which in GitLab knows nothing of SCIM."""

    status = 401

    def __init__(self) -> None:
        super().__init__("401 Unauthorized")
        self.body = Unauthorized().body


def add_error_handlers(app: falcon.App[Any, Any], scim_errors: str) -> None:
    """Answer every exception in GitLab's words, never with a traceback.

    Args:
        app: The application.
        scim_errors: Whose form the errors of SCIM have, `gitlab` or `rfc`.
    """
    app.add_error_handler(Exception, _unexpected)
    app.add_error_handler(OSError, _unavailable)
    app.add_error_handler(sqlite3.DatabaseError, _unavailable)
    app.add_error_handler(ApiError, _api_error)
    if scim_errors == "rfc":
        app.add_error_handler(ScimError, _rfc_error)
    app.add_error_handler(ParameterError, _parameter_error)
    app.add_error_handler(InvalidParameter, _invalid_parameter)
    app.add_error_handler(MalformedRequest, _malformed)
    app.add_error_handler(falcon.HTTPRouteNotFound, _route_not_found)


def write_json(resp: falcon.Response, status: int, body: object) -> None:
    """Answer with a status and a JSON body."""
    resp.status = status
    resp.data = msgspec.json.encode(body)


def refuse(req: falcon.Request, resp: falcon.Response, error: ApiError) -> None:
    """Answer an error."""
    req.context.reason = error.why
    write_json(resp, error.status, error.body)


def _words(body: object) -> str:
    """What a body says."""
    while isinstance(body, dict) and body:
        body = (
            body.get("message")
            or body.get("error")
            or body.get("detail")
            or next(iter(body.values()))
        )
    return str(body)


def _rfc_error(
    req: falcon.Request, resp: falcon.Response, error: ScimError, _params: object
) -> None:
    req.context.reason = error.why
    write_json(resp, error.status, error.rfc_body)


def _api_error(
    req: falcon.Request, resp: falcon.Response, error: ApiError, _params: object
) -> None:
    refuse(req, resp, error)


def _parameter_error(
    req: falcon.Request, resp: falcon.Response, error: ParameterError, _params: object
) -> None:
    refuse(req, resp, InvalidParameters(str(error)))


def _invalid_parameter(
    req: falcon.Request,
    resp: falcon.Response,
    error: InvalidParameter,
    _params: object,
) -> None:
    refuse(req, resp, BadRequest(str(error)))


def _malformed(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    req.context.reason = str(error) or "the request cannot be read"
    resp.status = 400
    resp.content_type = "text/plain"
    resp.data = b"Bad Request"


def _route_not_found(
    req: falcon.Request, resp: falcon.Response, _error: Exception, _params: object
) -> None:
    refuse(req, resp, UnknownRoute().because("no route"))


def _unavailable(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    """The disk is full, or the database or git is gone: nobody sent anything wrong."""
    logger.error("%s", error)
    req.context.reason = f"{type(error).__name__}: {error}"
    write_json(resp, 503, {"message": "503 Service Unavailable"})


def _unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: object
) -> None:
    # The path only: parameters and headers may hold secrets.
    logger.error("%s %s", req.method, req.path, exc_info=error)
    req.context.reason = f"unexpected {type(error).__name__}"
    write_json(resp, 500, {"message": "500 Internal Server Error"})
