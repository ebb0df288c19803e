"""Users, their tokens and their second factor."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pyotp
import pytest
from api import Api, MakeApi
from public_keys import ed25519
from webtest import TestResponse

from internal_api.seed_document import SeedError

OTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SEED = {
    "users": [
        {"id": 1, "username": "root", "name": "Administrator", "admin": True},
        {"id": 2, "username": "Jane", "name": "Jane Doe", "two_factor_enabled": True}
        | {"otp_secret": OTP_SECRET},
        {"id": 3, "username": "blocked", "state": "blocked"},
        {"id": 4, "username": "ghost", "name": "Ghost User", "user_type": "ghost"},
        {"id": 5, "username": "bare", "two_factor_enabled": True},
        {"id": 6, "username": "plain", "otp_secret": OTP_SECRET},
    ],
    "keys": [
        {"id": 11, "user": "root", "key": ed25519(0)},
        {"id": 12, "user": "Jane", "key": ed25519(1)},
        {"id": 13, "user": "blocked", "key": ed25519(2)},
        {"id": 14, "user": "Jane", "key": ed25519(3), "usage_type": "signing"},
        {"id": 15, "user": "bare", "key": ed25519(6)},
    ],
    "deploy_keys": [
        {"id": 21, "user": "root", "key": ed25519(4)},
        {"id": 22, "key": ed25519(5)},
    ],
}
JANE = {"id": 2, "username": "Jane", "name": "Jane Doe"}
NO_USER = "Could not find the given user"
NO_KEY = "Could not find the given key"
USERLESS = "Could not find a user for the given key"
OFF = "Two-factor authentication is not enabled for this user"


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An API that goes by the documentation."""
    return make_api(SEED)


@pytest.fixture
def gitlab(make_api: MakeApi) -> Api:
    """An API that goes by GitLab."""
    return make_api(SEED, follow="gitlab")


@pytest.fixture
def userless_key(make_api: MakeApi) -> Api:
    """An API whose key 11 is nobody's."""
    api = make_api({"users": SEED["users"][:1], "keys": SEED["keys"][:1]})
    with api.database.writing() as connection:
        connection.execute("UPDATE keys SET user_id = NULL")
    return api


def refusal(answer: TestResponse) -> str:
    """The message of a refusal, which is a success to HTTP."""
    assert answer.status_int == 200
    assert set(answer.json) == {"success", "message"}
    assert answer.json["success"] is False
    return answer.json["message"]


# ------------------------------------------------------------------ discover


@pytest.mark.parametrize(
    ("params", "user"),
    [
        ({"key_id": 12}, JANE),
        ({"key_id": "12"}, JANE),
        ({"key_id": "12abc"}, JANE),
        ({"user_id": 2}, JANE),
        ({"username": "jANE"}, JANE),
        ({"identifier": "user-2"}, JANE),
        ({"identifier": "key-12"}, JANE),
        ({"key_id": 13}, {"id": 3, "username": "blocked", "name": "blocked"}),
        ({"key_id": 21}, {"id": 1, "username": "root", "name": "Administrator"}),
        ({"key_id": 22}, {"id": 4, "username": "ghost", "name": "Ghost User"}),
        ({"key_id": None, "user_id": 2}, JANE),
        ({"key_id": 12, "user_id": 1}, JANE),
        ({"user_id": 2, "username": "root"}, JANE),
        ({"username": "Jane", "identifier": "user-1"}, JANE),
        ({"key_id": 99, "user_id": 2}, None),
        ({"key_id": "", "user_id": 2}, None),
        ({"key_id": "abc"}, None),
        ({"key_id": 14}, None),
        ({"key_id": 0}, None),
        ({"key_id": 2**64}, None),
        ({"user_id": "Jane"}, None),
        ({"user_id": -2}, None),
        ({"username": "2"}, None),
        ({"username": ["Jane"]}, None),
        ({"identifier": "key-14"}, None),
        ({"identifier": "key-abc"}, None),
        ({"identifier": "username-Jane"}, None),
        ({"identifier": "USER-2"}, None),
        ({"identifier": "user-٢"}, None),
        ({"identifier": 2}, None),
        ({}, None),
    ],
)
def test_discover_200(
    api: Api, params: dict[str, Any], user: dict[str, Any] | None
) -> None:
    """The first parameter that is present names the user; nobody is `null`."""
    answer = api.app.request(
        "/api/v4/internal/discover",
        headers=api.headers() | {"Content-Type": "application/json"},
        body=json.dumps(params).encode(),
    )
    assert (answer.status_int, answer.json) == (200, user)


