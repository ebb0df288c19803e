"""The world of the tests of identity providers, and one to call with."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from api import Api
from webtest import TestResponse

SCIM_JSON = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
NO_ROUTE = {"error": "404 Not Found"}
GROUP, GROUP_ID, TOKEN = "corp", 50, "scim-token-of-corp"
INSTANCE_TOKEN = "scim-token-of-the-instance"
OWNER_UID, MEMBER_UID = "uid-owner", "UID/of.member@corp.example"

# `corp` has one owner, `member` is in the groups and projects below it too.
WORLD: dict[str, Any] = {
    "settings": {"scim_token": INSTANCE_TOKEN},
    "users": [
        {
            "id": 1,
            "username": "admin",
            "admin": True,
            "personal_access_tokens": [
                {"name": "api", "token": "token-of-an-admin", "scopes": ["api"]}
            ],
        },
        {"id": 2, "username": "owner", "name": "Ona Owner"},
        {"id": 3, "username": "Member", "name": "Mem", "emails": ["mem@home.example"]},
        {"id": 4, "username": "outsider"},
    ],
    "groups": [
        {
            "id": GROUP_ID,
            "full_path": GROUP,
            "name": "The Corp",
            "members": {"owner": "owner", "member": "developer"},
            "saml": {"default_role": "reporter", "verified_domains": ["corp.example"]},
            "scim_token": TOKEN,
        },
        {"full_path": "corp/sub", "members": {"member": "maintainer"}},
        {
            "full_path": "deep/er.group",
            "saml": {"allowed_domains": ["corp.example"]},
            "scim_token": "scim-token-of-deep",
        },
        {"full_path": "off", "saml": {"enabled": False}, "scim_token": "off-token"},
        {"full_path": "plain", "members": {"member": "guest"}},
        {"full_path": "12345", "saml": {}},
    ],
    "projects": [
        {"id": 7, "full_path": "corp/secret"},
        {"id": 8, "full_path": "corp/sub/app", "members": {"member": "developer"}},
        {"id": 9, "full_path": "plain/app", "members": {"member": "developer"}},
    ],
    "scim_identities": [
        {"group": GROUP, "user": "owner", "extern_uid": OWNER_UID},
        {"group": GROUP, "user": "member", "extern_uid": MEMBER_UID},
        {"group": "off", "user": "outsider", "extern_uid": "uid-off"},
    ],
}


class Client:
    """An identity provider, which names a group or the instance, and has a token."""

    def __init__(
        self, api: Api, group: str | None = GROUP, token: str | None = TOKEN
    ) -> None:
        self.api = api
        place = "application" if group is None else f"groups/{quote(group, safe='')}"
        self.root = f"/api/scim/v2/{place}"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(
        self, method: str, path: str, body: object = None, media_type: str = SCIM_JSON
    ) -> TestResponse:
        """Send a request; what a route of SCIM answers is SCIM, or nothing at all."""
        answer = self.api.app.request(
            self.root + path,
            method=method,
            headers=self.headers | {"Content-Type": media_type},
            body=b"" if body is None else json.dumps(body).encode(),
            expect_errors=True,
        )
        if answer.status_int == 204:
            assert "Content-Type" not in answer.headers
            assert answer.body == b""
        elif answer.json != NO_ROUTE:
            assert answer.content_type == SCIM_JSON
        return answer

    def list(self, **params: object) -> Any:
        """List users; it must succeed."""
        words = "&".join(f"{key}={quote(str(each))}" for key, each in params.items())
        answer = self.call("GET", f"/Users?{words}")
        assert answer.status_int == 200
        return answer.json

    def find(self, expression: str) -> list[str]:
        """The ids of those that a filter finds."""
        return [user["id"] for user in self.list(filter=expression)["Resources"]]

    def get(self, uid: str) -> TestResponse:
        """Get a user."""
        return self.call("GET", user_path(uid))

    def create(self, **attributes: object) -> TestResponse:
        """Create a user; None leaves an attribute out."""
        return self.call("POST", "/Users", new_user(**attributes))

    def patch(self, uid: str, *operations: object) -> TestResponse:
        """Update a user."""
        return self.call("PATCH", user_path(uid), {"Operations": operations})

    def delete(self, uid: str) -> TestResponse:
        """Remove a user."""
        return self.call("DELETE", user_path(uid))


def user_path(uid: str) -> str:
    """The path of a user below that of the group."""
    return f"/Users/{quote(uid, safe='')}"


def new_user(**attributes: object) -> dict[str, object]:
    """A user to be created; None leaves an attribute out."""
    user: dict[str, object] = {
        "schemas": [USER_SCHEMA],
        "externalId": "uid-new",
        "userName": "jo",
        "emails": [{"type": "work", "value": "jo@corp.example"}],
        "name": {"formatted": "Jo Doe"},
    }
    user |= attributes
    return {name: value for name, value in user.items() if value is not None}


def error(status: int, detail: str) -> dict[str, object]:
    """GitLab's SCIM error."""
    return {"schemas": [ERROR_SCHEMA], "detail": detail, "status": status}


def may_pull(api: Api, username: str, project: str = "corp/secret") -> bool:
    """Whether GitLab Shell is told that a user may fetch from a project."""
    params = {"project": project, "action": "git-upload-pack", "username": username}
    return bool(api.post_json("allowed", params | {"protocol": "ssh"}).json["status"])


def memberships(api: Api, username: str) -> set[tuple[str, int]]:
    """Paths of groups and projects that a user is a member of, with the role."""
    return {
        (path, level)
        for path, level in api.rows(
            """SELECT r.path, m.access_level FROM members m
            JOIN routes r USING (source_type, source_id)
            JOIN users u ON u.id = m.user_id WHERE u.username = ?""",
            username,
        )
    }
