"""Whom agents let in: CI jobs, and users who reach for a cluster through kas.

Source: `lib/api/internal/kubernetes.rb`, `lib/api/helpers/kubernetes/agent_helpers.rb`
and `lib/api/ci/jobs.rb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import falcon
import msgspec

from internal_api import environments
from internal_api.access.levels import DEVELOPER, ROLES
from internal_api.access.users import denial
from internal_api.access.values import User
from internal_api.access.wildcards import matches
from internal_api.auth import Scheme
from internal_api.errors import (
    BadRequest,
    Forbidden,
    RecordNotFound,
    Unauthorized,
    write_json,
)
from internal_api.params import blank, integer, json, requires, string, validate
from internal_api.repository import agents, ci_jobs, settings, users
from internal_api.repository.agents import (
    Agent,
    AllowedAgent,
    Authorizations,
    UserAuthorization,
)
from internal_api.repository.ci_jobs import Job
from internal_api.repository.users import UsedAccessToken
from internal_api.resources.service import Service
from internal_api.tokens import check_access_token

AUTHORIZED_ENTITY_LIMIT = 100
K8S_PROXY_SCOPE = "k8s_proxy"
SESSION_COOKIE = "session_cookie"
CONFIGURATION_PARAMS = (requires("agent_id", integer), requires("agent_config", json))
PROXY_USER_PARAMS = (
    requires("agent_id", integer),
    requires("access_type", string, values=(SESSION_COOKIE, "personal_access_token")),
    requires("access_key", string),
)
CSRF_PARAM = requires("csrf_token", string, allow_blank=False)


class AgentConfiguration:
    """`POST /internal/kubernetes/agent_configuration`: an agent's file was read."""

    authentication = Scheme.KAS

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Let in those that `ci_access` and `user_access` name and no others; 204.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            RecordNotFound: There is no such agent.
            BadRequest: The configuration cannot be read.
        """
        params = validate(CONFIGURATION_PARAMS, req.context.params)
        with self._database.writing() as connection:
            agent = agents.find(connection, params["agent_id"])
            if agent is None:
                raise RecordNotFound().because("there is no such agent")
            for access, named in _authorizations(params["agent_config"]).items():
                agents.replace_authorizations(connection, agent, access, named)
        resp.status = 204


def _authorizations(config: dict[str, Any] | None) -> dict[str, Authorizations]:
    """Whom a configuration lets in, by the kind of access.

    Raises:
        BadRequest: What names them has another shape.

    Source: `RefreshService` in
    `app/services/clusters/agents/authorizations/{ci,user}_access/`.
    """
    if config is None:
        raise BadRequest("agent_config is invalid")
    ci, user = (_section(config, name) for name in ("ci_access", "user_access"))
    # Of `user_access` only the identity is kept, the same for everybody.
    access_as = {key: user[key] for key in ("access_as",) if key in user}
    return {
        "ci": Authorizations(*(_entries(ci, name) for name in Authorizations._fields)),
        "user": Authorizations(
            *(
                dict.fromkeys(_entries(user, name), _json(access_as))
                for name in Authorizations._fields
            )
        ),
    }


def _section(config: dict[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name) or {}
    if not isinstance(section, dict):
        raise BadRequest(f"agent_config[{name}] is invalid")
    return section


def _entries(section: dict[str, Any], name: str) -> dict[str, str]:
    """The first projects or groups: their configurations as JSON, by full path."""
    entries = section.get(name) or []
    paths = [
        entry.get("id") if isinstance(entry, dict) else None
        for entry in (entries if isinstance(entries, list) else [None])
    ]
    if not all(isinstance(path, str) for path in paths):
        raise BadRequest(f"agent_config[{name}] is invalid")
    return {
        entry["id"].lower(): _json({k: v for k, v in entry.items() if k != "id"})
        for entry in entries[:AUTHORIZED_ENTITY_LIMIT]
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class AuthorizeProxyUser:
    """`POST /internal/kubernetes/authorize_proxy_user`: may a user reach a cluster.

    There are no sessions here: a session cookie is never valid.
    """

    authentication = Scheme.KAS

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._now = service.now

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 201 with the user, the agent, and as whom the cluster is reached.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            Unauthorized: It is a session cookie.
            InvalidToken: The personal access token has expired or was revoked.
            BadRequest: There is no such token.
            InsufficientScope: It is not for this.
            RecordNotFound: There is no such agent.
            Forbidden: The agent's configuration does not let the user in.
        """
        sent, now = req.context.params, self._now()
        from_browser = sent.get("access_type") == SESSION_COOKIE
        rules = (*PROXY_USER_PARAMS, CSRF_PARAM) if from_browser else PROXY_USER_PARAMS
        params = validate(rules, sent)
        if from_browser:
            why = "there are no browser sessions here"
            raise Unauthorized("Invalid session").because(why)
        token = self._token(params["access_key"], now)
        with self._database.reading() as connection:
            agent = agents.find(connection, params["agent_id"])
            if agent is None:
                raise RecordNotFound().because("there is no such agent")
            user = users.find(connection, token.user_id)
            current = settings.read(connection)
            named = agents.user_authorizations(connection, agent.id, user.id)
        access_as = _access_as(named)
        if access_as is None or denial(user, current.instance.external_url):
            why = f"'{user.username}' may not use agent {agent.name}"
            raise Forbidden().because(why)
        write_json(resp, 201, _proxy_user(agent, user, access_as))

    def _token(self, secret: str | None, now: datetime) -> UsedAccessToken:
        """The personal access token; its use is noted.

        Raises:
            InvalidToken: It has expired or was revoked.
            BadRequest: There is none.
            InsufficientScope: It is not for this.
        """
        with self._database.reading() as connection:
            token = users.find_personal_access_token(connection, secret or "")
        if token is None:
            why = "there is no such personal access token"
            raise BadRequest("Unable to get user from request data").because(why)
        check_access_token(token, now, K8S_PROXY_SCOPE)
        if users.token_use_is_stale(token, now):
            with self._database.writing() as connection:
                users.record_token_use(connection, token, now)
        return token


