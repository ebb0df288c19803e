"""The credential schemes: who may call at all.

Source: `lib/api/helpers.rb` (`authenticate_by_gitlab_shell_token!`),
`lib/gitlab/shell.rb`, `lib/json_web_token/hmac_token.rb`, `lib/gitlab/kas.rb` and
`lib/gitlab/auth/auth_finders.rb`, `lib/api/api_guard.rb` and `ee/lib/api/scim.rb`.
"""

from __future__ import annotations

import base64
import hmac
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import falcon
import msgspec

from internal_api.access.users import denial
from internal_api.errors import (
    Forbidden,
    InsufficientScope,
    InvalidToken,
    KasUnauthorized,
    ScimNotFound,
    ScimUnauthorized,
    Unauthorized,
)
from internal_api.identity_providers import GroupProvider, InstanceProvider
from internal_api.params import to_id, to_text
from internal_api.repository import agents, ci_jobs, scim, settings, users
from internal_api.repository.database import Connection, Database
from internal_api.repository.scim import SamlGroup
from internal_api.repository.users import UsedAccessToken

if TYPE_CHECKING:
    from jwt import PyJWS

JWT_HEADER = "HTTP_GITLAB_SHELL_API_REQUEST"
SHARED_SECRET_HEADER = "HTTP_GITLAB_SHARED_SECRET"  # noqa: S105 - a name
SHELL_ISSUER = "gitlab-shell"
SHELL_LEEWAY_S = 60
KAS_HEADER = "HTTP_GITLAB_KAS_API_REQUEST"
KAS_ISSUER = "gitlab-kas"
KAS_AUDIENCE = "gitlab"
AGENT_HEADER = "HTTP_GITLAB_AGENTK_API_REQUEST"
JOB_HEADER = "HTTP_JOB_TOKEN"
PRIVATE_TOKEN_HEADER = "HTTP_PRIVATE_TOKEN"  # noqa: S105 - a name
# In the examples of the documentation; GitLab itself does not look at it.
TOKEN_HEADER = "HTTP_TOKEN"  # noqa: S105 - a name
READ_METHODS = frozenset({"GET", "HEAD"})
# A client repeats its token on every call within a second.
REMEMBERED_TOKENS = 1024

_AUTHORIZATION = re.compile(r"(?:Bearer|Token)\s+(.+)")
_BEARER = re.compile(r"Bearer (.*)", re.IGNORECASE)
_ID = re.compile(r"[0-9]+")

Claims = Mapping[str, Any]


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
    SCIM_DISCOVERY = "none, but a group needs SAML"


def authenticate_nobody(_req: falcon.Request) -> None:
    """Accept everybody."""


class TokenError(ValueError):
    """A token that is refused: one line that says why; of its content only claims."""


class _Signed(NamedTuple):
    """A token that one of our keys signed: its claims, and when it is good.

    The times are in seconds since the epoch, leeway included: good from the first
    on and before the second.
    """

    claims: Claims
    start: float
    end: float