def test_discover_member_order_and_no_use(api: Api) -> None:
    """Members come in GitLab's order; asking is no use of the key."""
    body = b'{"id":2,"username":"Jane","name":"Jane Doe"}'
    assert api.get("discover?key_id=12").body == body
    assert api.rows("SELECT * FROM keys WHERE last_used_at IS NOT NULL") == []


# ------------------------------------------------------------------ who is meant

CODES = "two_factor_recovery_codes"
TOKEN = "personal_access_token"
CONFIG = "two_factor_config"
MANUAL = "two_factor_manual_otp_check"
PUSH = "two_factor_push_otp_check"
DEPLOY_KEY = {
    CODES: "Deploy keys cannot be used to retrieve recovery codes",
    TOKEN: "Deploy keys cannot be used to create personal access tokens",
    MANUAL: "Deploy keys cannot be used for Two Factor",
    "two_factor_otp_check": "Deploy keys cannot be used for Two Factor",
    PUSH: "Deploy keys cannot be used for Two Factor",
}
ROUTES = [*DEPLOY_KEY, CONFIG]
LOOKING_AT_USERS = (CODES, TOKEN)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, NO_KEY),
        ({"key_id": 0}, NO_KEY),
        ({"key_id": 99}, NO_KEY),
        ({"key_id": 14}, NO_KEY),
        ({"key_id": ""}, NO_KEY),
        ({"username": "Jane"}, NO_KEY),
        ({"identifier": "user-2"}, NO_KEY),
        ({"identifier": "key-12"}, NO_KEY),
        ({"user_id": None}, NO_KEY),
        ({"user_id": False}, NO_KEY),
        ({"user_id": 0}, NO_USER),
        ({"user_id": 99}, NO_USER),
        ({"user_id": ""}, NO_USER),
        ({"key_id": 99, "user_id": 2}, NO_USER),
    ],
)
def test_nobody_is_meant(
    api: Api, path: str, params: dict[str, Any], message: str
) -> None:
    """Without a key all routes for users refuse; two of them tell of the user first."""
    if path not in LOOKING_AT_USERS:
        message = NO_KEY
    assert refusal(api.post_json(path, params)) == message


@pytest.mark.parametrize("path", ROUTES)
def test_key_without_user(userless_key: Api, path: str) -> None:
    """A key that is nobody's is refused."""
    assert refusal(userless_key.post(path, "key_id=11")) == USERLESS


@pytest.mark.parametrize("path", DEPLOY_KEY)
@pytest.mark.parametrize("key_id", [21, 22])
def test_deploy_key(api: Api, path: str, key_id: int) -> None:
    """A deploy key stands for no user here, whoever made it."""
    answer = api.post(path, {"key_id": key_id, "user_id": 0})
    assert refusal(answer) == DEPLOY_KEY[path]


@pytest.mark.parametrize("path", [CODES, MANUAL, PUSH])
def test_two_factor_off(api: Api, path: str) -> None:
    """Without a second factor there is nothing to check or to recover."""
    assert refusal(api.post(path, "key_id=11")) == OFF


@pytest.mark.parametrize("path", [CODES, TOKEN])
def test_user_id_alone(api: Api, gitlab: Api, path: str) -> None:
    """A `user_id` is enough as documented; GitLab itself wants a key."""
    params = {"user_id": 2, "name": "n", "scopes": ["api"]}
    assert api.post_json(path, params).json["success"] is True
    assert refusal(gitlab.post_json(path, params)) == NO_KEY
    assert gitlab.post_json(path, params | {"key_id": 12}).json["success"] is True


@pytest.mark.parametrize("path", [CONFIG, MANUAL, PUSH])
def test_user_id_alone_does_not_do_for_a_second_factor(api: Api, path: str) -> None:
    """The checks of the second factor want a key."""
    assert refusal(api.post(path, "user_id=2&otp_attempt=123456")) == NO_KEY


@pytest.mark.parametrize("path", ROUTES)
def test_key_use_is_recorded_once_a_day(api: Api, path: str) -> None:
    """Asking with a key is a use of it, noted at most once a day."""
    select = "SELECT last_used_at FROM keys WHERE id = 12"
    api.post(path, "key_id=12&otp_attempt=x")
    assert api.rows(select) == [("2022-08-01T12:00:00.000Z",)]
    api.clock.advance(hours=23, minutes=59)
    api.post(path, "key_id=12&otp_attempt=x")
    assert api.rows(select) == [("2022-08-01T12:00:00.000Z",)]
    api.clock.advance(minutes=1)
    api.post(path, "key_id=12&otp_attempt=x")
    assert api.rows(select) == [("2022-08-02T12:00:00.000Z",)]


