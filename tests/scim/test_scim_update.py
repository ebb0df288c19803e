"""Updating and removing users: who may come in, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest
from api import Api, MakeApi
from scim_world import (
    MEMBER_UID,
    OWNER_UID,
    WORLD,
    Client,
    error,
    may_pull,
    memberships,
    user_path,
)

ELSEWHERE = {("plain", 10), ("plain/app", 30)}
INSIDE = {("corp", 30), ("corp/sub", 40), ("corp/sub/app", 30)}
AS_NEW = {("corp", 20)}

FALSE: list[dict[str, Any]] = [
    {"op": "Replace", "path": "active", "value": "False"},
    {"op": "replace", "path": "active", "value": False},
    {"op": "replace", "value": {"active": False}},
    {"op": "Add", "path": "active", "value": "false"},
    {"op": "ADD", "value": {"active": "FALSE"}},
    {"op": "replace", "path": "active", "value": '"false"'},
    {"op": "replace", "value": {"active": False, "id": "other"}},
]
# Later operations win, and `active` wins over the others.
FALSE_LISTS = [
    *([operation] for operation in FALSE),
    [{"op": "replace", "path": "active", "value": True}, FALSE[0]],
    [FALSE[0], {"op": "replace", "path": "id", "value": "other"}],
    [FALSE[0], {"op": "replace", "path": "active2", "value": True}],
]


@pytest.mark.parametrize("operations", FALSE_LISTS)
def test_deactivate_204(api: Api, client: Client, operations: list[Any]) -> None:
    """Every spelling of false shuts a user out of the group and all below it."""
    assert memberships(api, "member") == INSIDE | ELSEWHERE
    assert may_pull(api, "member")
    assert client.patch(MEMBER_UID, *operations).status_int == 204
    assert client.get(MEMBER_UID).json["active"] is False
    assert client.get("other").status_int == 404
    assert memberships(api, "member") == ELSEWHERE
    assert not may_pull(api, "member")
    assert api.rows("SELECT state FROM users WHERE username = 'member'") == [
        ("active",)
    ]


# Whatever is sent to an inactive user, but for another false.
TRUE: list[list[Any]] = [
    [{"op": "replace", "path": "active", "value": True}],
    [{"op": "Replace", "path": "active", "value": "True"}],
    [{"op": "replace", "value": {"active": "true"}}],
    [FALSE[0], {"op": "replace", "path": "active", "value": True}],
    [{"op": "replace", "path": "id", "value": "other"}],
    [{"op": "replace", "path": "name.formatted", "value": "x"}],
    [{"op": "replace", "path": "active", "value": None}],
    [{"op": "replace", "path": "active", "value": 0}],
    [{"op": "replace", "path": "active", "value": "no"}],
    [{"op": "remove", "path": "active"}],
    [],
]


@pytest.mark.parametrize("operations", TRUE)
def test_reactivate_204(api: Api, client: Client, operations: list[Any]) -> None:
    """Any other update of an inactive user lets the user in again, and no more."""
    client.patch(MEMBER_UID, FALSE[0])
    assert client.patch(MEMBER_UID, *operations).status_int == 204
    assert client.get(MEMBER_UID).json["active"] is True
    assert client.get(MEMBER_UID).json["name.formatted"] == "Mem"
    assert memberships(api, "member") == AS_NEW | ELSEWHERE
    assert may_pull(api, "member")


def test_reactivate_member_204(make_api: MakeApi) -> None:
    """Who is a member for another reason keeps the role."""
    identity = {"group": "corp", "user": "member", "extern_uid": "m", "active": False}
    api = make_api(WORLD | {"scim_identities": [identity]})
    assert Client(api).patch("m").status_int == 204
    assert Client(api).get("m").json["active"] is True
    assert memberships(api, "member") == INSIDE | ELSEWHERE


# What changes nothing of an active user.
NOTHING: list[list[Any]] = [
    [],
    [{"op": "replace", "path": "active", "value": True}],
    [{"op": "Add", "path": "name.formatted", "value": "New Name"}],
    [{"op": "replace", "path": "displayName", "value": "New Name"}],
    [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "a@b.c"}],
    [{"op": "replace", "path": "userName", "value": "renamed"}],
    [{"op": "replace", "value": {"userName": "renamed", "active": False}}],
    [{"op": "replace", "value": {}}],
    [{"op": "replace", "path": "Active", "value": False}],
    [{"op": "replace", "path": "", "value": {"active": False}}],
    [{"op": "replace", "path": ["active"], "value": False}],
    [{"op": "replace", "path": "active", "value": [False]}],
    [{"op": "Remove", "path": "active", "value": False}],
    [{"op": "remove"}],
    [{"op": "move", "path": "active", "value": False}],
    [{"op": "replace", "path": "id", "value": None}],
    [{"op": "replace", "path": "id", "value": False}],
    [FALSE[0], {"op": "replace", "path": "active", "value": None}],
]


@pytest.mark.parametrize("operations", NOTHING)
def test_nothing_204(api: Api, client: Client, operations: list[Any]) -> None:
    """Names, addresses and whatever is not known are accepted and not stored."""
    tables = ("users", "members", "scim_identities", "namespaces", "emails")
    before = [api.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    assert client.patch(MEMBER_UID, *operations).status_int == 204
    assert [api.rows(f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608


@pytest.mark.parametrize("body", [None, {}, {"operations": FALSE}, [FALSE[0]], "x"])
def test_no_operations_204(client: Client, body: object) -> None:
    """Without `Operations` nothing is changed."""
    answer = client.call("PATCH", user_path(MEMBER_UID), body)
    assert answer.status_int == 204
    assert client.get(MEMBER_UID).json["active"] is True


# ------------------------------------------------------------------ ids


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "Replace", "path": "id", "value": "new_uid"}],
        [{"op": "add", "path": "externalId", "value": "new_uid"}],
        [{"op": "replace", "value": {"externalId": '"new_uid"'}}],
        [
            {"op": "replace", "path": "id", "value": "first"},
            {"op": "replace", "path": "externalId", "value": "new_uid"},
            {"op": "replace", "path": "name.formatted", "value": "x"},
        ],
    ],
)
def test_new_id_204(client: Client, operations: list[Any]) -> None:
    """Another id takes the place of the former, which is then unknown."""
    assert client.patch(MEMBER_UID, *operations).status_int == 204
    assert client.get("new_uid").json["userName"] == "Member"
    assert client.get(MEMBER_UID).status_int == 404


def test_same_id_204(client: Client) -> None:
    """An id may be given again, in another case."""
    operation = {"op": "replace", "path": "id", "value": OWNER_UID.upper()}
    assert client.patch(OWNER_UID, operation).status_int == 204
    assert client.get(OWNER_UID).json["id"] == OWNER_UID.upper()


def test_ids_of_other_groups_are_free(client: Client) -> None:
    """An id is unique in a group only."""
    operation = {"op": "replace", "path": "id", "value": "uid-off"}
    assert client.patch(OWNER_UID, operation).status_int == 204


@pytest.mark.parametrize(
    "value", [MEMBER_UID, MEMBER_UID.upper(), "", " ", '""', [], {}, {"a": "b"}]
)
def test_id_refused_412(client: Client, value: object) -> None:
    """An id that is blank, no text, or another user's changes nothing."""
    operation = {"op": "replace", "path": "id", "value": value}
    answer = client.patch(OWNER_UID, operation)
    assert answer.status_int == 412
    detail = answer.json["detail"]
    assert detail.startswith('Error updating Ona Owner with {"Operations"=>[{"op"=>')
    assert detail.endswith('}], "group"=>"corp", "id"=>"uid-owner"}')
    assert client.get(OWNER_UID).json["id"] == OWNER_UID


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "operations",
    [
        [{"path": "active", "value": False}],
        [{"op": None, "path": "active", "value": False}],
        [{"op": 1, "path": "active", "value": False}],
        [{"op": "replace", "value": False}],
        [{"op": "replace", "value": [{"active": False}]}],
        [{"op": "replace"}],
        [FALSE[0], {"op": "replace"}],
        [FALSE[0], "x"],
        "x",
        1,
        True,
    ],
)
def test_bad_operations_412(client: Client, operations: object) -> None:
    """One operation that cannot be read spoils them all."""
    body = {"Operations": operations}
    answer = client.call("PATCH", user_path(MEMBER_UID), body)
    assert answer.status_int == 412
    assert answer.json["detail"].startswith('Error updating Mem with {"Operations"=>')
    assert client.get(MEMBER_UID).json["active"] is True


