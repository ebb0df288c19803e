"""The world of the tests of the agent server: one agent among all sorts of projects."""

from __future__ import annotations

from typing import Any

AGENT, AGENT_TOKEN, REVOKED_TOKEN = 1, "token-of-one", "revoked-token-of-one"
OTHER_AGENT, OTHER_TOKEN = 2, "token-of-two"
HOMELESS_AGENT, HOMELESS_TOKEN = 3, "token-of-an-agent-without-a-project"
PERSONAL_AGENT = 4
CONFIG_PROJECT, PUBLIC, MEMBERS, INTERNAL, APP, OTHER, DELETED, PERSONAL = range(1, 9)
DISABLED = 9
TOP, SUB, OTHER_GROUP = 10, 11, 12
OWNER, DEVELOPER, GUEST, OUTSIDER = 1, 2, 3, 4
USER_TOKEN = "token-of-a-user"

WORLD: dict[str, Any] = {
    "settings": {
        "gitaly": {
            "address": "tcp://gitaly:8075",
            "token": "secret",
            "storage": "fast",
            "features": {"gitaly-feature-x": True, "gitaly-feature-y": "false"},
        }
    },
    "users": [
        {"id": OWNER, "username": "owner", "namespace_id": 20},
        {
            "id": DEVELOPER,
            "username": "developer",
            "personal_access_tokens": [
                {"name": "kubectl", "token": USER_TOKEN, "scopes": ["k8s_proxy"]},
                {"name": "api", "token": "api", "scopes": ["api"]},
                {
                    "name": "old",
                    "token": "old",
                    "scopes": ["k8s_proxy"],
                    "expires_at": "2022-08-01",
                },
                {
                    "name": "young",
                    "token": "young",
                    "scopes": ["api", "k8s_proxy"],
                    "expires_at": "2022-08-02",
                },
                {
                    "name": "lost",
                    "token": "lost",
                    "scopes": ["k8s_proxy"],
                    "revoked": True,
                },
            ],
        },
        {
            "id": GUEST,
            "username": "guest",
            "personal_access_tokens": [
                {"name": "x", "token": "token-of-a-guest", "scopes": ["k8s_proxy"]}
            ],
        },
        {
            "id": OUTSIDER,
            "username": "outsider",
            "admin": True,
            "personal_access_tokens": [
                {"name": "x", "token": "token-of-an-outsider", "scopes": ["k8s_proxy"]}
            ],
        },
    ],
    "groups": [
        {
            "id": TOP,
            "full_path": "top",
            "members": {"owner": "owner", "guest": "guest"},
        },
        {"id": SUB, "full_path": "top/sub", "members": {"developer": "maintainer"}},
        {"id": OTHER_GROUP, "full_path": "other"},
    ],
    "projects": [
        {
            "id": CONFIG_PROJECT,
            "full_path": "top/config",
            "default_branch": "trunk",
            "empty": True,
        },
        {
            "id": PUBLIC,
            "full_path": "top/public",
            "visibility": "public",
            "members": {"developer": "developer"},
            "redirects": ["former/path"],
        },
        {
            "id": MEMBERS,
            "full_path": "top/members",
            "visibility": "public",
            "repository": "private",
        },
        {"id": INTERNAL, "full_path": "top/internal", "visibility": "internal"},
        {"id": APP, "full_path": "top/sub/app"},
        {"id": OTHER, "full_path": "other/public", "visibility": "public"},
        {
            "id": DELETED,
            "full_path": "top/deleted",
            "visibility": "public",
            "deleted": True,
        },
        {"id": PERSONAL, "full_path": "owner/personal"},
        {
            "id": DISABLED,
            "full_path": "top/disabled",
            "visibility": "public",
            "repository": "disabled",
        },
    ],
    "agents": [
        {
            "id": AGENT,
            "name": "one",
            "project": "top/config",
            "tokens": [
                {"token": AGENT_TOKEN},
                {"token": REVOKED_TOKEN, "revoked": True},
            ],
        },
        {
            "id": OTHER_AGENT,
            "name": "two",
            "project": "other/public",
            "tokens": [{"token": OTHER_TOKEN}],
        },
        {
            "id": HOMELESS_AGENT,
            "name": "three",
            "project": "top/deleted",
            "tokens": [{"token": HOMELESS_TOKEN}],
        },
        {"id": PERSONAL_AGENT, "name": "four", "project": "owner/personal"},
    ],
    "ci_jobs": [
        {
            "id": 5,
            "token": "token-of-a-job",
            "user": "developer",
            "project": "top/sub/app",
            "pipeline_id": 6,
        },
        {
            "id": 7,
            "token": "token-of-a-deployment",
            "user": "owner",
            "project": "top/config",
            "pipeline_id": 8,
            "environment": "review/feature-1",
        },
        {
            "id": 9,
            "token": "token-of-a-homeless-job",
            "user": "owner",
            "project": "top/deleted",
            "pipeline_id": 10,
        },
        {
            "id": 11,
            "token": "token-of-a-personal-job",
            "user": "owner",
            "project": "owner/personal",
            "pipeline_id": 12,
        },
    ],
}
