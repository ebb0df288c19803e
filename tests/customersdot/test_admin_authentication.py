"""Who may call the routes of CustomersDot, and what the others are told."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from customers_world import TOP, WORLD, answer_of, ask

SUBSCRIPTION = f"/namespaces/{TOP}/gitlab_subscription"
RECONCILIATIONS = "/internal/upcoming_reconciliations"
NOBODY = {"message": "401 Unauthorized"}
FORBIDDEN = {"message": "403 Forbidden"}
EXPIRED = {
    "error": "invalid_token",
    "error_description": "Token is expired. You can either do re-authorization or "
    "token refresh.",
}
REVOKED = {
    "error": "invalid_token",
    "error_description": "Token was revoked. You have to re-authorize from the user.",
}


def too_small(scopes: str) -> dict[str, str]:
    """What a token is told whose scopes are too few."""
    return {
        "error": "insufficient_scope",
        "error_description": "The request requires higher privileges than provided by "
        "the access token.",
        "scope": scopes,
    }


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"PRIVATE-TOKEN": "root"}),
        ("", {"TOKEN": "root"}),
        ("", {"Authorization": "Bearer root"}),
        ("", {"Authorization": "bearer root"}),
        ("?private_token=root", {}),
        ("?access_token=root", {}),
        ("?bearer_token=root", {}),
        ("", {"PRIVATE-TOKEN": "admin-mode"}),
        ("", {"PRIVATE-TOKEN": "young"}),
        # The first that is there counts, in this order; an empty one is not there.
        ("?private_token=root", {"PRIVATE-TOKEN": "wrong"}),
        ("?access_token=wrong", {"PRIVATE-TOKEN": "root"}),
        ("?access_token=root", {"Authorization": "Bearer wrong"}),
        ("?bearer_token=wrong", {"Authorization": "Bearer root"}),
        ("?bearer_token=root", {"TOKEN": "wrong"}),
        ("?private_token=", {"PRIVATE-TOKEN": "", "TOKEN": "root"}),
    ],
)
def test_every_way_is_accepted(api: Api, query: str, headers: dict[str, str]) -> None:
    """A good token is taken wherever it is sent."""
    path = f"{SUBSCRIPTION}{query}"
    assert ask(api, "GET", path, token=None, headers=headers).status_int == 200


@pytest.mark.parametrize("name", ["private_token", "access_token", "bearer_token"])
def test_a_token_in_the_body(api: Api, name: str) -> None:
    """A token may be a parameter of the body, too."""
    params = {name: "root", "start_date": "2022-01-01"}
    assert ask(api, "POST", SUBSCRIPTION, params, token=None).status_int == 201


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 401, NOBODY),
        ({"PRIVATE-TOKEN": ""}, 401, NOBODY),
        ({"PRIVATE-TOKEN": "unknown"}, 401, NOBODY),
        ({"Authorization": "Token root"}, 401, NOBODY),
        ({"Authorization": "root"}, 401, NOBODY),
        ({"PRIVATE-TOKEN": "wrong", "TOKEN": "root"}, 401, NOBODY),
        ({"PRIVATE-TOKEN": "old"}, 401, EXPIRED),
        ({"PRIVATE-TOKEN": "old-and-lost"}, 401, EXPIRED),
        ({"PRIVATE-TOKEN": "lost"}, 401, REVOKED),
        ({"PRIVATE-TOKEN": "lost-and-small"}, 401, REVOKED),
        ({"PRIVATE-TOKEN": "read-user"}, 403, too_small("api")),
        ({"PRIVATE-TOKEN": "read"}, 403, too_small("api")),
        ({"PRIVATE-TOKEN": "owner"}, 403, FORBIDDEN),
        (
            {"PRIVATE-TOKEN": "blocked"},
            403,
            {"message": "403 Forbidden - Your account has been blocked."},
        ),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("POST", SUBSCRIPTION, {"start_date": "2022-01-01"}),
        ("PUT", SUBSCRIPTION, {}),
        ("POST", f"/namespaces/{TOP}/minutes", {}),
        ("PATCH", f"/namespaces/{TOP}/minutes/move/{TOP}", {}),
        ("PUT", RECONCILIATIONS, {}),
        ("DELETE", RECONCILIATIONS, {}),
        ("POST", f"/namespaces/{TOP}/subscription_add_on_purchase/nothing", {}),
        ("PUT", f"/namespaces/{TOP}/subscription_add_on_purchase/nothing", {}),
        ("POST", f"/namespaces/{TOP}/storage/limit_exclusion", {"reason": "x"}),
        ("DELETE", f"/namespaces/{TOP}/storage/limit_exclusion", {}),
    ],
)
def test_refused_writes(  # noqa: PLR0913 - what a case has
    api: Api,
    *,
    method: str,
    path: str,
    params: dict[str, Any],
    headers: dict[str, str],
    status: int,
    body: object,
) -> None:
    """Whoever may not write is told why, and mostly before what was sent is read."""
    answer = ask(api, method, path, params, token=None, headers=headers)
    assert answer_of(answer) == (status, body)


@pytest.mark.parametrize(
    "path",
    [
        SUBSCRIPTION,
        f"/namespaces/{TOP}/subscription_add_on_purchase/code_suggestions",
        "/namespaces/storage/limit_exclusions",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_reading_token_reads(api: Api, path: str, method: str) -> None:
    """For reading the scope `read_api` is enough, and `read_user` is not."""
    assert ask(api, method, path, token="read").status_int in {200, 404}
    answer = ask(api, "GET", path, token="read-user")
    assert answer_of(answer) == (403, too_small("api read_api"))


@pytest.mark.parametrize(
    "path",
    [
        f"/namespaces/{TOP}/subscription_add_on_purchase/code_suggestions",
        "/namespaces/storage/limit_exclusions",
    ],
)
def test_reading_what_is_for_admins(api: Api, path: str) -> None:
    """Add-ons and exclusions are shown to admins only."""
    assert answer_of(ask(api, "GET", path, token="owner")) == (403, FORBIDDEN)
    assert answer_of(ask(api, "GET", path, token=None)) == (401, NOBODY)


def test_use_is_noted_once_a_day(api: Api) -> None:
    """The use of a token is written down, by its digest, at most once a day."""
    select = "SELECT last_used_at FROM personal_access_tokens WHERE name = 'root'"
    used = []
    for hours in (0, 23, 1):
        api.clock.advance(hours=hours)
        ask(api, "GET", SUBSCRIPTION)
        used += api.rows(select)
    first, later = "2022-08-01T12:00:00.000Z", "2022-08-02T12:00:00.000Z"
    assert used == [(first,), (first,), (later,)]


def test_a_token_is_found_by_its_digest(make_api: MakeApi) -> None:
    """A token of which only the digest is known works; the digest itself does not."""
    digest = "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"
    user = {
        "username": "root",
        "admin": True,
        "personal_access_tokens": [
            {"name": "x", "token_digest": digest, "scopes": ["api"]}
        ],
    }
    api = make_api({"users": [user], "groups": [{"full_path": "top"}]})
    for token, status in (("root", 200), (digest, 401)):
        answer = ask(api, "GET", "/namespaces/top/gitlab_subscription", token=token)
        assert answer.status_int == status


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("PUT", {"upcoming_reconciliations": []}),
        ("DELETE", {"namespace_id": TOP}),
        ("PUT", {}),
    ],
)
@pytest.mark.parametrize("token", [None, "unknown", "owner", "root"])
def test_reconciliations_are_for_gitlab_com(
    make_api: MakeApi, method: str, params: dict[str, Any], token: str | None
) -> None:
    """Elsewhere than on GitLab.com everybody is refused, before anything is asked."""
    api = make_api(WORLD | {"settings": {"gitlab_com": False}})
    answer = ask(api, method, RECONCILIATIONS, params, token=token)
    text = "403 Forbidden - This API is gitlab.com only!"
    assert answer_of(answer) == (403, {"message": text})