def test_last_owner_412(api: Api, client: Client) -> None:
    """The only owner cannot be shut out, neither way, and stays active."""
    before = memberships(api, "owner")
    answer = client.patch(OWNER_UID, FALSE[1])
    assert answer.json == error(
        412,
        'Error updating Ona Owner with {"Operations"=>[{"op"=>"replace", "path"=>'
        '"active", "value"=>false}], "group"=>"corp", "id"=>"uid-owner"}',
    )
    assert answer.status_int == 412
    answer = client.delete(OWNER_UID)
    detail = "Could not remove Ona Owner from The Corp. Cannot remove last group owner."
    assert (answer.status_int, answer.json) == (412, error(412, detail))
    assert client.get(OWNER_UID).json["active"] is True
    assert memberships(api, "owner") == before


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"username": "other"}, 204),
        ({"username": "other", "state": "blocked"}, 412),
        ({"username": "other", "user_type": "project_bot"}, 412),
    ],
)
def test_other_owners(make_api: MakeApi, other: dict[str, str], status: int) -> None:
    """An owner may go while there is another one who is active, and no bot."""
    corp, *others = WORLD["groups"]
    corp = corp | {"members": corp["members"] | {"other": "owner"}}
    world = {"users": [*WORLD["users"], other], "groups": [corp, *others]}
    client = Client(make_api(WORLD | world))
    assert client.delete(OWNER_UID).status_int == status


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("uid", ["123", "uid-off", "member"])
def test_unknown_user_404(client: Client, method: str, uid: str) -> None:
    """An id that was never seen is not found."""
    answer = client.call(method, user_path(uid), {"Operations": "x"})
    assert answer.status_int == 404
    assert answer.json == error(404, f"Resource {uid} not found")


# ------------------------------------------------------------------ removal


def test_delete_204(api: Api, client: Client) -> None:
    """To remove a user is to deactivate; a second time, too."""
    for _ in range(2):
        assert client.delete(MEMBER_UID).status_int == 204
        assert client.get(MEMBER_UID).json["active"] is False
        assert memberships(api, "member") == ELSEWHERE
        assert not may_pull(api, "member")


def test_delete_who_is_no_member_204(make_api: MakeApi) -> None:
    """Who has left the group is shut out, but keeps what others gave below it."""
    identities = [{"group": "corp", "user": "outsider", "extern_uid": "o"}]
    corp, sub, *others = WORLD["groups"]
    groups = [corp, sub | {"members": {"outsider": "guest"}}, *others]
    world = {"scim_identities": identities, "groups": groups}
    api = make_api(WORLD | world)
    assert Client(api).delete("o").status_int == 204
    assert Client(api).get("o").json["active"] is False
    assert memberships(api, "outsider") == {("corp/sub", 10)}
