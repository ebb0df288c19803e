"""SSH keys and certificates that log in."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from api import Api, MakeApi
from public_keys import ed25519

AUTHORITY = "A" * 42 + "8"
SEED = {
    "settings": {"external_url": "https://gitlab.example.com:8443/root"},
    "users": [
        {"id": 1, "username": "jane", "name": "Jane Doe"},
        {"id": 2, "username": "blocked", "name": "Blocked User", "state": "blocked"},
        {"id": 3, "username": "ghost", "name": "Ghost User", "user_type": "ghost"},
        {"id": 4, "username": "other"},
    ],
    "keys": [
        {
            "id": 11,
            "user": "jane",
            "title": "laptop",
            "key": f"{ed25519(1)} jane@laptop",
        }
        | {"created_at": "2019-06-27T15:29:02.219Z"},
        {"id": 12, "user": "jane", "key": ed25519(2), "usage_type": "signing"},
        {"id": 13, "user": "jane", "key": ed25519(3), "usage_type": "auth"}
        | {"expires_at": "2020-01-02T03:04:05Z"},
        {"id": 14, "user": "blocked", "key": ed25519(4)},
    ],
    "deploy_keys": [
        {"id": 21, "user": "jane", "key": ed25519(5)},
        {"id": 22, "key": ed25519(6)},
    ],
    "groups": [
        {"id": 30, "full_path": "team", "ssh_certificate_authorities": [AUTHORITY]}
        | {
            "members": {
                "jane": "guest",
                "blocked": {"access_level": "owner", "state": "awaiting"},
            }
        },
        {"id": 31, "full_path": "others", "members": {"other": "owner"}},
    ],
}
MISSING = {"message": "404 Key Not Found"}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An API with keys of all kinds, and a group with an authority."""
    return make_api(SEED)


def blob(number: int) -> str:
    """The Base64 of a key."""
    return ed25519(number).split()[1]


@pytest.mark.parametrize(
    "key",
    [
        blob(1),
        blob(1).rstrip("="),
        f"ssh-ed25519 {blob(1)}",
        f"ssh-ed25519 {blob(1)} comment of two words",
        f" {blob(1)[:20]}\n{blob(1)[20:]} ",
        f"{blob(1)}\n",
    ],
    ids=["padded", "unpadded", "line", "line with a comment", "broken", "newline"],
)
def test_authorized_keys_200(api: Api, key: str) -> None:
    """A key is found by its blob, as OpenSSH and gitlab-sshd pass it on."""
    answer = api.get("authorized_keys", {"key": key})
    assert answer.status_int == 200
    assert answer.json == {
        "id": 11,
        "title": "laptop",
        "created_at": "2019-06-27T15:29:02.219Z",
        "expires_at": None,
        "key": f"ssh-ed25519 {blob(1)} Jane Doe (gitlab.example.com)",
        "usage_type": "auth_and_signing",
    }
    assert api.rows("SELECT id FROM keys WHERE last_used_at IS NOT NULL") == []


@pytest.mark.parametrize(
    ("number", "key_id", "name"),
    [
        (3, 13, "Jane Doe"),
        (4, 14, "Blocked User"),
        (5, 21, "Jane Doe"),
        (6, 22, "Ghost User"),
    ],
    ids=["expired", "of a blocked user", "deploy key", "deploy key of nobody"],
)
def test_authorized_keys_that_may_not_be_used_200(
    api: Api, number: int, key_id: int, name: str
) -> None:
    """Whether a key may be used is asked later."""
    answer = api.get("authorized_keys", {"key": blob(number)})
    assert (answer.status_int, answer.json["id"]) == (200, key_id)
    assert answer.json["key"].endswith(f" {name} (gitlab.example.com)")


def test_authorized_keys_tells_expiry_and_usage(api: Api) -> None:
    """Times are in UTC with milliseconds."""
    body = api.get("authorized_keys", {"key": blob(3)}).json
    assert (body["expires_at"], body["usage_type"]) == (
        "2020-01-02T03:04:05.000Z",
        "auth",
    )


