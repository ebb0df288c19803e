"""What the agent server (kas) asks, for itself and for the agents behind it.

Source: documentation, "GitLab agent endpoints"; `lib/api/internal/kubernetes.rb` and
`lib/api/helpers/kubernetes/agent_helpers.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import falcon

from internal_api import git_commands
from internal_api.access import paths, policies
from internal_api.access.values import Container, Project
from internal_api.auth import Scheme
from internal_api.errors import BadRequest, NotFound, write_json
from internal_api.params import (
    Rule,
    array,
    array_of,
    integer,
    mapping,
    mutually_exclusive,
    optional,
    string,
    to_id,
    validate,
)
from internal_api.repository import git_access, usage
from internal_api.repository.agents import Agent
from internal_api.repository.database import Database
from internal_api.repository.git_access import Access
from internal_api.resources.service import Service

_PROJECT_ID = re.compile(r"-?\d+", re.ASCII)

LEGACY_COUNTERS = {
    "gitops_sync_count": "gitops_sync",
    "k8s_api_proxy_request_count": "k8s_api_proxy_request",
}
COUNTERS = (
    "gitops_sync",
    "k8s_api_proxy_request",
    "flux_git_push_notifications_total",
    "k8s_api_proxy_requests_via_ci_access",
    "k8s_api_proxy_requests_via_user_access",
    "k8s_api_proxy_requests_via_pat_access",
)
USER_EVENTS = (
    "k8s_api_proxy_requests_unique_users_via_ci_access",
    "k8s_api_proxy_requests_unique_users_via_user_access",
    "k8s_api_proxy_requests_unique_users_via_pat_access",
)
CI_TUNNEL_EVENT = "agent_users_using_ci_tunnel"
UNIQUE_COUNTERS = (
    CI_TUNNEL_EVENT,
    *USER_EVENTS,
    "k8s_api_proxy_requests_unique_agents_via_ci_access",
    "k8s_api_proxy_requests_unique_agents_via_user_access",
    "k8s_api_proxy_requests_unique_agents_via_pat_access",
    "flux_git_push_notified_unique_projects",
)
USAGE_PARAMS: tuple[Rule, ...] = (
    *(optional(name, integer) for name in LEGACY_COUNTERS),
    optional(
        "counters", mapping, members=[optional(name, integer) for name in COUNTERS]
    ),
    optional(
        "unique_counters",
        mapping,
        members=[optional(name, array_of(integer)) for name in UNIQUE_COUNTERS],
    ),
    *(mutually_exclusive("counters", name) for name in LEGACY_COUNTERS),
)
_EVENT = (optional("user_id", integer), optional("project_id", integer))
_REGISTRATION = (
    optional("project_id", integer),
    optional("agent_version", string),
    optional("architecture", string),
    optional("agent_id", integer),
    optional("kubernetes_version", string),
    optional(
        "extra_telemetry_data",
        mapping,
        members=(
            optional("installation_method", string),
            optional("helm_chart_version", string),
        ),
    ),
)
EVENTS_PARAMS = (
    optional(
        "events",
        mapping,
        members=(
            *(optional(name, array, members=_EVENT) for name in USER_EVENTS),
            optional("register_agent_at_kas", array, members=_REGISTRATION),
        ),
    ),
)


class _FoundProject(NamedTuple):
    """A project with its repository, and what it was found with."""

    container: Container
    project: Project
    access: Access


class AgentInfo:
    """`GET /internal/kubernetes/agent_info`: whose token it is, where its files are.

    Newer agent servers ask `GET /internal/agents/agentk/agent_info`.
    """

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the agent and its configuration project.

        Raises:
            NotFound: The project was deleted.
        """
        agent: Agent = req.context.agent
        found = _find_project(self._database, agent.project_id)
        answers, whose = found.access.answers, (AgentInfo, agent.id, agent.name)
        if whose in answers:
            resp.data = answers[whose]
            return
        body = {"agent_id": agent.id, "agent_name": agent.name}
        write_json(resp, 200, body | _repository(found))
        answers[whose] = resp.data


class _ReadableProject:
    """Finds the project that `id` names, if the agent may fetch from it."""

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def _find(self, req: falcon.Request) -> _FoundProject:
        """The project of the parameter `id`.

        Raises:
            NotFound: There is none, or neither everybody nor the agent may.
        """
        agent: Agent = req.context.agent
        found = _find_project(self._database, req.context.params.get("id"))
        is_own = found.project.id == agent.project_id
        if not is_own and not policies.may_download_code(None, found.project, 0):
            why = f"'{found.project.full_path}' is neither public nor the agent's own"
            raise NotFound().because(why)
        return found


