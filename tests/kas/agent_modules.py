"""Agents whose modules report, and what they send."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from api import PREFIX, Api
from hypothesis import strategies as st
from webtest import TestResponse

from internal_api import seeds

MODULES = f"{PREFIX}kubernetes/modules/"
VULNERABILITY = f"{MODULES}starboard_vulnerability"
NOT_FOUND = {"message": "404 Not Found"}
FORBIDDEN = {"message": "403 Forbidden"}

# The example of the documentation, as it fitted GitLab 14.2.
DOCUMENTED: dict[str, Any] = {
    "vulnerability": {
        "name": "CVE-123-4567 in libc",
        "severity": "high",
        "confidence": "unknown",
        "location": {
            "kubernetes_resource": {
                "namespace": "production",
                "kind": "deployment",
                "name": "nginx",
                "container": "nginx",
            }
        },
        "identifiers": [
            {"type": "cve", "name": "CVE-123-4567", "value": "CVE-123-4567"}
        ],
    },
    "scanner": {
        "id": "starboard_trivy",
        "name": "Trivy (via Starboard Operator)",
        "vendor": "GitLab",
    },
}
# What agentk 15 sends.
REPORT: dict[str, Any] = {
    "vulnerability": {
        "name": "CVE-2022-1271",
        "message": "CVE-2022-1271 in gzip",
        "description": "An arbitrary file write vulnerability was found",
        "solution": "Upgrade gzip to 1.10-4+deb11u1",
        "severity": "High",
        "confidence": "Unknown",
        "location": {
            "dependency": {"package": {"name": "gzip"}, "version": "1.10-4"},
            "kubernetes_resource": {
                "namespace": "default",
                "name": "nginx-6799fc88d8",
                "kind": "ReplicaSet",
                "container_name": "nginx",
                "agent_id": "9",
            },
            "image": "index.docker.io/library/nginx:latest",
            "operating_system": "debian 11.3",
        },
        "identifiers": [
            {
                "type": "cve",
                "name": "CVE-2022-1271",
                "value": "CVE-2022-1271",
                "url": "https://avd.aquasec.com/nvd/cve-2022-1271",
            }
        ],
        "links": [{"url": "https://access.redhat.com/security/cve/CVE-2022-1271"}],
    },
    "scanner": {
        "id": "starboard_trivy",
        "name": "Trivy (via Starboard Operator)",
        "vendor": {"name": "GitLab"},
        "version": "0.24.2",
    },
}

TEXTS = ["name", "type", "agent_id", "fingerprint", "test", "High", "critical", ""]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(TEXTS)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TEXTS) | st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


def world(**changes: Any) -> dict[str, Any]:
    """A seed with three agents; changes are those of its lists and settings.

    `production` and `staging` are in team/app, `elsewhere` is in team/other. Their
    tokens are their names, and a developer of both projects made them.
    """
    members = {"dev": "developer", "rep": "reporter"}
    return {
        "users": [
            {"id": 3, "username": "dev"},
            {"id": 4, "username": "rep"},
            {"id": 5, "username": "stranger"},
            {"id": 6, "username": "root", "admin": True},
        ],
        "groups": [{"full_path": "team", "members": {}}],
        "projects": [
            {"id": 9, "full_path": "team/app", "members": members},
            {"id": 7, "full_path": "team/other", "members": members},
        ],
        "agents": [
            agent(9, "production", "team/app"),
            agent(10, "staging", "team/app"),
            agent(5, "elsewhere", "team/other"),
        ],
    } | changes


def agent(agent_id: int, name: str, project: str, **more: Any) -> dict[str, Any]:
    """An agent whose token is its name."""
    tokens = [{"token": name}]
    named = {"id": agent_id, "name": name, "project": project, "tokens": tokens}
    return named | {"created_by": "dev"} | more


def put(
    api: Api, params: Any = DOCUMENTED, name: str = "production", path: str = ""
) -> TestResponse:
    """Report a vulnerability."""
    return api.app.put_json(
        VULNERABILITY + path, params, headers=api.kas_headers(name), status="*"
    )


def post(api: Api, path: str, params: Any, name: str = "production") -> TestResponse:
    """Post JSON to a module's route."""
    return api.app.post_json(
        MODULES + path, params, headers=api.kas_headers(name), status="*"
    )


def get(api: Api, path: str, name: str = "production") -> TestResponse:
    """Get a route of the scanning module."""
    return api.app.get(
        f"{VULNERABILITY}/{path}", headers=api.kas_headers(name), status="*"
    )


def changed(params: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with another member; `...` leaves it out. The path has dots."""
    result = copy.deepcopy(params)
    *parents, last = (
        int(name) if name.isdecimal() else name for name in path.split(".")
    )
    found: Any = result
    for parent in parents:
        found = found[parent]
    if value is ...:
        del found[last]
    else:
        found[last] = value
    return result


def answer(response: TestResponse) -> tuple[int, Any]:
    """Status and body of an answer in JSON."""
    assert response.headers["Content-Type"] == "application/json"
    return response.status_int, response.json


def exported(api: Api, folder: Path) -> str:
    """The path of the exported world."""
    path = folder / "export.yml"
    path.write_text(seeds.export(api.database, api.clock.now))
    return str(path)


def findings(api: Api) -> dict[str, str]:
    """The states of all findings by UUID."""
    return dict(api.rows("SELECT uuid, state FROM vulnerability_findings"))


def quoted(text: object) -> str:
    """JSON in a JSON text."""
    return json.dumps(json.dumps(text))