@pytest.mark.parametrize("path", ROUTES)
def test_key_use_is_not_recorded_on_a_read_only_instance(api: Api, path: str) -> None:
    """A read-only instance does not note the use."""
    with api.database.writing() as connection:
        connection.execute("UPDATE application_settings SET read_only = 1")
    api.post(path, "key_id=12&otp_attempt=x")
    assert api.rows("SELECT last_used_at FROM keys WHERE id = 12") == [(None,)]


# ------------------------------------------------------------------ recovery codes


def test_new_recovery_codes_replace_the_old(api: Api) -> None:
    """Ten codes are stored as digests only; the former ten are void."""
    api.post(CODES, "key_id=12")
    codes = api.post(CODES, "key_id=12").json["recovery_codes"]
    assert all(re.fullmatch("[0-9a-f]{16}", code) for code in codes)
    assert len(set(codes)) == 10
    digests = {hashlib.sha256(code.encode()).hexdigest() for code in codes}
    stored = api.rows("SELECT user_id, code_digest FROM otp_backup_codes")
    assert set(stored) == {(2, digest) for digest in digests}
    image = api.database.image()
    assert not any(code.encode() in image for code in codes)


# ------------------------------------------------------------------ tokens

GOOD = {"key_id": 12, "name": "ci", "scopes": ["read_api"]}
SCOPES = (
    '["api", "read_api", "read_registry", "read_repository", "read_user", '
    '"write_registry", "write_repository"]'
)


def test_personal_access_token_200(api: Api) -> None:
    """The token is told once; its digest, scopes and last day are stored."""
    params = GOOD | {"scopes": ["read_api", "api", "api"], "expires_at": "9001-11-17"}
    answer = api.post_json(TOKEN, params)
    token = answer.json["token"]
    assert re.fullmatch(r"glpat-[A-Za-z0-9_-]{20}", token)
    assert answer.json == {
        "success": True,
        "token": token,
        "scopes": ["read_api", "api", "api"],
        "expires_at": "9001-11-17",
    }
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert api.rows(
        "SELECT user_id, name, token_digest, scopes, expires_at, revoked"
        " FROM personal_access_tokens"
    ) == [(2, "ci", digest, '["read_api", "api", "api"]', "9001-11-17", 0)]
    assert token.encode() not in api.database.image()


def test_every_token_is_another(api: Api) -> None:
    """Tokens are random."""
    tokens = {api.post_json(TOKEN, GOOD).json["token"] for _ in range(3)}
    assert len(tokens) == 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": None}, "No token name specified"),
        ({"name": ""}, "No token name specified"),
        ({"name": " \n"}, "No token name specified"),
        ({"name": [], "scopes": []}, "No token name specified"),
        ({"scopes": None}, "No token scopes specified"),
        ({"scopes": []}, "No token scopes specified"),
        ({"scopes": " "}, "No token scopes specified"),
        ({"scopes": {}, "expires_at": "x"}, "No token scopes specified"),
        ({"scopes": [""]}, f"Invalid scope: ''. Valid scopes are: {SCOPES}"),
        ({"scopes": [None]}, f"Invalid scope: ''. Valid scopes are: {SCOPES}"),
        ({"scopes": [1]}, f"Invalid scope: '1'. Valid scopes are: {SCOPES}"),
        ({"scopes": [["a"]]}, f"Invalid scope: '[\"a\"]'. Valid scopes are: {SCOPES}"),
        *(
            (
                {"scopes": ["api", scope, "worse"], "expires_at": "x"},
                f"Invalid scope: '{scope}'. Valid scopes are: {SCOPES}",
            )
            for scope in ("badscope", "sudo", "admin_mode", "openid", "API")
        ),
        *(
            ({"expires_at": text}, f"Invalid token expiry date: '{text}'")
            for text in (
                "invalid-date",
                "2023-02-30",
                "2023",
                "5",
                "tomorrow",
                "9" * 129,
            )
        ),
    ],
)
def test_personal_access_token_refused(
    api: Api, params: dict[str, Any], message: str
) -> None:
    """Name, scopes and date are looked at in this order."""
    assert refusal(api.post_json(TOKEN, GOOD | params)) == message
    assert api.rows("SELECT * FROM personal_access_tokens") == []


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"name": ["n"]}, "name"),
        ({"name": {"a": 1}}, "name"),
        ({"scopes": "api"}, "scopes"),
        ({"scopes": {"0": "api"}}, "scopes"),
        ({"scopes": 1}, "scopes"),
        ({"expires_at": 20230105}, "expires_at"),
        ({"expires_at": ["2023-01-05"]}, "expires_at"),
    ],
)
def test_personal_access_token_400(api: Api, params: dict[str, Any], name: str) -> None:
    """What Rails would choke on is a bad request, so that nobody tries again."""
    answer = api.post_json(TOKEN, GOOD | params)
    assert answer.status_int == 400
    assert answer.json == {"message": f"400 Bad request - {name} is invalid"}


