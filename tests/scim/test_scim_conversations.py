"""Whole conversations of Okta and Microsoft Entra, as they have them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from api import Api
from scim_world import (
    INSTANCE_TOKEN,
    LIST_SCHEMA,
    SCIM_JSON,
    USER_SCHEMA,
    Client,
    may_pull,
)

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
RANDOM = UUID(int=7)
EMPTY = {
    "schemas": [LIST_SCHEMA],
    "totalResults": 0,
    "itemsPerPage": 20,
    "startIndex": 1,
    "Resources": [],
}
JO = "jo.doe@corp.example"
# Entra sends texts for booleans, unless its flag `aadOptscim062020` is set.
ENTRA_FALSE = [
    [{"op": "Replace", "path": "active", "value": "False"}],
    [{"op": "replace", "path": "active", "value": False}],
]
ENTRA_TRUE = [
    [{"op": "Replace", "path": "active", "value": "True"}],
    [{"op": "replace", "path": "active", "value": True}],
]


@pytest.fixture(params=["group", "instance"])
def provider(request: pytest.FixtureRequest, api: Api) -> Client:
    """The provider of the group, then that of the instance."""
    if request.param == "group":
        return Client(api)
    return Client(api, None, INSTANCE_TOKEN)


def entra_user(object_id: str) -> dict[str, Any]:
    """What Entra sends of a user it has not found."""
    return {
        "schemas": [USER_SCHEMA, ENTERPRISE],
        "externalId": object_id,
        "userName": JO,
        "active": True,
        "displayName": "Jo Doe",
        "emails": [{"primary": True, "type": "work", "value": JO}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Jo Doe", "familyName": "Doe", "givenName": "Jo"},
        "title": "Engineer",
        ENTERPRISE: {"employeeNumber": "7", "manager": None},
    }


@pytest.mark.parametrize(
    ("off", "on"), [*zip(ENTRA_FALSE, ENTRA_TRUE, strict=True)], ids=["texts", "flags"]
)
def test_entra(provider: Client, off: list[Any], on: list[Any]) -> None:
    """Entra tests the connection, creates, looks up, shuts out, lets in, renames."""
    uid, new_uid = "8c2e7c0e-2d3b-4d9b-9b1a-6a2f0b9f4c11", "new-object-id"

    def patch(which: str, operations: list[Any]) -> int:
        body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
        return int(provider.call("PATCH", f"/Users/{which}", body).status_int)

    assert provider.list(filter=f'userName eq "{RANDOM}"') == EMPTY
    assert provider.list(filter=f'externalId eq "{uid}"') == EMPTY
    created = provider.call("POST", "/Users", entra_user(uid))
    assert (created.status_int, created.json["id"]) == (201, uid)
    assert (created.json["userName"], created.json["active"]) == ("jo.doe", True)
    for expression in (
        f'userName eq "{JO}"',
        'userName eq "Jo.Doe"',
        f'externalId eq "{uid.upper()}"',
    ):
        found = provider.list(filter=expression, startIndex=1, count=1)
        assert found["Resources"] == [created.json]
        assert found["totalResults"] == 1
    assert provider.call("GET", f"/Users/{uid}").json == created.json

    rename = [{"op": "Replace", "path": "displayName", "value": "Jo Roe"}]
    assert patch(uid, rename) == 204
    assert provider.get(uid).json == created.json

    assert patch(uid, off) == 204
    (found,) = provider.list(filter=f'externalId eq "{uid}"')["Resources"]
    assert found == created.json | {"active": False}
    assert patch(uid, on) == 204
    assert provider.get(uid).json == created.json

    path = {"op": "Replace", "path": "externalId", "value": new_uid}
    assert patch(uid, [path]) == 204
    assert provider.get(uid).status_int == 404
    assert provider.get(new_uid).json == created.json | {"id": new_uid}

    assert provider.delete(new_uid).status_int == 204
    assert provider.get(new_uid).json["active"] is False
    assert provider.list(filter=f'userName eq "{RANDOM}"') == EMPTY


def okta_user(uid: str) -> dict[str, Any]:
    """What Okta sends of a user it has not found."""
    return {
        "schemas": [USER_SCHEMA],
        "userName": JO,
        "name": {"givenName": "Jo", "familyName": "Doe"},
        "emails": [{"primary": True, "value": JO, "type": "work"}],
        "displayName": "Jo Doe",
        "locale": "en-US",
        "externalId": uid,
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }


@pytest.mark.parametrize(
    "media_type",
    [SCIM_JSON, "application/json", "application/scim+json; charset=utf-8"],
)
def test_okta(provider: Client, media_type: str) -> None:
    """Okta tests the connection, creates, looks up, shuts out and lets in."""
    uid = "00ujl29u0le5T6Aj10h7"

    def call(method: str, path: str, body: object = None) -> Any:
        return provider.call(method, path, body, media_type)

    first = call("GET", "/Users?count=1&startIndex=1").json
    for name in ("totalResults", "itemsPerPage", "startIndex"):
        assert isinstance(first[name], int)
    path = f"/Users?filter=userName%20eq%20%22{JO}%22&startIndex=1&count=100"
    assert call("GET", path).json["totalResults"] == 0
    created = call("POST", "/Users", okta_user(uid))
    assert created.status_int == 201
    assert created.json["name.formatted"] == "Jo Doe"
    assert created.json["name"]["givenName"] == "Jo"
    assert created.json["name"]["familyName"] == "Doe"
    assert call("GET", path).json["Resources"] == [created.json]
    assert call("GET", path.replace(JO, JO.upper())).json["totalResults"] == 1
    assert call("GET", f"/Users/{uid}").json == created.json
    # A second assignment of the same user.
    again = call("POST", "/Users", okta_user(uid))
    assert (again.status_int, again.json) == (201, created.json)
    for active in (False, True, False):
        operations = [{"op": "replace", "value": {"active": active}}]
        body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
        assert call("PATCH", f"/Users/{uid}", body).status_int == 204
        assert call("GET", f"/Users/{uid}").json["active"] is active
    assert call("GET", "/Users/nobody").json["status"] == 404
    assert call("PUT", f"/Users/{uid}", okta_user(uid)).status_int == 404
    assert call("DELETE", f"/Users/{uid}").status_int == 204


def test_one_world(api: Api) -> None:
    """Whom a provider creates may pull; not when shut out; again when let in."""
    client = Client(api)
    assert not may_pull(api, "jo.doe")
    client.call("POST", "/Users", entra_user("uid"))
    assert may_pull(api, "jo.doe")
    for off, on in zip(ENTRA_FALSE, ENTRA_TRUE, strict=True):
        client.patch("uid", *off)
        assert not may_pull(api, "jo.doe")
        client.patch("uid", *on)
        assert may_pull(api, "jo.doe")
    client.delete("uid")
    assert not may_pull(api, "jo.doe")
    assert not may_pull(api, "jo.doe", "corp/sub/app")
