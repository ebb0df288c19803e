"""Who may call the routes of identity providers, and in which order that is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api import Api, MakeApi
from scim_world import (
    ERROR_SCHEMA,
    GROUP_ID,
    INSTANCE_TOKEN,
    MEMBER_UID,
    NO_ROUTE,
    SCIM_JSON,
    TOKEN,
    WORLD,
    Client,
    error,
    new_user,
    user_path,
)

UNAUTHORIZED = {"message": "401 Unauthorized"}
VERBS = [
    ("GET", "/Users"),
    ("POST", "/Users"),
    ("GET", "/Users/uid-owner"),
    ("PATCH", "/Users/uid-owner"),
    ("DELETE", "/Users/uid-owner"),
]
USERS = "/api/scim/v2/groups/corp/Users"


def answer(client: Client, method: str = "GET", path: str = "/Users") -> Any:
    """Status and body."""
    found = client.call(method, path)
    return found.status_int, found.json


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_saml_of_groups_off_403(make_api: MakeApi, method: str, path: str) -> None:
    """Where groups have no SAML nothing else matters, not even the group."""
    api = make_api(WORLD | {"settings": {"licensed_features": []}})
    refusal = 403, {"message": "403 Forbidden - Group SAML not enabled."}
    assert answer(Client(api), method, path) == refusal
    assert answer(Client(api, "nothing", None), method, path) == refusal


@pytest.mark.parametrize(("method", "path"), VERBS)
@pytest.mark.parametrize("group", ["nothing", "member", "99", "corp/secret", "cor"])
def test_unknown_group_404(api: Api, method: str, path: str, group: str) -> None:
    """A group that does not exist is not found, whatever the token."""
    expected = 404, error(404, f"Group {group} not found")
    assert answer(Client(api, group), method, path) == expected
    assert answer(Client(api, group, None), method, path) == expected


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_group_without_saml_404(api: Api, method: str, path: str) -> None:
    """A group without a SAML provider is told apart, whatever the token."""
    detail = "Group plain does not have SAML SSO configured"
    assert answer(Client(api, "plain", None), method, path) == (404, error(404, detail))


@pytest.mark.parametrize(("method", "path"), VERBS)
@pytest.mark.parametrize(
    "token",
    [
        *(None, "", "wrong", TOKEN.upper(), f"{TOKEN}x", "scim-token-of-deep"),
        *("token-of-an-admin", INSTANCE_TOKEN),
    ],
)
def test_wrong_token_401(api: Api, method: str, path: str, token: str | None) -> None:
    """Only the token of the group counts; the body is that of the whole API."""
    assert answer(Client(api, token=token), method, path) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, "", 200),
        ({"Authorization": f"bearer {TOKEN}"}, "", 200),
        ({}, f"access_token={TOKEN}", 200),
        ({}, f"bearer_token={TOKEN}", 200),
        ({"Authorization": f"Bearer {TOKEN}"}, "bearer_token=wrong", 200),
        ({"Authorization": f"Bearer {TOKEN}"}, "access_token=wrong", 401),
        ({"Authorization": "Bearer wrong"}, f"bearer_token={TOKEN}", 401),
        ({"Authorization": f"Token {TOKEN}"}, "", 401),
        ({"Authorization": f"Basic {TOKEN}"}, "", 401),
        ({"Authorization": TOKEN}, "", 401),
        ({"PRIVATE-TOKEN": TOKEN}, "", 401),
        ({}, f"private_token={TOKEN}", 401),
        ({}, f"access_token[]={TOKEN}", 401),
        ({"PRIVATE-TOKEN": "token-of-an-admin"}, "", 401),
    ],
)
def test_where_the_token_is(
    api: Api, headers: dict[str, str], query: str, status: int
) -> None:
    """The token is a bearer token, or one of two parameters, in Doorkeeper's order."""
    found = api.app.get(f"{USERS}?{query}", headers=headers, status="*")
    assert (found.status_int, found.content_type) == (status, SCIM_JSON)


def test_token_in_a_form(api: Api) -> None:
    """A token may be in the body."""
    params = {"access_token": TOKEN, "Operations": ""}
    assert api.app.patch(f"{USERS}/uid-owner", params).status_int == 204


@pytest.mark.parametrize("group", ["CORP", str(GROUP_ID), "Corp"])
def test_names_of_a_group(api: Api, group: str) -> None:
    """A group is named by its path, in any case, or by its number."""
    assert Client(api, group).list()["totalResults"] == 2


def test_encoded_path(api: Api) -> None:
    """A nested path is one part of the URL, with dots and an encoded slash."""
    client = Client(api, "deep/er.group", "scim-token-of-deep")
    assert client.root.endswith("/deep%2Fer.group")
    assert client.list()["totalResults"] == 0
    assert client.get("a/b").json == error(404, "Resource a/b not found")


