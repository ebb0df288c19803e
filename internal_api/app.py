"""The application: which path leads to which resource."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import falcon
from falcon.routing import CompiledRouter

from internal_api.auth import (
    AgentToken,
    JobToken,
    KasSecret,
    Scheme,
    ShellSecret,
    authenticate_nobody,
)
from internal_api.config import Config
from internal_api.errors import add_error_handlers, write_json
from internal_api.git_repository import Run
from internal_api.middleware import Authenticate, Gate
from internal_api.repository.database import Database
from internal_api.resources import (
    error_tracking,
    git,
    health,
    keys,
    kubernetes,
    kubernetes_access,
    kubernetes_modules,
    users,
)
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets

KAS = "/api/v4/internal/kubernetes"
STARBOARD = f"{KAS}/modules/starboard_vulnerability"
# In the order of GitLab's documentation, then what it does not name.
ROUTES: tuple[tuple[str, type[Any]], ...] = (
    ("/api/v4/internal/allowed", git.Allowed),
    ("/api/v4/internal/lfs_authenticate", git.LfsAuthenticate),
    ("/api/v4/internal/authorized_keys", keys.AuthorizedKeys),
    ("/api/v4/internal/discover", users.Discover),
    ("/api/v4/internal/check", health.Check),
    ("/api/v4/internal/two_factor_recovery_codes", users.RecoveryCodes),
    ("/api/v4/internal/personal_access_token", users.PersonalAccessToken),
    ("/api/v4/internal/error_tracking/allowed", error_tracking.Allowed),
    ("/api/v4/internal/pre_receive", git.PreReceive),
    ("/api/v4/internal/post_receive", git.PostReceive),
    (f"{KAS}/agent_info", kubernetes.AgentInfo),
    (f"{KAS}/project_info", kubernetes.ProjectInfo),
    (f"{KAS}/usage_metrics", kubernetes.UsageMetrics),
    (f"{KAS}/modules/cilium_alert", kubernetes_modules.CiliumAlert),
    (STARBOARD, kubernetes_modules.StarboardVulnerability),
    (f"{STARBOARD}/scan_result", kubernetes_modules.ScanResult),
    (f"{STARBOARD}/scan_execution_policies", kubernetes_modules.ScanExecutionPolicies),
    (f"{STARBOARD}/policies_configuration", kubernetes_modules.PoliciesConfiguration),
    ("/api/v4/internal/two_factor_config", users.TwoFactorConfig),
    ("/api/v4/internal/two_factor_otp_check", users.ManualOtpCheck),
    ("/api/v4/internal/two_factor_manual_otp_check", users.ManualOtpCheck),
    ("/api/v4/internal/two_factor_push_otp_check", users.PushOtpCheck),
    ("/api/v4/internal/authorized_certs", keys.AuthorizedCerts),
    ("/api/v4/internal/lfs", git.LfsObject),
    ("/api/v4/internal/shellhorse/git_audit_event", git.GitAuditEvent),
    ("/api/v4/internal/agents/agentk/agent_info", kubernetes.AgentInfo),
    (f"{KAS}/verify_project_access", kubernetes.VerifyProjectAccess),
    (f"{KAS}/agent_configuration", kubernetes_access.AgentConfiguration),
    (f"{KAS}/agent_events", kubernetes.AgentEvents),
    (f"{KAS}/authorize_proxy_user", kubernetes_access.AuthorizeProxyUser),
    ("/api/v4/job/allowed_agents", kubernetes_access.AllowedAgents),
    ("/-/health", health.Health),
    ("/-/liveness", health.Liveness),
    ("/-/readiness", health.Readiness),
)


class Response(falcon.Response):
    """An answer with the headers that all of GitLab's answers have."""

    def __init__(self, options: falcon.ResponseOptions | None = None) -> None:
        super().__init__(options)
        self._headers["x-frame-options"] = "SAMEORIGIN"
        self._headers["x-content-type-options"] = "nosniff"


class Router(CompiledRouter):
    """Maps verbs as Grape does: HEAD is answered where GET is, OPTIONS names them."""

    def map_http_methods(self, resource: object, **kwargs: Any) -> dict[str, Any]:
        """Map verbs to responders."""
        methods: dict[str, Any] = dict(super().map_http_methods(resource, **kwargs))
        if "GET" in methods:
            methods["HEAD"] = methods["GET"]
        allowed = ", ".join(["OPTIONS", *methods])

        def on_options(_req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
            resp.status = 204
            resp.set_header("Allow", allowed)

        return methods | {"OPTIONS": on_options}


def create_app(
    config: Config,
    database: Database,
    secrets: Secrets,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    run: Run = subprocess.run,
) -> falcon.App[falcon.Request, Response]:
    """Build the application.

    Args:
        config: How it behaves.
        database: Its state; the tables exist.
        secrets: What its callers sign with.
        now: Gives the time, in UTC.
        run: Runs git; a server may let it wait without stalling others.
    """
    service = Service(config, database, now, run)

    def clock() -> float:
        return now().timestamp()

    shell = ShellSecret(
        secrets.shell,
        accept_shared_secret=config.shell_auth != "jwt",
        clock=clock,
    )
    kas = KasSecret(secrets.kas, clock)
    schemes: dict[Scheme, Authenticate] = {
        Scheme.NONE: authenticate_nobody,
        Scheme.SHELL: shell.authenticate,
        Scheme.SHELL_JWT: shell.authenticate_jwt,
        Scheme.ERROR_TRACKING: error_tracking.Authentication(shell, database),
        Scheme.KAS: kas.authenticate,
        Scheme.KAS_AGENT: AgentToken(kas, database, now).authenticate,
        Scheme.JOB_TOKEN: JobToken(database).authenticate,
    }
    gate, router = Gate(), Router()
    app = falcon.App(router=router, middleware=gate, response_type=Response)
    app.req_options.strip_url_path_trailing_slash = True
    add_error_handlers(app)
    for path, kind in ROUTES:
        resource = kind(service)
        app.add_route(config.relative_url_root + path, resource)
        for method in router.map_http_methods(resource):
            scheme = Scheme.NONE if method == "OPTIONS" else kind.authentication
            gate.admit(resource, method, schemes[scheme])
    app.add_sink(_api_v3, f"{re.escape(config.relative_url_root)}/api/v3(?:/|$)")
    return app


def _api_v3(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:  # noqa: ARG001
    text = "API V3 is no longer supported. Use API V4 instead."
    write_json(resp, 410, {"error": text})
