"""What the modules of an agent report and ask; the agent server hands it on.

Source: documentation, "GitLab agent alert metrics" and the sections after it;
`ee/lib/ee/api/internal/kubernetes.rb`. The agent's project may be gone: then
everything is missing, whatever else is wrong.
"""

from __future__ import annotations

from typing import Any

import falcon

from internal_api.access.policies import may_admin_vulnerabilities
from internal_api.agent_reports import read_alert, read_finding
from internal_api.auth import Scheme
from internal_api.errors import BadRequest, Forbidden, NotFound, write_json
from internal_api.params import (
    array,
    array_of,
    mapping,
    optional,
    parse_quoted_json,
    requires,
    string,
    validate,
)
from internal_api.repository import (
    alerts,
    git_access,
    policies,
    settings,
    vulnerabilities,
)
from internal_api.repository.agents import Agent
from internal_api.repository.database import Connection
from internal_api.repository.policies import ScanExecutionPolicy
from internal_api.resources.service import Service
from internal_api.scan_schedules import schedules


def _vendor(value: object) -> object:
    """Coerce the scanner's vendor: since GitLab 14.3 an object, a text before."""
    return value if isinstance(value, dict) else string(value)


ALERT_PARAMS = (requires("alert", mapping),)
SCAN_RESULT_PARAMS = (requires("uuids", array_of(string)),)
_PACKAGE = optional("package", mapping, members=(optional("name", string),))
# What GitLab requires of a location since 14.3 is optional, as it was before.
_LOCATION = requires(
    "location",
    mapping,
    members=(
        optional("image", string),
        optional(
            "dependency", mapping, members=(_PACKAGE, optional("version", string))
        ),
        requires(
            "kubernetes_resource",
            mapping,
            members=(
                requires("namespace", string),
                requires("name", string),
                requires("kind", string),
                optional("container", string),
                optional("container_name", string),
                optional("agent_id", string),
            ),
        ),
        optional("operating_system", string),
    ),
)
_IDENTIFIERS = requires(
    "identifiers",
    array,
    members=(
        requires("type", string),
        requires("name", string),
        optional("value", string),
        optional("url", string),
    ),
)
VULNERABILITY_PARAMS = (
    requires(
        "vulnerability",
        mapping,
        members=(
            requires("name", string),
            requires("severity", string),
            optional("confidence", string),
            _LOCATION,
            _IDENTIFIERS,
            optional("message", string),
            optional("description", string),
            optional("solution", string),
            optional("links", array),
        ),
    ),
    requires(
        "scanner",
        mapping,
        members=(
            requires("id", string),
            requires("name", string),
            optional("vendor", _vendor, members=(requires("name", string),)),
        ),
    ),
)


class CiliumAlert:
    """`POST …/modules/cilium_alert`: Cilium has dropped something in a cluster.

    Source: `ee/lib/ee/api/internal/kubernetes.rb` of GitLab 14.
    """

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Store the alert and answer the status, 400 for one that is too big.

        Raises:
            ParameterError: There is no alert, or it is no object.
            NotFound: The agent's project is gone.
            Forbidden: Such alerts are not licensed.
        """
        agent = req.context.agent
        payload = validate(ALERT_PARAMS, _alert_params(req))["alert"] or {}
        _require_project(agent)
        status = 200
        with self._database.writing() as connection:
            if not settings.read(connection).is_licensed("cilium_alerts"):
                raise Forbidden().because("cilium_alerts is not licensed")
            try:
                alerts.record(connection, agent.project_id, read_alert(payload))
            except ValueError:
                status = 400
                req.context.reason = "the alert is too big"
        write_json(resp, status, status)


def _alert_params(req: falcon.Request) -> dict[str, Any]:
    """The parameters; the documented example quotes its JSON once too often."""
    params: dict[str, Any] = req.context.params
    if "alert" not in params and req.context.body.lstrip().startswith(b'"'):
        params |= parse_quoted_json(req.context.body)
    return params


class StarboardVulnerability:
    """`PUT …/modules/starboard_vulnerability`: a scan has found a vulnerability."""

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the UUID of the finding; it is stored the first time only.

        Raises:
            ParameterError: A parameter is missing or has the wrong type.
            NotFound: The agent's project is gone.
            Forbidden: Findings are not licensed, or not for the agent's creator.
            BadRequest: Name, severity or identifiers are of no use.
        """
        agent = req.context.agent
        params = validate(VULNERABILITY_PARAMS, req.context.params)
        _require_project(agent)
        with self._database.writing() as connection:
            _require_creator(connection, agent)
            environment = settings.read(connection).environment
            try:
                finding = read_finding(params, agent, environment)
            except ValueError as error:
                raise BadRequest(str(error)) from error
            vulnerabilities.create(connection, finding)
        write_json(resp, 200, {"uuid": finding.uuid})