def test_path_of_digits_404(api: Api) -> None:
    """Digits are a number, never a path."""
    assert answer(Client(api, "12345")) == (404, error(404, "Group 12345 not found"))


@pytest.mark.parametrize("token", [None, "wrong", TOKEN, "token-of-an-admin"])
def test_instance_wrong_token_401(api: Api, token: str | None) -> None:
    """The routes of the instance take the token of the instance only."""
    assert answer(Client(api, None, token)) == (401, UNAUTHORIZED)
    assert Client(api, None, INSTANCE_TOKEN).list()["totalResults"] == 0


def test_instance_without_a_token_401(make_api: MakeApi) -> None:
    """Without a token in the settings nobody gets in."""
    for token in ("", "null", "None"):
        assert answer(Client(make_api(), None, token)) == (401, UNAUTHORIZED)


# ------------------------------------------------------------------ form of errors


def test_rfc_errors(make_api: MakeApi) -> None:
    """`--scim-errors rfc`: statuses are texts, and a 401 is a SCIM error."""
    api = make_api(WORLD, scim_errors="rfc")
    detail = "401 Unauthorized"
    expected = {"schemas": [ERROR_SCHEMA], "detail": detail, "status": "401"}
    assert answer(Client(api, token=None)) == (401, expected)
    found = Client(api).get("x")
    expected = {"schemas": [ERROR_SCHEMA], "status": "404"}
    assert (found.status_int, found.json) == (
        404,
        expected | {"detail": "Resource x not found"},
    )
    found = Client(api).create(userName=None)
    assert (found.status_int, found.json["status"]) == (412, "412")
    assert Client(api).list()["totalResults"] == 2


# ------------------------------------------------------------------ media types


@pytest.mark.parametrize(
    "media_type",
    [
        "application/scim+json",
        "application/json",
        "application/json; charset=utf-8",
        "application/scim+json; charset=utf-8",
        "Application/SCIM+JSON;charset=UTF-8",
    ],
)
def test_media_types(client: Client, media_type: str) -> None:
    """Bodies are SCIM or plain JSON; the answer is SCIM."""
    assert client.call("POST", "/Users", new_user(), media_type).status_int == 201


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml"])
def test_other_media_types_415(client: Client, media_type: str) -> None:
    """Another type is refused."""
    found = client.call("POST", "/Users", new_user(), media_type)
    text = f"The provided content-type '{media_type}' is not supported."
    assert (found.status_int, found.json) == (415, {"error": text})


def test_patch_as_a_form_204(client: Client) -> None:
    """JSON that curl sends as a form has no operations, and changes nothing."""
    body = '{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}'
    answer = client.api.app.patch(
        f"{USERS}/uid-owner", body, headers=client.headers, status="*"
    )
    assert answer.status_int == 204
    assert client.get("uid-owner").json["active"] is True


def test_operations_in_a_form(client: Client) -> None:
    """Operations in a form count, nested as in Rack or as JSON."""
    path = f"{client.root}{user_path(MEMBER_UID)}"
    listed = [{"op": "replace", "path": "active", "value": False}]
    for operations in (
        "Operations[][op]=add&Operations[][path]=active&Operations[][value]=false",
        f"Operations={json.dumps(listed)}",
    ):
        body = f"{operations}&x=1"
        client.api.app.patch(path, body, headers=client.headers, status=204)
        assert client.api.app.get(path, headers=client.headers).json["active"] is False
        client.api.app.patch(path, "", headers=client.headers, status=204)
        assert client.api.app.get(path, headers=client.headers).json["active"] is True


# ------------------------------------------------------------------ other routes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/Users/uid-owner"),
        ("PUT", "/Users"),
        ("DELETE", "/Users"),
        ("POST", "/.search"),
        ("POST", "/Users/.search"),
        ("GET", "/Groups"),
        ("POST", "/Bulk"),
        ("GET", "/Me"),
        ("GET", ""),
        ("GET", "/users"),
        ("GET", "/x/y/z"),
        ("POST", "/Schemas"),
    ],
)
def test_unknown_route_404(api: Api, method: str, path: str) -> None:
    """What GitLab does not have is not found, with a token and without."""
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}):
        found = api.app.request(
            f"/api/scim/v2/groups/corp{path}",
            method=method,
            headers=headers,
            expect_errors=True,
        )
        assert (found.status_int, found.json) == (404, NO_ROUTE)


def test_trailing_slash(client: Client) -> None:
    """A slash at the end never matters."""
    assert client.call("POST", "/Users/", new_user()).status_int == 201
    assert client.call("GET", "/Users/uid-new/").json["id"] == "uid-new"


def test_options_204(api: Api) -> None:
    """OPTIONS names the verbs, without a token."""
    found = api.app.options(f"{USERS}/x", status=204)
    allowed = set(found.headers["Allow"].split(", "))
    assert allowed == {"OPTIONS", "GET", "HEAD", "PATCH", "DELETE"}
