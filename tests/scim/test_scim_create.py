"""Creating users: who is found, who is made, and what is refused."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from api import Api, MakeApi
from hypothesis import given
from hypothesis import strategies as st
from scim_world import (
    INSTANCE_TOKEN,
    MEMBER_UID,
    OWNER_UID,
    WORLD,
    Client,
    memberships,
    new_user,
)

from internal_api.scim_requests import clean_username
from internal_api.seed_values import Username


def fault(client: Client, **attributes: object) -> tuple[int, str]:
    """Status and reason of a refusal; nothing of it was stored."""
    select = "SELECT * FROM users, scim_identities, members"
    before = client.api.rows(select)
    answer = client.create(**attributes)
    detail = answer.json["detail"]
    assert answer.json["status"] == answer.status_int
    assert detail.startswith('Error saving user with {"schemas"=>["urn:')
    assert client.api.rows(select) == before
    return answer.status_int, detail.rpartition('"group"=>"corp"}: ')[2]


def test_new_user_201(api: Api, client: Client) -> None:
    """A new user has the provider's id, a namespace, an identity and a role."""
    answer = client.create()
    assert answer.status_int == 201
    assert answer.json == client.get("uid-new").json
    assert answer.json["id"] == "uid-new"
    assert answer.json["active"] is True
    assert answer.json["userName"] == "jo"
    assert answer.json["name.formatted"] == "Jo Doe"
    (email,) = answer.json["emails"]
    assert email == {"type": "work", "value": "jo@corp.example", "primary": True}
    assert memberships(api, "jo") == {("corp", 20)}
    ((user_id, group_id),) = api.rows(
        "SELECT id, provisioned_by_group_id FROM users WHERE username = 'jo'"
    )
    assert group_id == 50
    assert api.rows(
        """SELECT n.type, n.name, n.visibility_level, n.parent_id, r.path
        FROM namespaces n JOIN routes r
        ON r.source_type = 'Namespace' AND r.source_id = n.id
        WHERE n.owner_id = ?""",
        user_id,
    ) == [("User", "Jo Doe", 20, None, "jo")]


@pytest.mark.parametrize("again", [{}, {"externalId": "UID-NEW"}, {"userName": "x"}])
def test_repeat_201(api: Api, client: Client, again: dict[str, object]) -> None:
    """Who is there by the id is answered as such, and nothing changes."""
    first = client.create().json
    before = api.rows("SELECT * FROM users, members")
    emails = [{"type": "work", "value": "other@corp.example"}]
    answer = client.create(**{"emails": emails, "name": {"formatted": "X"}} | again)
    assert (answer.status_int, answer.json) == (201, first)
    assert api.rows("SELECT * FROM users, members") == before


@pytest.mark.parametrize(
    ("attributes", "email"),
    [
        ({"emails": [{"primary": True, "value": "a@b.c"}]}, "a@b.c"),
        ({"emails": [{"type": "work", "value": "a@b.c"}]}, "a@b.c"),
        (
            {
                "emails": [
                    {"type": "home", "value": "x@b.c"},
                    {"type": "home", "primary": False, "value": "y@b.c"},
                    {"type": "home", "primary": "yes", "value": "a@b.c"},
                    {"type": "work", "value": "z@b.c"},
                ]
            },
            "a@b.c",
        ),
        ({"emails": {"type": "work", "value": "a@b.c"}}, "a@b.c"),
        ({"emails": json.dumps([{"type": "work", "value": "a@b.c"}])}, "a@b.c"),
    ],
)
def test_email(client: Client, attributes: dict[str, object], email: str) -> None:
    """The first address of work, or that is primary, counts."""
    assert client.create(**attributes).json["emails"][0]["value"] == email


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"name": {"formatted": "A B", "givenName": "C"}}, "A B"),
        ({"name": {"givenName": "C", "familyName": "D"}}, "C D"),
        ({"name": {"formatted": "", "givenName": "C"}}, "C"),
        ({"name": {"familyName": "D"}, "displayName": "E"}, "D"),
        ({"name": None, "displayName": "E"}, "E"),
        ({"name": {}, "displayName": "E"}, "E"),
        ({"name": '{"formatted": "A B"}'}, "A B"),
        ({"name": "A B", "displayName": "E"}, "E"),
    ],
)
def test_name(client: Client, attributes: dict[str, object], name: str) -> None:
    """A name is the formatted one, its parts, or what is displayed."""
    assert client.create(**attributes).json["name.formatted"] == name