class ProjectInfo(_ReadableProject):
    """`GET /internal/kubernetes/project_info`: where the files of a project are."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the project of the parameter `id`: a number or a full path.

        Raises:
            NotFound: There is none, or it is neither public nor the agent's own.
        """
        write_json(resp, 200, _repository(self._find(req)))


class VerifyProjectAccess(_ReadableProject):
    """`GET /internal/kubernetes/verify_project_access`: may the agent fetch from it."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 204 where `project_info` answers 200.

        Raises:
            NotFound: As there.
        """
        self._find(req)
        resp.status = 204


def _find_project(database: Database, project_id: object) -> _FoundProject:
    """The project that is not deleted, by id or by a full path, a former one too.

    Raises:
        NotFound: There is none.

    Source: `find_project`, `lib/api/helpers.rb`.
    """
    if type(project_id) is int or (
        isinstance(project_id, str) and _PROJECT_ID.fullmatch(project_id)
    ):
        named = {"gl_repository": f"project-{to_id(project_id)}"}
    elif isinstance(project_id, str) and _is_full_path(project_id):
        named = {"project": project_id}
    else:
        raise NotFound().because("id is neither a number nor a full path")
    try:
        access = git_access.ask(database, named)
    except ValueError as error:
        raise NotFound().because(str(error)) from error
    container = access.target.container
    if not (container and container.type == "project" and container.project):
        raise NotFound().because("there is no such project")
    return _FoundProject(container, container.project, access)


def _is_full_path(text: str) -> bool:
    """Whether it is a path as such: Git alone takes `/` before it and `.git` behind."""
    return "/" in text and paths.normalize(text) == text


def _repository(found: _FoundProject) -> dict[str, Any]:
    container, project, (current, *_) = found
    return {
        "project_id": project.id,
        "gitaly_info": {
            "address": current.gitaly_address,
            "token": current.gitaly_token,
            "features": current.gitaly_features,
        },
        "gitaly_repository": {
            "storage_name": current.gitaly_storage,
            "relative_path": git_commands.relative_path(container),
            "gl_repository": git_commands.gl_repository(container),
            "gl_project_path": git_commands.full_path(container),
        },
        "default_branch": project.default_branch,
    }


class UsageMetrics:
    """`POST /internal/kubernetes/usage_metrics`: what happened since the last call."""

    authentication = Scheme.KAS

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add to the totals and to the sets, all of it or nothing; answer 204.

        Raises:
            ParameterError: A parameter has the wrong type, or old and new names mix.
            BadRequest: A count is negative.
        """
        params = validate(USAGE_PARAMS, req.context.params)
        counts, members = _counts(params), _unique_members(params)
        for event, count in counts.items():
            if count < 0:
                text = f"{event} count must be greater than or equal to zero"
                raise BadRequest(text)
        counts = {event: count for event, count in counts.items() if count}
        if counts or members:
            with self._database.writing() as connection:
                usage.increment(connection, counts)
                for event, ids in members.items():
                    usage.add_members(connection, event, ids)
        resp.status = 204


def _counts(params: Mapping[str, Any]) -> dict[str, int]:
    """The counts that were sent, by event: of the old names or of the new ones."""
    counters = params.get("counters") or {}
    sent = {event: params.get(name) for name, event in LEGACY_COUNTERS.items()}
    sent |= {event: counters[event] for event in COUNTERS if event in counters}
    return {event: count for event, count in sent.items() if count is not None}


def _unique_members(params: Mapping[str, Any]) -> dict[str, list[int]]:
    sent = params.get("unique_counters") or {}
    return {event: sent[event] for event in UNIQUE_COUNTERS if sent.get(event)}


class AgentEvents:
    """`POST /internal/kubernetes/agent_events`: who used an agent, and new ones."""

    authentication = Scheme.KAS

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Note the users of the events, answer 204; of new agents nothing is kept.

        Raises:
            ParameterError: A parameter has the wrong type.
        """
        sent = validate(EVENTS_PARAMS, req.context.params).get("events") or {}
        events = [
            (name, event.get("user_id"), event.get("project_id"))
            for name in USER_EVENTS
            for event in sent.get(name) or ()
        ]
        if events:
            with self._database.writing() as connection:
                for name, user_id, project_id in events:
                    usage.add_user(connection, name, user_id, project_id)
                    usage.add_user(connection, CI_TUNNEL_EVENT, user_id, project_id)
        resp.status = 204
