"""The credential schemes whose tokens are in the database.

Source: `lib/api/helpers/kubernetes/agent_helpers.rb`, `lib/api/api_guard.rb`,
`lib/gitlab/auth/auth_finders.rb` and `ee/lib/api/scim.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import falcon

from internal_api.access.users import denial
from internal_api.auth import KasSecret, Scheme
from internal_api.errors import (
    Forbidden,
    InsufficientScope,
    InvalidToken,
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

AGENT_HEADER = "HTTP_GITLAB_AGENTK_API_REQUEST"
JOB_HEADER = "HTTP_JOB_TOKEN"
PRIVATE_TOKEN_HEADER = "HTTP_PRIVATE_TOKEN"  # noqa: S105 - a name
# In the examples of the documentation; GitLab itself does not look at it.
TOKEN_HEADER = "HTTP_TOKEN"  # noqa: S105 - a name
READ_METHODS = frozenset({"GET", "HEAD"})

_AUTHORIZATION = re.compile(r"(?:Bearer|Token)\s+(.+)")
_BEARER = re.compile(r"Bearer (.*)", re.IGNORECASE)
_ID = re.compile(r"[0-9]+")


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
        token = agents.find_token(self._database, secret)
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