def test_id_for_external_id(client: Client) -> None:
    """Without an `externalId` the `id` is taken."""
    assert client.create(externalId=None, id="of-id").json["id"] == "of-id"
    emails = [{"type": "work", "value": "else@corp.example"}]
    assert client.create(externalId=17, id="x", emails=emails).json["id"] == "17"


def test_ignored_attributes(api: Api, client: Client) -> None:
    """A new user is active whatever is said, and no password is kept."""
    answer = client.create(
        active=False, password="geheim", meta={"resourceType": "User"}, x=[None]
    )
    assert (answer.status_int, answer.json["active"]) == (201, True)
    assert "geheim" not in str(api.rows("SELECT * FROM users"))


# ------------------------------------------------------------------ usernames


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("jo@x.com", "jo"),
        ("Jo.Doe_1-2", "Jo.Doe_1-2"),
        ("Jo Doe", "JoDoe"),
        ("--jo", "jo"),
        ("jo.git.atom.", "jo"),
        ("jö", "j"),
        ("", "blank"),
        ("@x.com", "blank"),
        ("..", "blank"),
        ("member", "member1"),
        ("MEMBER", "MEMBER1"),
        ("corp", "corp1"),
        ("plain@x.com", "plain1"),
        (17, "17"),
    ],
)
def test_username(client: Client, sent: object, stored: str) -> None:
    """A username is cleaned; a number makes it differ from users and groups."""
    answer = client.create(userName=sent)
    assert (answer.status_int, answer.json["userName"]) == (201, stored)


def test_smallest_free_number(client: Client) -> None:
    """The number is the smallest that makes the username free."""
    names = []
    for number, name in enumerate(["jo1", "jo", "jo", "jo"]):
        emails = [{"type": "work", "value": f"{number}@corp.example"}]
        user = client.create(userName=name, emails=emails, externalId=f"u{number}")
        names.append(user.json["userName"])
    assert names == ["jo1", "jo", "jo2", "jo3"]


@given(st.text() | st.from_regex(r"[-.a@]*(\.git|\.atom|\.)*"))
def test_clean_username(text: str) -> None:
    """What is cleaned can name a user, and cleaning it again changes nothing."""
    cleaned = clean_username(text)[:255]
    if len(cleaned) < 255:
        assert Username.read(cleaned) == cleaned
        assert clean_username(cleaned) == cleaned


@pytest.mark.parametrize("part", [".", ".git", "-", "@"])
def test_long_username(part: str) -> None:
    """A text of any length is cleaned in no time."""
    start = process_time()
    clean_username(part * 40_000 + "x")
    clean_username("x" + part * 40_000)
    assert process_time() - start < 1


# ------------------------------------------------------------------ known users


@pytest.mark.parametrize(
    ("address", "username", "role"),
    [
        ("outsider@example.com", "outsider", 20),
        ("OUTSIDER@example.com", "outsider", 20),
    ],
)
def test_known_address_201(
    api: Api, client: Client, address: str, username: str, role: int
) -> None:
    """A user who is known by the address becomes a member, and is not changed."""
    before = api.rows("SELECT * FROM users")
    answer = client.create(emails=[{"type": "work", "value": address}])
    assert (answer.status_int, answer.json["userName"]) == (201, username)
    assert answer.json["id"] == "uid-new"
    assert answer.json["name.formatted"] == "outsider"
    assert memberships(api, username) == {("corp", role)}
    assert api.rows("SELECT * FROM users") == before