class ScanResult:
    """`POST …/starboard_vulnerability/scan_result`: a scan is complete."""

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Resolve what the scan no longer found, and answer the status.

        Raises:
            ParameterError: `uuids` is missing or no list; null is an empty one.
            NotFound: The agent's project is gone.
            Forbidden: Findings are not licensed, or not for the agent's creator.
        """
        agent = req.context.agent
        uuids = validate(SCAN_RESULT_PARAMS, req.context.params)["uuids"] or []
        _require_project(agent)
        with self._database.writing() as connection:
            _require_creator(connection, agent)
            vulnerabilities.resolve_others(
                connection, agent.project_id, agent.id, uuids
            )
        write_json(resp, 200, 200)


class ScanExecutionPolicies:
    """`GET …/starboard_vulnerability/scan_execution_policies`, as in GitLab 15.1."""

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the policies of the agent's project, disabled ones too.

        Raises:
            NotFound: The agent's project is gone, or policies are not licensed.
        """
        found = [
            policy._asdict() | {"enabled": bool(policy.enabled)}
            for policy in _policies(self._service, req.context.agent)
        ]
        write_json(resp, 200, {"policies": found})


class PoliciesConfiguration:
    """`GET …/starboard_vulnerability/policies_configuration`: when to scan what."""

    authentication = Scheme.KAS_AGENT

    def __init__(self, service: Service) -> None:
        self._service = service

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the schedules that name the agent.

        Raises:
            NotFound: The agent's project is gone, or policies are not licensed:
                agents of 15.x take nothing else for "none".
        """
        agent = req.context.agent
        configurations = [
            {
                "cadence": schedule.cadence,
                "namespaces": schedule.namespaces[agent.name],
                "updated_at": policy.updated_at,
            }
            for policy in _policies(self._service, agent)
            if policy.enabled
            for schedule in schedules(policy.yaml)
            if agent.name in schedule.namespaces
        ]
        write_json(resp, 200, {"configurations": configurations})


def _require_project(agent: Agent) -> None:
    if agent.project_deleted:
        raise NotFound().because("the agent's project is deleted")


def _require_creator(connection: Connection, agent: Agent) -> None:
    """Refuse findings that the agent's creator could not have reported."""
    project, creator = f"project-{agent.project_id}", agent.created_by_user_id
    access = git_access.find(connection, {"gl_repository": project, "user_id": creator})
    container = access.target.container
    level = container.access_level if container else 0
    if not access.settings.is_licensed("cluster_image_scanning"):
        raise Forbidden().because("cluster_image_scanning is not licensed")
    if not may_admin_vulnerabilities(access.actor.user, level):
        raise Forbidden().because("the agent's creator may not report vulnerabilities")


def _policies(service: Service, agent: Agent) -> tuple[ScanExecutionPolicy, ...]:
    _require_project(agent)
    with service.database.reading() as connection:
        if not settings.read(connection).is_licensed("security_orchestration_policies"):
            why = "security_orchestration_policies is not licensed"
            raise NotFound().because(why)
        return policies.of_project(connection, agent.project_id)
