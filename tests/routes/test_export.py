"""An exported world answers as the one that it was exported from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api import PREFIX, Api, MakeApi

from internal_api import seeds
from internal_api.app import ROUTES

CHANGES = f"{'0' * 40} {'1' * 40} refs/heads/feature\n"
MODULES = "kubernetes/modules"
STARBOARD = f"{MODULES}/starboard_vulnerability"
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
    # The project that `use` has made: its message waits.
    ("POST", "post_receive", {"project": "rubi/created", "identifier": "user-7"}),
)
GENERATED = re.compile(r'"(lfs_token|token)":"[^"]+"|"recovery_codes":\[[^]]+\]')


def answers(api: Api) -> list[tuple[str, int, str]]:
    """What every route answers, without what is generated."""
    found = []
    for method, path, params in REQUESTS:
        call = {"GET": api.get, "POST": api.post_json, "PUT": api.put_json}[method]
        answer = call(path, params, headers=api.headers() | api.kas_headers())
        found.append((path, answer.status_int, GENERATED.sub("…", answer.text)))
    return found


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


def test_every_route_is_asked() -> None:
    """No internal route is left out of the comparison."""
    paths = {path.removeprefix(PREFIX) for path, _ in ROUTES if path.startswith(PREFIX)}
    assert {path for _, path, _ in REQUESTS} == paths


@pytest.mark.parametrize("change", [None, use])
def test_export_answers_alike(
    make_api: MakeApi, tmp_path: Path, change: Callable[[Api], None] | None
) -> None:
    """`export`, then `seed` into an empty database, changes no answer of any route."""
    first = make_api()
    if change:
        change(first)
    text = seeds.export(first.database, first.clock.now)
    path = tmp_path / "export.yml"
    path.write_text(text)
    second = make_api(str(path))
    expected = answers(first)
    assert ("private project" in str(expected)) == (change is not None)
    assert answers(second) == expected