def test_known_member_201(make_api: MakeApi) -> None:
    """A member without an identity keeps the role, found by a further address too."""
    api = make_api(WORLD | {"scim_identities": []})
    before = memberships(api, "member")
    client = Client(api)
    answer = client.create(emails=[{"type": "work", "value": "mem@home.example"}])
    assert (answer.status_int, answer.json["userName"]) == (201, "Member")
    assert answer.json["emails"][0]["value"] == "Member@example.com"
    assert memberships(api, "member") == before


def test_second_identity_409(client: Client) -> None:
    """A user has one id in a group; who is sent by the same name is answered by it."""
    emails = [{"type": "work", "value": "owner@example.com"}]
    assert fault(client, emails=emails) == (409, "User has already been taken")
    answer = client.create(emails=emails, userName="Owner@corp.example")
    assert (answer.status_int, answer.json["id"]) == (201, OWNER_UID)


def test_second_identity_of_an_inactive_user_409(client: Client) -> None:
    """Who was shut out comes back by the former id only."""
    client.delete(MEMBER_UID)
    emails = [{"type": "work", "value": "Member@example.com"}]
    taken = 409, "User has already been taken"
    assert fault(client, emails=emails, userName="member") == taken


@pytest.mark.parametrize("active", [True, False])
def test_second_identity_of_an_outsider_409(
    make_api: MakeApi,
    active: bool,  # noqa: FBT001
) -> None:
    """Who has an id but is no member is not let in by another id."""
    identity = {"group": "corp", "user": "outsider", "extern_uid": "o"}
    api = make_api(WORLD | {"scim_identities": [identity | {"active": active}]})
    emails = [{"type": "work", "value": "outsider@example.com"}]
    found = fault(Client(api), emails=emails, userName="outsider")
    assert found == (409, "User has already been taken")


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("jo@corp.example", (409, "Extern uid has already been taken")),
        ("outsider@example.com", (409, "Extern uid has already been taken")),
        ("owner@example.com", (409, "Extern uid has already been taken")),
        ("", (412, "Email can't be blank")),
    ],
)
def test_id_of_a_deactivated_user(
    client: Client, address: str, refusal: tuple[int, str]
) -> None:
    """Who was shut out does not come back when somebody else is sent by that id."""
    client.delete(MEMBER_UID)
    emails = [{"type": "work", "value": address}]
    assert fault(client, externalId=MEMBER_UID, emails=emails) == refusal


@pytest.mark.parametrize("address", ["Member@example.com", "mem@home.example"])
def test_deactivated_201(api: Api, client: Client, address: str) -> None:
    """Who was shut out is a member again when sent again, but not active."""
    client.delete(MEMBER_UID)
    assert memberships(api, "member") == {("plain", 10), ("plain/app", 30)}
    emails = [{"type": "work", "value": address}]
    answer = client.create(externalId=MEMBER_UID.upper(), emails=emails)
    assert (answer.status_int, answer.json["active"]) == (201, False)
    assert memberships(api, "member") == {
        ("plain", 10),
        ("plain/app", 30),
        ("corp", 20),
    }
    assert client.patch(MEMBER_UID).status_int == 204
    assert client.get(MEMBER_UID).json["active"] is True


# ------------------------------------------------------------------ domains


@pytest.mark.parametrize(
    ("address", "confirmed"),
    [
        ("jo@corp.example", 1),
        ("jo@CORP.example", 1),
        ("jo@sub.corp.example", 0),
        ("jo@example.com", 0),
        ("corp.example@x", 0),
    ],
)
def test_confirmed(api: Api, client: Client, address: str, confirmed: int) -> None:
    """A new user is confirmed only by a domain that the group has verified."""
    client.create(emails=[{"type": "work", "value": address}])
    assert api.rows("SELECT confirmed FROM users WHERE email = ?", address) == [
        (confirmed,)
    ]