def _access_as(named: Sequence[UserAuthorization]) -> dict[str, Any] | None:
    """As whom the cluster is reached; None for somebody who is not let in.

    Source: `app/services/clusters/agents/authorize_proxy_user_service.rb` and what
    `ee` adds to it.
    """
    access_as = named[0].config.get("access_as") if named else None
    identity = [*access_as] if isinstance(access_as, dict) else []
    members = [each for each in named if each.access_level >= DEVELOPER]
    if not members or identity not in (["agent"], ["user"]):
        return None
    if identity == ["agent"]:
        return {"agent": {}}
    projects = {each.project_id: each.access_level for each in members}
    groups = {each.group_id: each.access_level for each in members}
    return {"user": {"projects": _with_roles(projects), "groups": _with_roles(groups)}}


def _with_roles(levels: dict[int | None, int]) -> list[dict[str, Any]]:
    return [
        {"id": id_, "roles": _roles(level)}
        for id_, level in levels.items()
        if id_ is not None
    ]


def _roles(access_level: int) -> list[str]:
    """The names of a role and of all below it."""
    return [name for name, level in ROLES.items() if level <= access_level]


def _proxy_user(agent: Agent, user: User, access_as: dict[str, Any]) -> dict[str, Any]:
    return {
        "agent": {"id": agent.id, "config_project": {"id": agent.project_id}},
        "user": {"id": user.id, "username": user.username},
        "access_as": access_as,
    }


class AllowedAgents:
    """`GET /job/allowed_agents`: which agents a CI job may use."""

    authentication = Scheme.JOB_TOKEN

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the agents, and for whom and what the job runs.

        Raises:
            Forbidden: The user of the job may not use GitLab any more.
        """
        job: Job = req.context.job
        with self._database.reading() as connection:
            external_url = settings.read(connection).instance.external_url
            allowed = agents.allowed_for_ci(connection, job.project_id)
            group_ids = ci_jobs.group_ids(connection, job.project_id)
        if reason := denial(job.user, external_url):
            raise Forbidden(reason)
        body = {
            "allowed_agents": [
                {
                    "id": agent.id,
                    "config_project": {"id": agent.project_id},
                    "configuration": agent.config,
                }
                for agent in allowed
                if _is_for_environment(agent, job.environment)
            ],
            "job": {"id": job.id},
            "pipeline": {"id": job.pipeline_id},
            "project": {
                "id": job.project_id,
                "groups": [{"id": group_id} for group_id in group_ids],
            },
            "user": {
                "id": job.user.id,
                "username": job.user.username,
                "roles_in_project": _roles(job.access_level),
            },
        }
        if name := job.environment:
            tier = environments.tier(name)
            body["environment"] = {"tier": tier, "slug": environments.slug(name)}
        write_json(resp, 200, body)


def _is_for_environment(agent: AllowedAgent, environment: str | None) -> bool:
    """Whether an agent is for all environments, or for this one too.

    Source: `app/services/clusters/agents/authorizations/ci_access/filter_service.rb`.
    """
    patterns = agent.config.get("environments")
    if blank(patterns):
        return True
    named = patterns if isinstance(patterns, list) else [patterns]
    return environment is not None and any(
        isinstance(pattern, str) and matches(pattern, environment) for pattern in named
    )