@pytest.mark.parametrize(
    ("sent", "expires_at"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ("2023-01-05", "2023-01-05"),
        ("20230105", "2023-01-05"),
        ("2023-1-5", "2023-01-05"),
        ("2023/01/02", "2023-01-02"),
        ("1/2/2023", "2023-02-01"),
        ("5 Jan 2023", "2023-01-05"),
        ("2023-01-02T10:00:00Z", "2023-01-02"),
        ("jan", "2022-01-01"),
        ("friday", "2022-08-05"),
        ("2001-01-01", "2001-01-01"),
    ],
)
def test_personal_access_token_expires_at(
    api: Api, sent: str | None, expires_at: str | None
) -> None:
    """Dates are read as in Ruby, past ones too; without one the token stays good."""
    answer = api.post_json(TOKEN, GOOD | {"expires_at": sent})
    assert answer.json["expires_at"] == expires_at


def test_personal_access_token_of_a_form(api: Api) -> None:
    """A form names scopes one by one."""
    body = "key_id=12&name=5&scopes[]=api&scopes[]=read_user"
    assert api.post(TOKEN, body).json["scopes"] == ["api", "read_user"]
    assert refusal(api.post(TOKEN, "key_id=12&name=5&scopes[]=")).startswith(
        "Invalid scope: ''."
    )


def test_personal_access_token_without_expiry_as_gitlab_says_null(api: Api) -> None:
    """The member is there, and null."""
    assert api.post_json(TOKEN, GOOD).json["expires_at"] is None


@pytest.mark.parametrize(
    "state", ["blocked", "ldap_blocked", "banned", "blocked_pending_approval"]
)
def test_personal_access_token_of_a_blocked_user(make_api: MakeApi, state: str) -> None:
    """Who is blocked gets no token, as the last thing that is said."""
    user = {"username": "u", "state": state}
    api = make_api(
        {"users": [user], "keys": [{"id": 12, "user": "u", "key": ed25519(0)}]}
    )
    answer = api.post_json(TOKEN, GOOD)
    assert refusal(answer) == "Failed to create token: Not permitted to create"
    assert (
        refusal(api.post_json(TOKEN, GOOD | {"name": ""})) == "No token name specified"
    )


# ------------------------------------------------------------------ second factor


@pytest.mark.parametrize(
    ("key_id", "required"),
    [(11, False), (12, True), (15, True), (21, False), (22, False)],
)
def test_two_factor_config_200(api: Api, key_id: int, *, required: bool) -> None:
    """A user's key tells whether a second factor is wanted; a deploy key never does."""
    answer = api.post(CONFIG, {"key_id": key_id})
    assert answer.json == {"success": True, "two_factor_required": required}


def code(api: Api, drift_s: int = 0) -> str:
    """The code that an authenticator app shows, its clock that far ahead."""
    return pyotp.TOTP(OTP_SECRET).at(int(api.clock().timestamp()) + drift_s)


def check(api: Api, attempt: object, path: str = MANUAL) -> bool:
    """Whether a code is taken."""
    answer = api.post_json(path, {"key_id": "12", "otp_attempt": attempt})
    if answer.json != {"success": True}:
        assert refusal(answer) == "Invalid OTP"
    return answer.json["success"]


@pytest.mark.parametrize("path", [MANUAL, "two_factor_otp_check"])
def test_manual_otp_check_200(api: Api, path: str) -> None:
    """The code of the moment is taken, under the old name of the route too."""
    assert check(api, code(api), path)


