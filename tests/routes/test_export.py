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
    # The project that `use` has made: its message waits.
    ("POST", "post_receive", {"project": "rubi/created", "identifier": "user-7"}),
)
GENERATED = re.compile(r'"(lfs_token|token)":"[^"]+"|"recovery_codes":\[[^]]+\]')


def answers(api: Api) -> list[tuple[str, int, str]]:
    """What every route answers, without what is generated."""
    found = []
    for method, path, params in REQUESTS:
        call = api.get if method == "GET" else api.post_json
        answer = call(path, params)
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