@pytest.mark.parametrize(
    ("address", "is_member"), [("jo@Corp.Example", True), ("jo@example.com", False)]
)
def test_allowed_domains_201(api: Api, address: str, is_member: bool) -> None:  # noqa: FBT001
    """A user of another domain than the allowed ones is made, but is no member."""
    client = Client(api, "deep/er.group", "scim-token-of-deep")
    emails = [{"type": "work", "value": address}]
    answer = client.create(emails=emails)
    assert (answer.status_int, answer.json["userName"]) == (201, "jo")
    expected = {("deep/er.group", 10)} if is_member else set()
    assert memberships(api, "jo") == expected
    client.delete("uid-new")
    client.patch("uid-new")
    assert memberships(api, "jo") == expected


def test_allowed_domains_of_the_first_address(make_api: MakeApi) -> None:
    """Of a user who is there the first address counts, whichever was sent."""
    address = "member@second.example"
    user = {"username": "two", "email": "two@corp.example", "emails": [address]}
    api = make_api(WORLD | {"users": [*WORLD["users"], user]})
    client = Client(api, "deep/er.group", "scim-token-of-deep")
    client.create(emails=[{"type": "work", "value": address}])
    assert memberships(api, "two") == {("deep/er.group", 10)}


@pytest.mark.parametrize("address", [" jo@corp.example\n", "JO@Corp.EXAMPLE"])
def test_address_is_stored_in_one_form(api: Api, client: Client, address: str) -> None:
    """Blanks around a new user's address do not count, nor do capitals."""
    client.create(emails=[{"type": "work", "value": address}])
    select = "SELECT count(*) FROM users WHERE email = 'jo@corp.example' COLLATE BINARY"
    assert api.rows(select) == [(1,)]
    again = client.create(emails=[{"type": "work", "value": address}], externalId="b")
    assert again.json["id"] == "uid-new"


@pytest.mark.parametrize("name", ["admin", "API", "groups", "s"])
def test_names_of_gitlab_s_own_pages(client: Client, name: str) -> None:
    """A new user is not called as what stands below GitLab's own address."""
    assert client.create(userName=name).json["userName"] == f"{name}1"


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [
        ({"userName": None}, ":username"),
        ({"externalId": None}, ":extern_uid"),
        ({"emails": None}, ":email"),
        ({"emails": []}, ":email"),
        ({"emails": [{"type": "home", "value": "a@b.c"}]}, ":email"),
        ({"emails": [{"type": "work"}]}, ":email"),
        ({"emails": [{"type": "work", "value": ["a@b.c"]}]}, ":email"),
        ({"emails": "a@b.c"}, ":email"),
        ({"emails": ["a@b.c"]}, ":email"),
        ({"emails": 1}, ":email"),
        ({"userName": {}, "externalId": []}, ":extern_uid, :username"),
        (
            {"userName": None, "externalId": None, "emails": None},
            ":extern_uid, :email, :username",
        ),
    ],
)
def test_missing_412(
    client: Client, attributes: dict[str, object], missing: str
) -> None:
    """Without id, address or username there is no user; all that lack are named."""
    assert fault(client, **attributes) == (412, f"Missing params: [{missing}]")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"emails": [{"type": "work", "value": ""}]}, "Email can't be blank"),
        ({"emails": [{"type": "work", "value": " "}]}, "Email can't be blank"),
        ({"emails": [{"type": "work", "value": "x"}]}, "Email is invalid"),
        ({"emails": [{"type": "work", "value": "a @b"}]}, "Email is invalid"),
        ({"externalId": ""}, "Extern uid can't be blank"),
        ({"externalId": " "}, "Extern uid can't be blank"),
        (
            {
                "externalId": "",
                "emails": [{"type": "work", "value": "outsider@example.com"}],
            },
            "Extern uid can't be blank",
        ),
        ({"name": None}, "Name can't be blank"),
        ({"name": {"formatted": 256 * "ü"}}, "Name is too long (maximum is 255"),
        ({"userName": 256 * "u"}, "Username is too long (maximum is 255"),
        (
            {"name": {}, "emails": [{"type": "work", "value": "x"}]},
            "Email is invalid and Name can't be blank",
        ),
        (
            {"name": {}, "emails": [{"type": "work", "value": "x"}], "externalId": ""},
            "Extern uid can't be blank, Email is invalid, and Name can't be blank",
        ),
    ],
)
def test_invalid_412(
    client: Client, attributes: dict[str, object], reason: str
) -> None:
    """A user who cannot be stored is refused in the words of Rails."""
    status, detail = fault(client, **attributes)
    assert (status, detail.removesuffix(" characters)")) == (412, reason)


