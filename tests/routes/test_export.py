"""An exported world answers as the one that it was exported from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api import ADMIN_TOKEN, PREFIX, Api, MakeApi
from webtest import TestResponse

from internal_api import seeds
from internal_api.app import routes

CHANGES = f"{'0' * 40} {'1' * 40} refs/heads/feature\n"
MODULES = "kubernetes/modules"
STARBOARD = f"{MODULES}/starboard_vulnerability"
CUSTOMERS = "/namespaces/customers"
FIELDS = {
    "namespace": "customers",
    "target": "gnuwget",
    "add_on_name": "code_suggestions",
}
ADD_ON = "subscription_add_on_purchase/code_suggestions"
PACK = {"number_of_minutes": 5, "expires_at": "1/1/2030", "purchase_xid": "x"}
PURCHASE = {"quantity": 3, "expires_on": "1/1/2030", "purchase_xid": "y"}
NEXT_TERM = {"start_date": "2030-01-01", "end_date": "2031-01-01", "seats": 1}
REQUESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "POST",
        "allowed",
        {"key_id": 7, "project": "gnuwget/wget2", "action": "git-upload-pack"},
    ),
    ("POST", "lfs_authenticate", {"key_id": 11, "project": "gnuwget/wget2"}),
    ("GET", "authorized_keys", {"key": "AAAA"}),
    ("GET", "discover", {"username": "Rubi"}),
    ("GET", "check", {}),
    ("POST", "two_factor_recovery_codes", {"key_id": 7}),
    ("POST", "personal_access_token", {"key_id": 7, "name": "a", "scopes": ["api"]}),
    (
        "POST",
        "error_tracking/allowed",
        {"project_id": 111, "public_key": "generated-error-tracking-key"},
    ),
    ("POST", "pre_receive", {"gl_repository": "project-3"}),
    (
        "POST",
        "post_receive",
        {"gl_repository": "project-3", "identifier": "key-7", "changes": CHANGES},
    ),
    ("POST", "two_factor_config", {"key_id": 7}),
    ("POST", "two_factor_otp_check", {"key_id": 7, "otp_attempt": "000000"}),
    ("POST", "two_factor_manual_otp_check", {"key_id": 11, "otp_attempt": "0"}),
    ("POST", "two_factor_push_otp_check", {"key_id": 7}),
    ("GET", "authorized_certs", {"key": "AAAA", "user_identifier": "rubi"}),
    ("GET", "lfs", {"oid": "0" * 64, "gl_repository": "project-3"}),
    (
        "POST",
        "shellhorse/git_audit_event",
        {
            "action": "git-upload-pack",
            "protocol": "ssh",
            "gl_repository": "project-3",
            "changes": "_any",
        },
    ),
    ("GET", "kubernetes/agent_info", {}),
    ("GET", "agents/agentk/agent_info", {}),
    ("GET", "kubernetes/project_info", {"id": 7}),
    ("GET", "kubernetes/verify_project_access", {"id": 111}),
    ("POST", "kubernetes/usage_metrics", {"gitops_sync_count": -1}),
    ("POST", "kubernetes/agent_events", {"events": []}),
    (
        "POST",
        "kubernetes/authorize_proxy_user",
        {
            "agent_id": 9,
            "access_type": "personal_access_token",
            "access_key": "demo-admin-token",
        },
    ),
    ("POST", "kubernetes/agent_configuration", {"agent_id": 8, "agent_config": {}}),
    ("POST", f"{MODULES}/cilium_alert", {"alert": "x"}),
    ("PUT", STARBOARD, {"vulnerability": "x"}),
    ("POST", f"{STARBOARD}/scan_result", {"uuids": 1}),
    ("GET", f"{STARBOARD}/scan_execution_policies", {}),
    ("GET", f"{STARBOARD}/policies_configuration", {}),
    (
        "PUT",
        "upcoming_reconciliations",
        {"upcoming_reconciliations": [{"namespace_id": 22}]},
    ),
    ("DELETE", "upcoming_reconciliations", {"namespace_id": 22}),
    ("DELETE", "upcoming_reconciliations", {"namespace_id": 20}),
    ("GET", f"{CUSTOMERS}/gitlab_subscription", {}),
    ("PUT", f"{CUSTOMERS}/gitlab_subscription", NEXT_TERM),
    ("POST", f"{CUSTOMERS}/gitlab_subscription", NEXT_TERM),
    ("POST", f"{CUSTOMERS}/minutes", {"packs": [PACK | {"expires_at": "1/2/2030"}]}),
    ("PATCH", f"{CUSTOMERS}/minutes/move/gnuwget", {}),
    ("POST", f"{CUSTOMERS}/minutes", {"packs": [PACK]}),
    ("GET", f"{CUSTOMERS}/{ADD_ON}", {}),
    ("POST", f"{CUSTOMERS}/{ADD_ON}", PURCHASE),
    ("PUT", f"{CUSTOMERS}/{ADD_ON}", {"expires_on": "1/2/2030"}),
    ("GET", "/namespaces/storage/limit_exclusions", {}),
    ("POST", f"{CUSTOMERS}/storage/limit_exclusion", {"reason": "another"}),
    ("DELETE", f"{CUSTOMERS}/storage/limit_exclusion", {}),
    ("GET", "/job/allowed_agents", {}),
    ("GET", "two_factor_recovery_codes", {"key_id": 7}),
    # The project that `use` has made: its message waits.
    ("POST", "post_receive", {"project": "rubi/created", "identifier": "user-7"}),
)
SCIM_GROUP, SCIM_INSTANCE = "/api/scim/v2/groups/test_group", "/api/scim/v2/application"
SCIM_HEADERS = {
    SCIM_GROUP: {"Authorization": "Bearer demo-scim-token"},
    SCIM_INSTANCE: {"Authorization": "Bearer instance-token"},
}
SCIM_REQUESTS = [
    ("GET", place + path)
    for place in SCIM_HEADERS
    for path in (
        "/Users",
        "/Users/made",
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas",
        "/Schemas/x",
    )
]
GENERATED = re.compile(r'"(lfs_token|token)":"[^"]+"|"recovery_codes":\[[^]]+\]')


def answers(api: Api) -> list[tuple[str, int, str]]:
    """What every route answers, without what is generated."""
    found = []
    for method, path, params in REQUESTS:
        headers = api.headers() | api.kas_headers() | {"PRIVATE-TOKEN": ADMIN_TOKEN}
        url = f"/api/v4{path}" if path.startswith("/") else PREFIX + path
        name = "get" if method == "GET" else f"{method.lower()}_json"
        call = getattr(api.app, name)
        answer = call(url, params, headers=headers, status="*")
        found.append((path, answer.status_int, GENERATED.sub("…", answer.text)))
    for method, path in SCIM_REQUESTS:
        answer = call_scim(api, method, path)
        found.append((path, answer.status_int, answer.text))
    return found


def call_scim(api: Api, method: str, path: str, body: object = None) -> TestResponse:
    """Call as the identity provider of the group or of the instance."""
    place = SCIM_GROUP if path.startswith(SCIM_GROUP) else SCIM_INSTANCE
    return api.app.request(
        path,
        method=method,
        headers=SCIM_HEADERS[place] | {"Content-Type": "application/scim+json"},
        body=json.dumps(body).encode() if body else b"",
        expect_errors=True,
    )


def use(api: Api) -> None:
    """Change what requests can change: queue messages, push, open merge requests."""
    api.post_json("pre_receive", {"gl_repository": "project-3"})
    api.post_json(
        "allowed",
        {
            "key_id": 7,
            "project": "rubi/created",
            "action": "git-receive-pack",
            "changes": "_any",
        },
    )
    api.post_json(
        "post_receive",
        {
            "gl_repository": "project-3",
            "identifier": "key-7",
            "changes": CHANGES,
            "push_options": ["merge_request.create"],
        },
    )
    api.post_json("two_factor_recovery_codes", {"key_id": 7})
    buy(api)
    user = {
        "externalId": "made",
        "userName": "made",
        "emails": [{"primary": True, "value": "made@example.com"}],
        "name": {"formatted": "Made Up"},
    }
    for place in SCIM_HEADERS:
        call_scim(api, "POST", f"{place}/Users", user)
        call_scim(api, "DELETE", f"{place}/Users/made")


def buy(api: Api) -> None:
    """Change what CustomersDot can change."""
    headers = {"PRIVATE-TOKEN": ADMIN_TOKEN}
    for method, path, params in (
        (
            "POST",
            f"{CUSTOMERS}/gitlab_subscription",
            {
                "start_date": "2020-01-01",
                "end_date": "2021-01-01",
                "plan_code": "premium",
                "seats": 10,
                "max_seats_used": 12,
            },
        ),
        ("PUT", f"{CUSTOMERS}/gitlab_subscription", {"max_seats_used": None}),
        ("PUT", f"{CUSTOMERS}/gitlab_subscription", {"auto_renew": False}),
        ("POST", f"{CUSTOMERS}/minutes", {"packs": [PACK]}),
        ("POST", f"{CUSTOMERS}/{ADD_ON}", PURCHASE),
        ("POST", f"{CUSTOMERS}/storage/limit_exclusion", {"reason": "one"}),
        ("POST", "/namespaces/gnuwget/storage/limit_exclusion", {"reason": "two"}),
        ("POST", "/namespaces/22/storage/limit_exclusion", {"reason": "three"}),
        ("DELETE", "/namespaces/22/storage/limit_exclusion", {}),
        ("DELETE", f"{CUSTOMERS}/storage/limit_exclusion", {}),
    ):
        call = getattr(api.app, f"{method.lower()}_json")
        call(f"/api/v4{path}", params, headers=headers)


def test_every_route_is_asked() -> None:
    """No route of the API is left out of the comparison, with none of its verbs."""
    expected = {
        (name.removeprefix("on_").upper(), path)
        for path, resource in routes()
        for name in dir(resource)
        if name.startswith("on_") and path.startswith("/api/v4")
    }
    asked = set()
    for method, path, _ in REQUESTS:
        url = f"/api/v4{path}" if path.startswith("/") else PREFIX + path
        for field, value in FIELDS.items():
            url = url.replace(f"/{value}", f"/{{{field}}}", 1)
        asked.add((method, url))
    assert asked == expected
    scim = {path for path, _ in routes() if path.startswith("/api/scim")}
    fields = re.compile(r"\{\w+\}")
    for path in scim:
        form = re.compile(fields.sub(r"[^/]+", path))
        assert any(form.fullmatch(asked) for _, asked in SCIM_REQUESTS)


@pytest.mark.parametrize("change", [None, use])
def test_export_answers_alike(
    make_api: MakeApi, tmp_path: Path, change: Callable[[Api], None] | None
) -> None:
    """`export`, then `seed` into an empty database, changes no answer of any route."""
    first = make_api()
    seed = tmp_path / "instance.yml"
    seed.write_text("settings: {scim_token: instance-token}")
    seeds.load(first.database, [seeds.read(str(seed))])
    if change:
        change(first)
    text = seeds.export(first.database, first.clock.now)
    path = tmp_path / "export.yml"
    path.write_text(text)
    second = make_api(str(path))
    expected = answers(first)
    assert ("private project" in str(expected)) == (change is not None)
    assert answers(second) == expected
