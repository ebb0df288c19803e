"""The application: which path leads to which resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from time import time
from types import MappingProxyType
from typing import Any

import falcon

from internal_api.auth import authenticate_nobody
from internal_api.errors import Gone, add_error_handlers
from internal_api.middleware import Gate
from internal_api.repository.snapshots import Snapshots
from internal_api.resources.service import Service
from internal_api.routing import Responders, Router, responders
from internal_api.schemes import Schemes
from internal_api.secret_files import Secrets
from internal_api.standin.control import Control
from internal_api.standin.faults import Rule
from internal_api.standin.middleware import FaultInjector, Recorder
from internal_api.standin.mount import Wsgi, mount

KAS = "/api/v4/internal/kubernetes"
STARBOARD = f"{KAS}/modules/starboard_vulnerability"
NAMESPACE = "/api/v4/namespaces/{namespace}"
SCIM_GROUP = "/api/scim/v2/groups/{group}"
SCIM_INSTANCE = "/api/scim/v2/application"
# In the order of GitLab's documentation, then what it does not name. What a route leads
# to is loaded with its first request: the server starts sooner, and is smaller.
ROUTES: tuple[tuple[str, str], ...] = (
    ("/api/v4/internal/allowed", "git.Allowed"),
    ("/api/v4/internal/lfs_authenticate", "git.LfsAuthenticate"),
    ("/api/v4/internal/authorized_keys", "keys.AuthorizedKeys"),
    ("/api/v4/internal/discover", "users.Discover"),
    ("/api/v4/internal/check", "check.Check"),
    ("/api/v4/internal/two_factor_recovery_codes", "users.RecoveryCodes"),
    ("/api/v4/internal/personal_access_token", "users.PersonalAccessToken"),
    ("/api/v4/internal/error_tracking/allowed", "error_tracking.Allowed"),
    ("/api/v4/internal/pre_receive", "git.PreReceive"),
    ("/api/v4/internal/post_receive", "git.PostReceive"),
    (f"{KAS}/agent_info", "kubernetes.AgentInfo"),
    (f"{KAS}/project_info", "kubernetes.ProjectInfo"),
    (f"{KAS}/usage_metrics", "kubernetes.UsageMetrics"),
    (f"{KAS}/modules/cilium_alert", "kubernetes_modules.CiliumAlert"),
    (STARBOARD, "kubernetes_modules.StarboardVulnerability"),
    (f"{STARBOARD}/scan_result", "kubernetes_modules.ScanResult"),
    (
        f"{STARBOARD}/scan_execution_policies",
        "kubernetes_modules.ScanExecutionPolicies",
    ),
    (f"{STARBOARD}/policies_configuration", "kubernetes_modules.PoliciesConfiguration"),
    (f"{NAMESPACE}/gitlab_subscription", "subscriptions.Subscription"),
    (f"{NAMESPACE}/minutes", "minutes.Minutes"),
    (f"{NAMESPACE}/minutes/move/{{target}}", "minutes.MoveMinutes"),
    (
        "/api/v4/internal/upcoming_reconciliations",
        "reconciliations.UpcomingReconciliations",
    ),
    (f"{SCIM_GROUP}/Users", "scim.Users"),
    (f"{SCIM_GROUP}/Users/{{id}}", "scim.User"),
    ("/api/v4/internal/two_factor_config", "users.TwoFactorConfig"),
    ("/api/v4/internal/two_factor_otp_check", "users.ManualOtpCheck"),
    ("/api/v4/internal/two_factor_manual_otp_check", "users.ManualOtpCheck"),
    ("/api/v4/internal/two_factor_push_otp_check", "users.PushOtpCheck"),
    ("/api/v4/internal/authorized_certs", "keys.AuthorizedCerts"),
    ("/api/v4/internal/lfs", "git.LfsObject"),
    ("/api/v4/internal/shellhorse/git_audit_event", "git.GitAuditEvent"),
    ("/api/v4/internal/agents/agentk/agent_info", "kubernetes.AgentInfo"),
    (f"{KAS}/verify_project_access", "kubernetes.VerifyProjectAccess"),
    (f"{KAS}/agent_configuration", "kubernetes_access.AgentConfiguration"),
    (f"{KAS}/agent_events", "kubernetes.AgentEvents"),
    (f"{KAS}/authorize_proxy_user", "kubernetes_access.AuthorizeProxyUser"),
    ("/api/v4/job/allowed_agents", "kubernetes_access.AllowedAgents"),
    (
        f"{NAMESPACE}/subscription_add_on_purchase/{{add_on_name}}",
        "add_on_purchases.AddOnPurchase",
    ),
    (
        "/api/v4/namespaces/storage/limit_exclusions",
        "storage_limit_exclusions.StorageLimitExclusions",
    ),
    (
        f"{NAMESPACE}/storage/limit_exclusion",
        "storage_limit_exclusions.StorageLimitExclusion",
    ),
    (f"{SCIM_GROUP}/ServiceProviderConfig", "scim.ServiceProviderConfig"),
    (f"{SCIM_GROUP}/ResourceTypes", "scim.ResourceTypes"),
    (f"{SCIM_GROUP}/ResourceTypes/{{id}}", "scim.ResourceTypes"),
    (f"{SCIM_GROUP}/Schemas", "scim.Schemas"),
    (f"{SCIM_GROUP}/Schemas/{{id}}", "scim.Schemas"),
    (f"{SCIM_INSTANCE}/Users", "scim.Users"),
    (f"{SCIM_INSTANCE}/Users/{{id}}", "scim.User"),
    (f"{SCIM_INSTANCE}/ServiceProviderConfig", "scim.ServiceProviderConfig"),
    (f"{SCIM_INSTANCE}/ResourceTypes", "scim.ResourceTypes"),
    (f"{SCIM_INSTANCE}/ResourceTypes/{{id}}", "scim.ResourceTypes"),
    (f"{SCIM_INSTANCE}/Schemas", "scim.Schemas"),
    (f"{SCIM_INSTANCE}/Schemas/{{id}}", "scim.Schemas"),
    ("/-/health", "health.Health"),
    ("/-/liveness", "health.Liveness"),
    ("/-/readiness", "health.Readiness"),
)


class Context:
    """What is known of a request; each attribute is set by whoever learns it.

    Attributes:
        start: When it came, in seconds since the epoch.
        params: Its parameters, from query and body.
        fields: The fields of its path.
        body: Its body as it came.
        refusal: What an existing route refuses about it.
        scheme: How the caller authenticated.
        identity: Who the caller is, if that is more than the scheme says.
        reason: Why it is refused.
        fault: The fault that acts on it.
    """

    params: Mapping[str, Any] = MappingProxyType({})
    fields: Mapping[str, str] = MappingProxyType({})
    body = b""
    refusal: Exception | None = None
    scheme: str | None = None
    identity: str | None = None
    reason: str | None = None
    fault: Rule | None = None
    # What authentication finds.
    agent: Any = None
    job: Any = None
    user: Any = None
    provider: Any = None

    def __init__(self) -> None:
        self.start = time()


class Request(falcon.Request):
    """A request with such a context."""

    context_type = Context


class Response(falcon.Response):
    """An answer with the headers that all of GitLab's answers have."""

    def __init__(self, options: falcon.ResponseOptions | None = None) -> None:
        super().__init__(options)
        self._headers["x-frame-options"] = "SAMEORIGIN"
        self._headers["x-content-type-options"] = "nosniff"


