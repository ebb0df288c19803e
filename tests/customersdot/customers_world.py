"""The world of the tests of CustomersDot: an admin, people, and what they pay for."""

from __future__ import annotations

from typing import Any

from api import Api
from webtest import TestResponse

ROOT, OWNER, MAINTAINER, DEVELOPER, OUTSIDER, EXTERNAL, BLOCKED = range(1, 8)
IN_PROJECT = 8
TOP, SUB, DOTTED, OTHER, INTERNAL, PUBLIC, INVITED, ABOVE = range(20, 28)
PERSONAL = 30
UNKNOWN = 999
XID = "46952fe69bebc1a4de10b2b4ff439d0c"


def token_of(name: str, *scopes: str, **state: Any) -> dict[str, Any]:
    """A token that is called as it is."""
    return {"name": name, "token": name, "scopes": list(scopes or ["api"])} | state


def person(id_: int, username: str, **state: Any) -> dict[str, Any]:
    """A user with a token named after them, and a personal namespace."""
    return {
        "id": id_,
        "username": username,
        "namespace_id": PERSONAL + id_,
        "personal_access_tokens": [token_of(username)],
    } | state


WORLD: dict[str, Any] = {
    "users": [
        person(
            ROOT,
            "root",
            admin=True,
            personal_access_tokens=[
                token_of("root"),
                token_of("read", "read_api"),
                token_of("read-user", "read_user"),
                token_of("admin-mode", "api", "admin_mode"),
                token_of("old", expires_at="2022-08-01"),
                token_of("young", expires_at="2022-08-02"),
                token_of("lost", revoked=True),
                token_of("old-and-lost", expires_at="2022-08-01", revoked=True),
                token_of("lost-and-small", "read_user", revoked=True),
            ],
        ),
        person(OWNER, "owner", name="The Owner"),
        person(MAINTAINER, "maintainer"),
        person(DEVELOPER, "developer"),
        person(OUTSIDER, "outsider"),
        person(EXTERNAL, "external", external=True),
        person(BLOCKED, "blocked", admin=True, state="blocked"),
        person(IN_PROJECT, "in-project"),
    ],
    "groups": [
        {
            "id": TOP,
            "full_path": "top",
            "name": "Top",
            "members": {
                "owner": "owner",
                "maintainer": "maintainer",
                "developer": "developer",
            },
        },
        {"id": SUB, "full_path": "top/sub.group"},
        {"id": DOTTED, "full_path": "test.test-group.2"},
        {"id": OTHER, "full_path": "other", "name": "Other"},
        {"id": INTERNAL, "full_path": "internal", "visibility": "internal"},
        {"id": PUBLIC, "full_path": "public", "visibility": "public"},
    ],
    "projects": [
        {"id": 1, "full_path": "top/app", "members": {"in-project": "guest"}},
    ],
}


def ask(  # noqa: PLR0913 - what a request has
    api: Api,
    method: str,
    path: str,
    params: Any = None,
    *,
    token: str | None = "root",  # noqa: S107 - made up
    headers: dict[str, str] | None = None,
) -> TestResponse:
    """The answer to a request below `/api/v4`; parameters go as JSON."""
    sent = {} if token is None else {"PRIVATE-TOKEN": token}
    sent |= headers or {}
    if params is None:
        return api.app.request(
            f"/api/v4{path}", method=method, headers=sent, status="*"
        )
    call = getattr(api.app, f"{method.lower()}_json")
    answer: TestResponse = call(f"/api/v4{path}", params, headers=sent, status="*")
    return answer


def answer_of(response: TestResponse) -> tuple[int, Any]:
    """Status and body."""
    return response.status_int, response.json if response.body else None
