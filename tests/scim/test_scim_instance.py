"""The provider of the whole instance: it blocks and unblocks users."""

from __future__ import annotations

import pytest
from api import Api
from scim_world import INSTANCE_TOKEN, OWNER_UID, Client, error, may_pull, memberships

FALSE = {"op": "replace", "path": "active", "value": False}
TRUE = {"op": "replace", "path": "active", "value": True}
MEMBER = {"externalId": "m", "emails": [{"primary": True, "value": "mem@home.example"}]}


@pytest.fixture
def instance(api: Api) -> Client:
    """The provider of the instance."""
    return Client(api, None, INSTANCE_TOKEN)


def state(api: Api, username: str) -> str:
    """The state of a user."""
    ((found,),) = api.rows("SELECT state FROM users WHERE username = ?", username)
    return str(found)


def test_new_user_201(api: Api, instance: Client) -> None:
    """A new user is of no group, and has to confirm the address."""
    answer = instance.create()
    assert (answer.status_int, answer.json["userName"]) == (201, "jo")
    assert memberships(api, "jo") == set()
    assert api.rows(
        "SELECT confirmed, provisioned_by_group_id FROM users WHERE username = 'jo'"
    ) == [(0, None)]
    assert instance.create().json == answer.json
    assert instance.list()["Resources"] == [answer.json]
    assert instance.find('userName eq "JO"') == ["uid-new"]
    assert instance.find('userName eq "owner"') == []


def test_identities_are_its_own(api: Api, instance: Client) -> None:
    """The ids of groups are not those of the instance, and both may be the same."""
    assert instance.get(OWNER_UID).json == error(404, f"Resource {OWNER_UID} not found")
    created = instance.create(**MEMBER | {"externalId": OWNER_UID})
    assert (created.status_int, created.json["userName"]) == (201, "Member")
    assert Client(api).get(OWNER_UID).json["userName"] == "owner"
    answer = instance.create(**MEMBER)
    assert (answer.status_int, answer.json["status"]) == (409, 409)
    assert answer.json["detail"].endswith("}}: User has already been taken")


@pytest.mark.parametrize("way", ["patch", "delete"])
def test_block_204(api: Api, instance: Client, way: str) -> None:
    """To deactivate and to remove block the user; identity and memberships stay."""
    instance.create(**MEMBER)
    before = memberships(api, "member")
    for _ in range(2):
        answer = instance.patch("m", FALSE) if way == "patch" else instance.delete("M")
        assert answer.status_int == 204
        assert state(api, "member") == "blocked"
        assert instance.get("m").json["active"] is False
        assert not may_pull(api, "member")
    assert memberships(api, "member") == before
    assert instance.create(**MEMBER).json["active"] is False
    assert state(api, "member") == "blocked"
    assert instance.patch("m", TRUE).status_int == 204
    assert state(api, "member") == "active"
    assert instance.get("m").json["active"] is True
    assert may_pull(api, "member")


@pytest.mark.parametrize(
    ("before", "blocked", "after"),
    [
        ("active", "blocked", "active"),
        ("deactivated", "blocked", "active"),
        ("ldap_blocked", "blocked", "active"),
        ("blocked_pending_approval", "blocked", "active"),
        ("banned", "banned", "banned"),
    ],
)
def test_states(
    api: Api, instance: Client, before: str, blocked: str, after: str
) -> None:
    """Only who is banned stays so."""
    instance.create(**MEMBER)
    with api.database.writing() as connection:
        connection.execute("UPDATE users SET state = ? WHERE id = 3", (before,))
    instance.delete("m")
    assert state(api, "member") == blocked
    instance.patch("m")
    assert state(api, "member") == after


@pytest.mark.parametrize(
    "before", ["ldap_blocked", "deactivated", "blocked_pending_approval", "blocked"]
)
def test_whoever_is_let_in_again_is_active(
    api: Api, instance: Client, before: str
) -> None:
    """Why a user was blocked meanwhile does not matter."""
    instance.create(**MEMBER)
    instance.delete("m")
    with api.database.writing() as connection:
        connection.execute("UPDATE users SET state = ? WHERE id = 3", (before,))
    instance.patch("m", TRUE)
    assert state(api, "member") == "active"


def test_new_id_204(instance: Client) -> None:
    """The provider may change what it calls a user."""
    instance.create(**MEMBER)
    instance.create()
    operation = {"op": "replace", "path": "externalId", "value": "n"}
    assert instance.patch("m", operation).status_int == 204
    assert instance.get("n").json["userName"] == "Member"
    answer = instance.patch("uid-new", operation | {"value": "N"})
    assert answer.json == error(
        412,
        'Error updating Jo Doe with {"Operations"=>[{"op"=>"replace", "path"=>'
        '"externalId", "value"=>"N"}], "id"=>"uid-new"}',
    )


def test_an_owner_may_be_blocked(api: Api, instance: Client) -> None:
    """No group is asked whether it has another owner."""
    emails = [{"type": "work", "value": "owner@example.com"}]
    instance.create(externalId="o", emails=emails)
    assert instance.delete("o").status_int == 204
    assert state(api, "owner") == "blocked"
