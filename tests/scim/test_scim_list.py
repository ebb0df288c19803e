"""Listing and getting users: filters, pages and the form of a user."""

from __future__ import annotations

import pytest
from api import Api, MakeApi
from scim_world import (
    GROUP,
    LIST_SCHEMA,
    MEMBER_UID,
    OWNER_UID,
    USER_SCHEMA,
    WORLD,
    Client,
    error,
)

MEMBER = {
    "schemas": [USER_SCHEMA],
    "id": MEMBER_UID,
    "active": True,
    "name.formatted": "Mem",
    "name": {"formatted": "Mem", "givenName": "Mem", "familyName": ""},
    "userName": "Member",
    "meta": {"resourceType": "User"},
    "emails": [{"type": "work", "value": "Member@example.com", "primary": True}],
}


def test_list_200(client: Client) -> None:
    """Without a filter all users of the group are listed, by age."""
    found = client.list()
    users = found.pop("Resources")
    assert found == {
        "schemas": [LIST_SCHEMA],
        "totalResults": 2,
        "itemsPerPage": 20,
        "startIndex": 1,
    }
    assert [user["id"] for user in users] == [OWNER_UID, MEMBER_UID]
    assert users[1] == MEMBER


def test_names(client: Client) -> None:
    """The name is there flat and nested, in two parts."""
    user = client.get(OWNER_UID).json
    assert user["name.formatted"] == "Ona Owner"
    expected = {"formatted": "Ona Owner", "givenName": "Ona", "familyName": "Owner"}
    assert user["name"] == expected
    client.create(name={"formatted": "Ana  Maria de Souza"})
    name = client.get("uid-new").json["name"]
    assert (name["givenName"], name["familyName"]) == ("Ana", "Maria de Souza")


@pytest.mark.parametrize("uid", [MEMBER_UID, MEMBER_UID.upper(), MEMBER_UID.lower()])
def test_get_200(client: Client, uid: str) -> None:
    """An id is found in any case, with dots, an @ and an encoded slash."""
    answer = client.get(uid)
    assert (answer.status_int, answer.json) == (200, MEMBER)


@pytest.mark.parametrize("uid", ["nobody", "member", "3", "uid-off", "a/b.c@d", "ü 1"])
def test_get_404(client: Client, uid: str) -> None:
    """Who is not the group's is not found: not by name, id or another group's uid."""
    answer = client.get(uid)
    assert answer.status_int == 404
    assert answer.json == error(404, f"Resource {uid} not found")


def test_inactive_is_shown(client: Client) -> None:
    """Who was shut out is still listed, found and got."""
    client.delete(MEMBER_UID)
    inactive = MEMBER | {"active": False}
    assert client.get(MEMBER_UID).json == inactive
    assert client.list()["Resources"][1] == inactive
    assert client.list(filter=f'id eq "{MEMBER_UID}"')["Resources"] == [inactive]


# ------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", [OWNER_UID, MEMBER_UID]),
        (" ", [OWNER_UID, MEMBER_UID]),
        (f'id eq "{OWNER_UID}"', [OWNER_UID]),
        (f"id eq {OWNER_UID}", [OWNER_UID]),
        (f"  id  eq\t{OWNER_UID} ", [OWNER_UID]),
        (f'id eq "{OWNER_UID.upper()}"', [OWNER_UID]),
        (f'externalId eq "{MEMBER_UID.lower()}"', [MEMBER_UID]),
        (f'id eq "{OWNER_UID}" and userName eq "x"', [OWNER_UID]),
        (f'id eq "{OWNER_UID} x"', [OWNER_UID]),
        ('id eq "member"', []),
        ('id eq "uid-off"', []),
        ("id eq true", []),
        (f'userName eq "{OWNER_UID}"', [OWNER_UID]),
        ('userName eq "member"', [MEMBER_UID]),
        ('userName eq "MEMBER"', [MEMBER_UID]),
        ('userName eq "mem@home.example"', [MEMBER_UID]),
        ('userName eq "Mem@Home.Example"', [MEMBER_UID]),
        ('userName eq "member@example.com"', [MEMBER_UID]),
        ('userName eq "member@elsewhere.example"', [MEMBER_UID]),
        # The address of somebody else wins over the name before the @.
        ('userName eq "outsider@example.com"', []),
        ('userName eq "outsider"', []),
        ('userName eq "6a3e29e8-7d15-4d4c-a9a4-2d5b6a5f3e0f"', []),
        ('userName eq "Mem"', []),
        ('userName eq "@"', []),
    ],
)
def test_filter(client: Client, expression: str, found: list[str]) -> None:
    """Three words count: an attribute, `eq` and a value; a miss is an empty list."""
    assert client.find(expression) == found