class JwtVerifier:
    """Verifies HS256 tokens of one issuer.

    Args:
        keys: The keys, any of which may have signed.
        issuer: What `iss` must be.
        clock: Gives the time in seconds since the epoch.
        leeway_s: How far the clocks may differ, in seconds.
        starts: The claims that a token is not good before.
        audience: What `aud`, if any, must be or contain; None takes every one.
    """

    def __init__(  # noqa: PLR0913 - each is named where it is made
        self,
        keys: tuple[bytes, ...],
        issuer: str,
        clock: Callable[[], float],
        *,
        leeway_s: int,
        starts: tuple[str, ...],
        audience: str | None,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._leeway_s = leeway_s
        self._starts = starts
        self._audience = audience
        # What a token says never changes; its age is checked every time.
        self._read = lru_cache(REMEMBERED_TOKENS)(self._verify_signature)

    def verify(self, token: str) -> Claims:
        """The claims of a token.

        Raises:
            TokenError: It is refused.
        """
        try:
            signed = self._read(token)
        except TokenError:
            raise
        except (ValueError, RecursionError) as error:
            raise TokenError("JWT: its claims cannot be read") from error
        now = self._clock()
        if now < signed.start:
            raise TokenError(f"JWT: not valid for another {signed.start - now:.0f} s")
        if now >= signed.end:
            raise TokenError(f"JWT: expired {now - signed.end:.0f} s ago")
        return signed.claims

    def _verify_signature(self, token: str) -> _Signed:
        """Read a token; only `iss` is mandatory.

        Raises:
            ValueError: It is none of the issuer's, or signed with another key; a
                `TokenError` where there is more to say.
        """
        # Loaded with the first token: the server is up before.
        from jwt import PyJWTError  # noqa: PLC0415

        for key in self._keys:
            try:
                payload = _jws().decode(token, key, algorithms=["HS256"])
            except PyJWTError as error:
                problem = str(error)
                continue
            break
        else:
            raise TokenError(f"JWT: {problem}")
        claims = msgspec.json.decode(payload)
        if not isinstance(claims, dict):
            raise TokenError("JWT: its claims are no object")
        if (issuer := claims.get("iss")) != self._issuer:
            raise TokenError(f"JWT: iss is {issuer!r}, expected {self._issuer!r}")
        if self._audience and "aud" in claims:
            audience = claims["aud"]
            named = audience if isinstance(audience, list) else [audience]
            if self._audience not in named:
                raise TokenError(f"JWT: aud is {audience!r}, not {self._audience!r}")
        starts = [_seconds(claims[name]) for name in self._starts if name in claims]
        end = _seconds(claims["exp"]) if "exp" in claims else math.inf
        start = max(starts, default=-math.inf)
        return _Signed(claims, start - self._leeway_s, end + self._leeway_s)


@cache
def _jws() -> PyJWS:
    from jwt import PyJWS  # noqa: PLC0415
    from jwt.algorithms import HMACAlgorithm  # noqa: PLC0415

    class Hs256(HMACAlgorithm):
        """HS256 with a key of our own, which need not be doubted for each token."""

        def prepare_key(self, key: str | bytes) -> bytes:
            return key.encode() if isinstance(key, str) else key

    jws = PyJWS(algorithms=[])
    jws.register_algorithm("HS256", Hs256(HMACAlgorithm.SHA256))
    return jws


def _seconds(value: object) -> float:
    """Read a claim that is a time.

    Raises:
        ValueError: It is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a time is a number")  # noqa: TRY004 - the token is bad
    return value


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


class AgentToken:
    """The token of an agent, which the agent server hands on with its own JWT.

    Args:
        kas: The agent server's credential.
        database: Holds the tokens.
        now: Gives the time, in UTC.
    """

    def __init__(
        self, kas: KasSecret, database: Database, now: Callable[[], datetime]
    ) -> None:
        self._kas = kas
        self._database = database
        self._now = now

    def authenticate(self, req: falcon.Request) -> None:
        """Find the agent, into `req.context.agent`, and note that the token is used.

        Raises:
            KasUnauthorized: The agent server's JWT is wrong, whatever the token.
            Unauthorized: No agent has this token, or it was revoked.
        """
        self._kas.authenticate(req)
        secret = _agent_token(req)
        if not secret:
            raise Unauthorized().because("no agent token")
        with self._database.reading() as connection:
            token = agents.find_token(connection, secret)
        if token is None:
            raise Unauthorized().because("no agent has this token, or it was revoked")
        now = self._now()
        if agents.use_is_stale(token, now):
            with self._database.writing() as connection:
                agents.record_use(connection, token, now)
        context, agent = req.context, token.agent
        context.agent = agent
        context.scheme, context.identity = Scheme.KAS_AGENT.value, f"agent {agent.name}"


def _agent_token(req: falcon.Request) -> str | None:
    """The header of newer agent servers counts only without `Authorization`."""
    authorization = req.env.get("HTTP_AUTHORIZATION")
    if not authorization:
        header: str | None = req.env.get(AGENT_HEADER)
        return header
    match = _AUTHORIZATION.fullmatch(authorization)
    return match and match[1]


class JobToken:
    """The token of a running CI job.

    Args:
        database: Holds the jobs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def authenticate(self, req: falcon.Request) -> None:
        """Find the job, into `req.context.job`.

        Raises:
            Unauthorized: No running job has this token.
        """
        params = req.context.params
        given = params.get("job_token") or params.get("token")
        secret = to_text(given or req.env.get(JOB_HEADER))
        if not secret:
            raise Unauthorized().because("no job token")
        with self._database.reading() as connection:
            job = req.context.job = ci_jobs.find(connection, secret)
        if job is None:
            raise Unauthorized().because("no running job has this token")
        context = req.context
        context.scheme, context.identity = Scheme.JOB_TOKEN.value, f"job {job.id}"


class PersonalAccessTokens:
    """The personal access tokens of users.

    Args:
        database: Holds them.
        now: Gives the time, in UTC.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def authenticate(self, req: falcon.Request) -> None:
        """Find the user, into `req.context.user`, and note that the token is used.

        Raises:
            Unauthorized: There is no token, or nobody has it.
            InvalidToken: It has expired or was revoked.
            InsufficientScope: It is not for this kind of request.
            Forbidden: The user may not use GitLab.
        """
        secret, now = _private_token(req), self._now()
        if not secret:
            raise Unauthorized().because("no personal access token")
        with self._database.reading() as connection:
            token = users.find_personal_access_token(connection, secret)
            if token is None:
                raise Unauthorized().because("unknown personal access token")
            user = users.find(connection, token.user_id)
            external_url = settings.read(connection).instance.external_url
        scopes = ("api", "read_api") if req.method in READ_METHODS else ("api",)
        check_access_token(token, now, *scopes)
        if users.token_use_is_stale(token, now):
            with self._database.writing() as connection:
                users.record_token_use(connection, token, now)
        if reason := denial(user, external_url):
            raise Forbidden(reason)
        context = req.context
        context.user = user
        context.scheme, context.identity = Scheme.USER.value, user.username

    def authenticate_admin(self, req: falcon.Request) -> None:
        """Find the user, who must be an admin.

        Raises:
            ApiError: As of any user.
            Forbidden: It is no admin.
        """
        self.authenticate(req)
        require_admin(req)

    def authenticate_gitlab_com_admin(self, req: falcon.Request) -> None:
        """Find the admin, but only where the instance is GitLab.com.

        Raises:
            Forbidden: It is another instance, or no admin.
            ApiError: As of any user.
        """
        with self._database.reading() as connection:
            is_gitlab_com = settings.read(connection).gitlab_com
        if not is_gitlab_com:
            raise Forbidden("This API is gitlab.com only!")
        self.authenticate_admin(req)


def require_admin(req: falcon.Request) -> None:
    """Refuse whoever was authenticated and is no admin.

    Raises:
        Forbidden: It is no admin.
    """
    user = req.context.user
    if not user.admin:
        raise Forbidden().because(f"{user.username} is no admin")


def check_access_token(token: UsedAccessToken, now: datetime, *scopes: str) -> None:
    """Refuse a token that is void, or for something else.

    Args:
        token: What was presented.
        now: The time, in UTC.
        scopes: Of which it needs one.

    Raises:
        InvalidToken: It has expired or was revoked.
        InsufficientScope: It has none of the scopes.

    Source: `app/services/access_token_validation_service.rb`.
    """
    if token.expires_at and token.expires_at <= now.date().isoformat():
        raise InvalidToken(
            "Token is expired. You can either do re-authorization or token refresh."
        )
    if token.revoked:
        raise InvalidToken("Token was revoked. You have to re-authorize from the user.")
    if not set(scopes) & set(token.scopes):
        raise InsufficientScope(" ".join(scopes))


class ScimToken:
    """The token of the identity provider of a group, or of the instance.

    Args:
        database: Holds the tokens.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def authenticate(self, req: falcon.Request) -> None:
        """Find the provider, into `req.context.provider`.

        Raises:
            ApiError: There is no such provider.
            ScimUnauthorized: It has another token.
        """
        path, secret = req.context.fields.get("group"), _oauth_token(req)
        with self._database.reading() as connection:
            if path is None:
                req.context.provider = InstanceProvider()
                is_right = secret and scim.opens_instance(connection, secret)
            else:
                group = _saml_group(connection, path)
                req.context.provider = GroupProvider(group)
                is_right = secret and scim.opens_group(connection, secret, group.id)
        if not is_right:
            raise ScimUnauthorized().because(
                "unknown SCIM token" if secret else "no SCIM token"
            )
        context = req.context
        context.scheme, context.identity = Scheme.SCIM.value, path or "the instance"

    def allow_discovery(self, req: falcon.Request) -> None:
        """Accept everybody, where there is a provider.

        Raises:
            ApiError: There is none.
        """
        path = req.context.fields.get("group")
        if path is not None:
            with self._database.reading() as connection:
                _saml_group(connection, path)


def _saml_group(connection: Connection, path: str) -> SamlGroup:
    """The group that a path or a number names, which has a SAML provider.

    Raises:
        Forbidden: There is no SAML for groups at all.
        ScimNotFound: There is no such group, or it has no provider.
    """
    if not settings.read(connection).is_licensed("group_saml"):
        raise Forbidden("Group SAML not enabled.")
    group_id = (to_id(path) or 0) if _ID.fullmatch(path) else None
    group = scim.find_group(connection, group_id, path)
    if group is None:
        raise ScimNotFound(f"Group {path} not found")
    if group.enabled is None:
        raise ScimNotFound(f"Group {path} does not have SAML SSO configured")
    return group


def _private_token(req: falcon.Request) -> str | None:
    """The first token of those that are there, in the order of GitLab's finders."""
    env, params = req.env, req.context.params
    private = params.get("private_token"), env.get(PRIVATE_TOKEN_HEADER)
    found = (*private, _oauth_token(req), env.get(TOKEN_HEADER))
    return next(filter(None, map(to_text, found)), None)


def _oauth_token(req: falcon.Request) -> str | None:
    """The first token of those that are there, in the order of Doorkeeper."""
    params = req.context.params
    bearer = _BEARER.fullmatch(req.env.get("HTTP_AUTHORIZATION", ""))
    found = (
        params.get("access_token"),
        bearer and bearer[1],
        params.get("bearer_token"),
    )
    return next(filter(None, map(to_text, found)), None)