@pytest.mark.parametrize("body", [None, [], "x", 1, [new_user()]])
def test_no_object_412(client: Client, body: object) -> None:
    """A body without parameters lacks all of them."""
    answer = client.call("POST", "/Users", body)
    assert answer.status_int == 412
    assert answer.json["detail"] == (
        'Error saving user with {"group"=>"corp"}:'
        " Missing params: [:extern_uid, :email, :username]"
    )


SECRET = 'geh"eim'
ECHOED: list[dict[str, Any]] = [
    {"password": SECRET},
    {"access_token": SECRET},
    {"Password": SECRET, "x": [{"y": {"private_token": SECRET}}]},
    {"token": {"a": SECRET}, "client_secret": SECRET, "api_key": [SECRET]},
    {"Operations": [{"op": "replace", "path": "password", "value": SECRET}]},
    {"Operations": [{"op": "replace", "value": {"password": SECRET}}]},
    {"Operations": json.dumps([{"op": "x", "path": "password", "value": SECRET}])},
    {"name": json.dumps({"password": SECRET})},
    {"emails": json.dumps([{"type": "work", "passwd": SECRET}])},
]


@pytest.mark.parametrize("secrets", ECHOED)
def test_secrets_are_filtered(client: Client, secrets: dict[str, Any]) -> None:
    """The parameters that a refusal shows are without secrets."""
    if "access_token" in secrets:
        secrets = {"access_token": client.headers["Authorization"].split()[1]}
    answer = client.create(userName=None, **secrets)
    assert answer.status_int == 412
    detail = answer.json["detail"]
    assert "[FILTERED]" in detail
    assert "geh" not in detail
    assert "scim-token" not in detail


def test_secrets_of_json_in_a_form_are_filtered(client: Client) -> None:
    """JSON without its content type is a form, whose names are shown without it."""
    body = json.dumps({"externalId": "x", "Operations": [], "password": f"{SECRET}&x"})
    answer = client.api.app.post(
        f"{client.root}/Users", body, headers=client.headers, status=412
    )
    assert answer.json["detail"].startswith(
        'Error saving user with {"[FILTERED]"=>nil, "group"=>"corp"}: Missing params'
    )


def test_echo(client: Client) -> None:
    """The parameters are shown as Ruby shows a hash."""
    answer = client.create(schemas=None, userName=None, password="x", active=None, a=1)
    assert answer.json["detail"] == (
        'Error saving user with {"externalId"=>"uid-new", "emails"=>[{"type"=>"work",'
        ' "value"=>"jo@corp.example"}], "name"=>{"formatted"=>"Jo Doe"}, "password"=>'
        '"[FILTERED]", "a"=>1, "group"=>"corp"}: Missing params: [:username]'
    )


def test_instance_token_is_no_group_token(api: Api) -> None:
    """The token of the instance makes nobody a member of a group."""
    client = Client(api, token=INSTANCE_TOKEN)
    assert client.create().status_int == 401
    assert memberships(api, "jo") == set()