@pytest.mark.parametrize(
    ("drift_s", "taken"),
    [(-60, False), (-30, True), (0, True), (30, True), (60, False)],
)
def test_otp_drift(api: Api, drift_s: int, *, taken: bool) -> None:
    """The clocks may differ by one step of half a minute."""
    assert check(api, code(api, drift_s)) is taken


def test_otp_with_blanks(api: Api) -> None:
    """Blanks in a code do not count."""
    attempt = code(api)
    assert check(api, f" {attempt[:3]} {attempt[3:]}\n")


def test_otp_of_other_digits(api: Api) -> None:
    """Digits of other scripts are no code."""
    attempt = "".join(chr(0xFF10 + int(digit)) for digit in code(api))
    assert not check(api, attempt)


def test_otp_counts_once(api: Api) -> None:
    """A code that was taken is not taken again, though its time is not over."""
    attempt = code(api)
    assert check(api, attempt)
    assert not check(api, attempt)
    api.clock.advance(seconds=30)
    assert not check(api, attempt)
    assert check(api, code(api))


def test_otp_before_a_taken_one_is_void(api: Api) -> None:
    """With a code all those before it are used up."""
    assert check(api, code(api, 30))
    assert not check(api, code(api))
    assert not check(api, code(api, -30))


def test_wrong_otp_uses_nothing_up(api: Api) -> None:
    """After a typing mistake the right code is still good."""
    right = code(api)
    wrong = f"{(int(right) + 1) % 10**6:06}"
    assert not check(api, wrong)
    assert check(api, right)


@pytest.mark.parametrize(
    "attempt", ["", " ", "abcdef", "1", "é", True, 1, 1.5, "9" * 999]
)
def test_odd_otp(api: Api, attempt: object) -> None:
    """What cannot be a code is a wrong code."""
    assert not check(api, attempt)


@pytest.mark.parametrize(
    ("attempt", "problem"),
    [(None, "missing"), ([], "invalid"), (["123456"], "invalid"), ({}, "invalid")],
)
def test_manual_otp_check_400(api: Api, attempt: object, problem: str) -> None:
    """Without a code there is nothing to check; the use of the key is noted."""
    answer = api.post_json(MANUAL, {"key_id": 12, "otp_attempt": attempt})
    assert answer.status_int == 400
    text = f"400 Bad request - otp_attempt is {problem}"
    assert answer.json == {"message": text}
    assert api.rows("SELECT id FROM keys WHERE last_used_at IS NOT NULL") == [(12,)]


@pytest.mark.parametrize(
    "about",
    [
        {"state": "blocked"},
        {"state": "ldap_blocked"},
        {"state": "banned"},
        {"state": "blocked_pending_approval"},
        {"user_type": "support_bot"},
        {"user_type": "project_bot"},
        {"confirmed": False},
    ],
)
def test_manual_otp_check_of_a_locked_account(
    make_api: MakeApi, about: dict[str, Any]
) -> None:
    """Who may not log in is told so, whatever the code; a deactivated user may."""
    user = {"username": "Jane", "two_factor_enabled": True, "otp_secret": OTP_SECRET}
    key = {"id": 12, "user": "Jane", "key": ed25519(1)}
    api = make_api({"users": [user | about], "keys": [key]})
    for attempt in (code(api), "000000", None):
        answer = api.post_json(MANUAL, {"key_id": 12, "otp_attempt": attempt})
        assert refusal(answer) == "Your account is locked"
    api = make_api({"users": [user | {"state": "deactivated"}], "keys": [key]})
    assert check(api, code(api))


def test_otp_of_a_user_without_secret(api: Api) -> None:
    """Without a secret no code is right."""
    answer = api.post(MANUAL, "key_id=15&otp_attempt=123456")
    assert refusal(answer) == "Invalid OTP"


def test_push_otp_check_never_succeeds(api: Api) -> None:
    """There is no device that could agree."""
    for _ in range(2):
        assert refusal(api.post(PUSH, "key_id=12")) == "Invalid OTP"


@pytest.mark.parametrize("secret", ["not base32!", "1", "JBSWY3DPE", "", "é", 5])
def test_broken_otp_secret_is_no_seed(make_api: MakeApi, secret: object) -> None:
    """A secret that no authenticator app takes is refused when it is loaded."""
    user = {"username": "u", "two_factor_enabled": True, "otp_secret": secret}
    with pytest.raises(SeedError, match="otp_secret"):
        make_api({"users": [user]})
