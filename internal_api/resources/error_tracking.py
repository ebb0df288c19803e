"""Error tracking.

Source: documentation, "Authenticate Error Tracking requests";
`lib/api/internal/error_tracking.rb`.
"""

from __future__ import annotations

import hmac

import falcon

from internal_api.auth import Scheme, ShellSecret
from internal_api.errors import (
    RecordNotFound,
    Unauthorized,
    UnprocessableEntity,
    write_json,
)
from internal_api.params import blank, to_id
from internal_api.repository import projects, settings
from internal_api.repository.database import Database
from internal_api.resources.service import Service

TOKEN_HEADER = "HTTP_GITLAB_ERROR_TRACKING_TOKEN"  # noqa: S105 - a name


class Authentication:
    """Accepts the instance's error tracking token, or what GitLab Shell sends.

    The documentation has the shell secret, GitLab its own token.
    """

    def __init__(self, shell: ShellSecret, database: Database) -> None:
        self._shell = shell
        self._database = database

    def __call__(self, req: falcon.Request) -> None:
        """Check the caller.

        Raises:
            Unauthorized: No credential is right.
        """
        given = req.context.params.get("error_tracking_token")
        if given is None:
            given = req.env.get(TOKEN_HEADER)
        if isinstance(given, str) and self._is_token(given):
            req.context.scheme = "error tracking token"
            return
        try:
            self._shell.authenticate(req)
        except Unauthorized as refusal:
            if given is not None:
                refusal.because(f"a wrong error tracking token; {refusal.why}")
            raise

    def _is_token(self, given: str) -> bool:
        with self._database.reading() as connection:
            token = settings.read(connection).error_tracking_access_token
        chomped = given.rstrip("\r\n").encode()
        return bool(token) and hmac.compare_digest(chomped, str(token).encode())


class Allowed:
    """`POST /internal/error_tracking/allowed`: whether a client key counts."""

    authentication = Scheme.ERROR_TRACKING

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer whether error tracking is on and the key an active one.

        Raises:
            UnprocessableEntity: `project_id` or `public_key` is blank.
            RecordNotFound: There is no such project.
        """
        params = req.context.params
        project_id, public_key = params.get("project_id"), params.get("public_key")
        if blank(project_id) or blank(public_key):
            raise UnprocessableEntity().because("project_id or public_key is blank")
        with self._database.reading() as connection:
            active = projects.error_tracking_key_is_active(
                connection, to_id(project_id), str(public_key)
            )
            enabled = settings.read(connection).error_tracking_enabled
        if active is None:
            raise RecordNotFound().because(f"there is no project {project_id}")
        write_json(resp, 200, {"enabled": bool(enabled and active)})