@pytest.mark.parametrize(
    "expression",
    [
        f'id ne "{OWNER_UID}"',
        'userName co "own"',
        'userName Eq "owner"',
        'userName EQ "owner"',
        'username eq "owner"',
        'displayName eq "Mem"',
        'emails[type eq "work"].value eq "owner@example.com"',
        'emails.value eq "owner@example.com"',
        "active eq true",
        "userName pr",
        "userName",
        "userName eq",
        'userName eq ""',
        '"id" eq "x"',
        '(id eq "x")',
        "x",
    ],
)
def test_unsupported_filter_412(client: Client, expression: str) -> None:
    """All other filters are refused, attributes and operators in other cases too."""
    answer = client.call("GET", f"/Users?filter={expression.replace(' ', '%20')}")
    assert answer.status_int == 412
    assert answer.json == error(412, "Unsupported Filter")


@pytest.mark.parametrize("query", ["filter[]=id", "filter[a]=b"])
def test_filter_of_another_type_412(client: Client, query: str) -> None:
    """A filter that is no text is refused."""
    answer = client.call("GET", f"/Users?{query}")
    assert answer.json == error(412, "Unsupported Filter")


def test_filter_reads_one_user(api: Api) -> None:
    """A uid of that text comes before the user of that name."""
    client = Client(api)
    client.create(externalId="member")
    assert client.find('userName eq "member"') == ["member"]
    assert client.find('userName eq "jo"') == ["member"]


def test_disabled_provider(api: Api) -> None:
    """A provider that is switched off lists nobody, and finds nobody but by id."""
    client = Client(api, "off", "off-token")
    filters = ('id eq "uid-off"', "userName eq x", "x")
    for params in ({}, *({"filter": text} for text in filters)):
        found = client.list(**params)
        assert (found["totalResults"], found["Resources"]) == (0, [])
    assert client.get("uid-off").json["userName"] == "outsider"


# ------------------------------------------------------------------ pages


@pytest.fixture
def crowd(make_api: MakeApi) -> Client:
    """The provider of a group of 120."""
    names = [f"user{number}" for number in range(118)]
    identities = [
        {"group": GROUP, "user": name, "extern_uid": name.upper()} for name in names
    ]
    world = WORLD | {
        "users": WORLD["users"] + [{"username": name} for name in names],
        "scim_identities": WORLD["scim_identities"] + identities,
    }
    return Client(make_api(world))


HUGE = "9" * 5000
LARGEST = 2**63 - 1
# `startIndex` and `count`, then the first that is answered and the size of a page.
PAGES: list[tuple[object, object, int, int]] = [
    *((None, None, 1, 20), (1, 1, 1, 1), (1, 2, 1, 2), (2, 2, 2, 2), (120, 5, 120, 5)),
    *((121, 5, 121, 5), (5000, 5, 5000, 5), (LARGEST, 5, LARGEST, 5)),
    *((0, 5, 1, 5), (-3, 5, 1, 5), ("x", 5, 1, 5), ("3x", 5, 3, 5), ("", "", 1, 20)),
    *((1, 100, 1, 100), (1, 101, 1, 100), (1, 0, 1, 20), (1, -1, 1, 20)),
    *((1, "x", 1, 20), (2**64, 2**64, LARGEST, 100), (HUGE, HUGE, LARGEST, 100)),
    *((-(2**64), -(2**64), 1, 20), (f"-{HUGE}", f"-{HUGE}", 1, 20)),
]


def test_pages(crowd: Client) -> None:
    """Pages begin where they are told to, and are as long, but at most 100."""
    ids = [user["id"] for user in crowd.list(count=100)["Resources"]]
    ids += [user["id"] for user in crowd.list(count=100, startIndex=101)["Resources"]]
    assert len(ids) == len(set(ids)) == 120
    for start_index, count, first, per_page in PAGES:
        params = {"startIndex": start_index, "count": count}
        given = {name: value for name, value in params.items() if value is not None}
        found = crowd.list(**given)
        assert found["startIndex"] == first
        assert found["itemsPerPage"] == per_page
        assert found["totalResults"] == 120
        expected = ids[first - 1 : first - 1 + per_page]
        assert [user["id"] for user in found["Resources"]] == expected


def test_page_of_a_filter(client: Client) -> None:
    """A filter is paged, too."""
    found = client.list(filter=f"id eq {OWNER_UID}", startIndex=2)
    assert (found["totalResults"], found["startIndex"]) == (1, 2)
    assert found["Resources"] == []