def create_app(
    service: Service, secrets: Secrets, control: Control | None = None
) -> Wsgi:
    """Build the application.

    Args:
        service: How it behaves, its state and the real time; the tables exist.
        secrets: What its callers sign with.
        control: What the control routes act on; without it there are none.
    """
    config, real_now = service.config, service.now
    root = config.relative_url_root
    if control:
        service = service._replace(now=control.clock)
    schemes = Schemes(service, secrets, lambda: real_now().timestamp())
    gate = Gate()

    def load(name: str) -> tuple[object, Responders]:
        kind = _resource_class(name)
        resource = kind(service)
        authenticate = schemes.authenticate(kind.authentication)
        media_type = getattr(kind, "media_type", None)
        verbs = responders(resource)
        for method in verbs:
            if method == "OPTIONS":
                gate.admit(resource, method, authenticate_nobody)
            else:
                gate.admit(resource, method, authenticate, media_type)
        return resource, verbs

    router: Any = Router(load)
    for path, name in ROUTES:
        router.add_route(root + path, name)
    app = falcon.App(router=router, request_type=Request, response_type=Response)
    if control:
        app.add_middleware(Recorder(control))
    app.add_middleware(gate)
    if control:
        app.add_middleware(FaultInjector(control, root))
    app.req_options.strip_url_path_trailing_slash = True
    add_error_handlers(app, config.scim_errors)
    app.add_sink(_api_v3, f"{re.escape(root)}/api/v3(?:/|$)")
    if control is None:
        return app
    # Made before anything is asked: what is there now is the seeded state.
    snapshots = Snapshots(service.database, config.snapshots_path)
    create_control = partial(_create_control_app, service, control, snapshots)
    return mount(create_control, app, root)


def routes() -> Iterator[tuple[str, Any]]:
    """Every path with the class of its resource."""
    for path, name in ROUTES:
        yield path, _resource_class(name)


def _resource_class(name: str) -> Any:
    module, _, kind = name.partition(".")
    return getattr(import_module(f"internal_api.resources.{module}"), kind)


def _create_control_app(
    service: Service, control: Control, snapshots: Snapshots
) -> Wsgi:
    from internal_api.resources.standin import Standin  # noqa: PLC0415
    from internal_api.standin.app import create_control_app  # noqa: PLC0415

    return create_control_app(
        service.config.relative_url_root, Standin(control, service.database, snapshots)
    )


def _api_v3(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:  # noqa: ARG001
    raise Gone
