"""The credential schemes: who may call at all.

Those whose tokens are in the database are in `tokens.py`.

Source: `lib/api/helpers.rb` (`authenticate_by_gitlab_shell_token!`),
`lib/gitlab/shell.rb` and `lib/gitlab/kas.rb`.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from enum import Enum

import falcon

from internal_api.errors import Forbidden, KasUnauthorized, Unauthorized
from internal_api.json_web_token import JwtVerifier, TokenError

JWT_HEADER = "HTTP_GITLAB_SHELL_API_REQUEST"
SHARED_SECRET_HEADER = "HTTP_GITLAB_SHARED_SECRET"  # noqa: S105 - a name
SHELL_ISSUER = "gitlab-shell"
SHELL_LEEWAY_S = 60
KAS_HEADER = "HTTP_GITLAB_KAS_API_REQUEST"
KAS_ISSUER = "gitlab-kas"
KAS_AUDIENCE = "gitlab"

Authenticate = Callable[[falcon.Request], None]


class Scheme(Enum):
    """How a route knows its caller."""

    NONE = "none"
    SHELL = "shell JWT or shared secret"
    SHELL_JWT = "shell JWT"
    ERROR_TRACKING = "error tracking token, shell JWT or shared secret"
    KAS = "kas JWT"
    KAS_AGENT = "kas JWT and agent token"
    JOB_TOKEN = "CI job token"  # noqa: S105 - a name
    USER = "personal access token"
    ADMIN = "admin token"
    GITLAB_COM_ADMIN = "admin token, on GitLab.com"
    SCIM = "SCIM token"
    SCIM_DISCOVERY = "none; a group in the path needs SAML"


def authenticate_nobody(_req: falcon.Request) -> None:
    """Accept everybody."""


class ShellSecret:
    """The secret that GitLab Shell and Gitaly share with GitLab.

    Args:
        content: Of `.gitlab_shell_secret`, as it is in the file.
        accept_shared_secret: Whether the plain secret is enough, as it was until
            GitLab 15; else only a JWT.
        clock: Gives the time in seconds since the epoch.
    """

    def __init__(
        self,
        content: bytes,
        *,
        accept_shared_secret: bool,
        clock: Callable[[], float],
    ) -> None:
        chomped = content.rstrip(b"\r\n")
        # Clients trim the file before they sign; older ones did not.
        keys = tuple(dict.fromkeys((content.strip(), chomped, content)))
        self._accept_shared_secret = accept_shared_secret
        self._secret = chomped
        self._jwt = JwtVerifier(
            keys,
            SHELL_ISSUER,
            clock,
            leeway_s=SHELL_LEEWAY_S,
            starts=("nbf", "iat"),
            audience=None,
        )

    def authenticate(self, req: falcon.Request) -> None:
        """Accept a JWT or the shared secret.

        Raises:
            Unauthorized: Neither is right.
        """
        token, why = req.env.get(JWT_HEADER), "no JWT"
        if token:
            try:
                self._jwt.verify(token)
            except TokenError as error:
                why = str(error)
            else:
                req.context.scheme = "shell JWT"
                return
        if self._is_shared_secret(req):
            if self._accept_shared_secret:
                req.context.scheme = "shared secret"
                return
            why += "; the shared secret is not accepted (--shell-auth jwt)"
        else:
            why += "; no shared secret, or a wrong one"
        raise Unauthorized().because(why)

    def authenticate_jwt(self, req: falcon.Request) -> None:
        """Accept a JWT only.

        Raises:
            Forbidden: There is none.
            Unauthorized: It is wrong.
        """
        token = req.env.get(JWT_HEADER)
        if not token:
            raise Forbidden().because("no JWT in Gitlab-Shell-Api-Request")
        try:
            self._jwt.verify(token)
        except TokenError as error:
            raise Unauthorized().because(str(error)) from error
        req.context.scheme = "shell JWT"

    def _is_shared_secret(self, req: falcon.Request) -> bool:
        """The header counts only where the parameter is absent."""
        parameter = req.context.params.get("secret_token")
        if parameter is None:
            header = req.env.get(SHARED_SECRET_HEADER, "")
            return self._matches(_decode_base64(header.encode("latin-1")))
        if not isinstance(parameter, str):
            return False
        given = parameter.encode()
        return self._matches(given) | self._matches(_decode_base64(given))

    def _matches(self, given: bytes) -> bool:
        return hmac.compare_digest(given.rstrip(b"\r\n"), self._secret)


def _decode_base64(text: bytes) -> bytes:
    """Ruby's `Base64.decode64`: other characters are skipped, padding may be missing.

    What cannot be decoded at all yields nothing.
    """
    try:
        return base64.b64decode(text + b"==")
    except ValueError:
        return b""


class KasSecret:
    """The secret that the agent server shares with GitLab.

    Args:
        key: Its 32 bytes.
        clock: Gives the time in seconds since the epoch.
    """

    def __init__(self, key: bytes, clock: Callable[[], float]) -> None:
        self._jwt = JwtVerifier(
            (key,),
            KAS_ISSUER,
            clock,
            leeway_s=0,
            starts=("nbf",),
            audience=KAS_AUDIENCE,
        )

    def authenticate(self, req: falcon.Request) -> None:
        """Accept a JWT of the agent server.

        Raises:
            KasUnauthorized: There is none, or it is wrong.
        """
        token = req.env.get(KAS_HEADER)
        if not token:
            raise KasUnauthorized().because("no JWT in Gitlab-Kas-Api-Request")
        try:
            self._jwt.verify(token)
        except TokenError as error:
            raise KasUnauthorized().because(str(error)) from error
        req.context.scheme = "kas JWT"