@pytest.mark.parametrize(
    "key",
    [
        blob(1)[:-5],
        blob(1)[:-1][:-2],
        "whatever!",
        "",
        "=",
        " ",
        blob(2),
        blob(9),
        "é",
        f"ssh-unknown {blob(1)}",
        "x" * 20_000,
    ],
)
def test_authorized_keys_404(api: Api, key: str) -> None:
    """What is no key, no key of ours, or only signs, is not found."""
    answer = api.get("authorized_keys", {"key": key})
    assert (answer.status_int, answer.json) == (404, MISSING)


def test_authorized_keys_with_plus_not_escaped_404(make_api: MakeApi) -> None:
    """A `+` that the client did not escape is a space, and the bytes are others."""
    line = next(line for line in map(ed25519, count()) if "+" in line)
    seed = {"users": [{"username": "rubi"}], "keys": [{"user": "rubi", "key": line}]}
    api, key = make_api(seed), line.split()[1]
    assert api.get("authorized_keys", {"key": key}).status_int == 200
    answer = api.get(f"authorized_keys?key={key}")
    assert (answer.status_int, answer.json) == (404, MISSING)


def test_authorized_keys_of_the_documentation_can_be_pasted(demo: Api) -> None:
    """The documented key needs no escaping: curl's users paste it as it stands."""
    ((line,),) = demo.rows("SELECT key FROM keys WHERE id = 11")
    assert demo.get(f"authorized_keys?key={line.split()[1]}").json["id"] == 11


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ("", "missing"),
        ("?key", "missing"),
        ("?fingerprint=x", "missing"),
        ("?key[]=x", "invalid"),
        ("?key[a]=x", "invalid"),
    ],
)
def test_authorized_keys_400(api: Api, params: str, problem: str) -> None:
    """Without a key there is nothing to look for; a 500 would be tried again."""
    answer = api.get(f"authorized_keys{params}")
    assert answer.status_int == 400
    assert answer.json == {"message": f"400 Bad request - key is {problem}"}


@pytest.mark.parametrize("key", [AUTHORITY, f"SHA256:{AUTHORITY}", f"{AUTHORITY}="])
@pytest.mark.parametrize("username", ["jane", "JANE"])
def test_authorized_certs_200(api: Api, key: str, username: str) -> None:
    """A certificate of a group's authority logs in a member of the group."""
    answer = api.get("authorized_certs", {"key": key, "user_identifier": username})
    assert answer.status_int == 200
    assert answer.json == {"success": True, "namespace": "team", "username": "jane"}


@pytest.mark.parametrize(
    "params",
    [
        {"key": "B" * 43, "user_identifier": "jane"},
        {"key": AUTHORITY, "user_identifier": "nobody"},
        {"key": AUTHORITY, "user_identifier": "ghost"},
        {"key": AUTHORITY, "user_identifier": "blocked"},
        {"key": AUTHORITY, "user_identifier": "other"},
        {"key": AUTHORITY, "user_identifier": ""},
        {"key": "", "user_identifier": "jane"},
        {"key": AUTHORITY},
        {"user_identifier": "jane"},
        {},
    ],
    ids=[
        "unknown authority",
        "unknown user",
        "no member",
        "member that awaits approval",
        "member of another group",
        "empty user",
        "empty authority",
        "no user",
        "no authority",
        "nothing",
    ],
)
def test_authorized_certs_404(api: Api, params: dict[str, Any]) -> None:
    """Without a group that trusts the authority and has the member: not found."""
    answer = api.get("authorized_certs", params)
    assert (answer.status_int, answer.json) == (404, {"message": "404 Not Found"})


def test_authorized_certs_without_user_finds_nobody(make_api: MakeApi) -> None:
    """A parameter that is missing is no user called `None`."""
    group = {"full_path": "team", "ssh_certificate_authorities": [AUTHORITY]}
    group["members"] = {"None": "owner"}
    api = make_api({"users": [{"username": "None"}], "groups": [group]})
    answer = api.get("authorized_certs", {"key": AUTHORITY})
    assert answer.status_int == 404
