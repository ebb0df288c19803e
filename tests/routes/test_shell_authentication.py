"""Who may call the routes of GitLab Shell and Gitaly."""

from __future__ import annotations

import base64
import json
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from api import PREFIX, Api, Clock, MakeApi
from api import SHELL_SECRET as SECRET
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokens import forge as forge_with
from webtest import TestApp

from internal_api import seeds
from internal_api.app import create_app
from internal_api.config import Config
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets

ROUTE = f"{PREFIX}discover"
HEADER = "Gitlab-Shell-Api-Request"
SECRET_BASE64 = base64.b64encode(SECRET).decode()
forge = partial(forge_with, secret=SECRET)
UNAUTHORIZED = {"message": "401 Unauthorized"}
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def status_of(api: Api, token: str) -> int:
    """The status of a call with this token; every refusal reads the same."""
    answer = api.get("discover", headers={HEADER: token})
    if answer.status_int != 200:
        assert answer.content_type == "application/json"
        assert answer.json == UNAUTHORIZED
    return answer.status_int


# ------------------------------------------------------------------ shared secret


@pytest.mark.parametrize("secret", [SECRET.decode(), SECRET_BASE64])
@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_secret_token_200(demo: Api, secret: str, newline: str) -> None:
    """The parameter holds the secret, raw or Base64, in query, form or JSON."""
    params = {"secret_token": secret + newline}
    path = "two_factor_config"
    answers = [
        demo.get("discover", params, headers={}),
        demo.post(path, params, headers={}),
        demo.post_json(path, params, headers={}),
    ]
    assert [answer.status_int for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize(
    "header",
    [
        SECRET_BASE64,
        base64.b64encode(SECRET + b"\n").decode(),
        SECRET_BASE64.rstrip("="),
        f"{SECRET_BASE64[:20]} {SECRET_BASE64[20:]}",
    ],
    ids=["padded", "with the file's newline", "unpadded", "with white space"],
)
def test_shared_secret_header_200(demo: Api, header: str) -> None:
    """The header holds the secret in lenient Base64."""
    answer = demo.get("discover", headers={"Gitlab-Shared-Secret": header})
    assert answer.status_int == 200


@pytest.mark.parametrize(
    "header", ["", SECRET.decode(), base64.b64encode(b"other").decode(), "%", "\xe9"]
)
def test_shared_secret_header_401(demo: Api, header: str) -> None:
    """A header that is raw, wrong, empty or no Base64 is refused."""
    answer = demo.get("discover", headers={"Gitlab-Shared-Secret": header})
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    "value", ["", "wrong", SECRET.decode()[:-1], 1, True, [SECRET.decode()], {}, "é"]
)
def test_wrong_parameter_and_right_header_401(demo: Api, value: object) -> None:
    """The header counts only where the parameter is absent."""
    params = {"secret_token": value}
    answer = demo.post_json("two_factor_config", params, headers=demo.shared_secret())
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


def test_null_parameter_and_right_header_200(demo: Api) -> None:
    """A parameter that is null is absent."""
    params = {"secret_token": None}
    answer = demo.post_json("two_factor_config", params, headers=demo.shared_secret())
    assert answer.status_int == 200


def test_no_credential_401(demo: Api) -> None:
    """Nobody is refused."""
    answer = demo.get("discover", headers={})
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


def test_basic_authorization_is_not_looked_at(demo: Api) -> None:
    """What a proxy in between wants to know neither helps nor hurts."""
    basic = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}
    assert demo.get("discover", headers=basic).status_int == 401
    assert demo.get("discover", headers=demo.headers() | basic).status_int == 200


def test_shell_auth_jwt_refuses_the_shared_secret(make_api: MakeApi) -> None:
    """With `--shell-auth jwt` only a JWT is enough, as since late GitLab 15."""
    api = make_api(shell_auth="jwt")
    assert api.get("discover", headers=api.shared_secret()).status_int == 401
    params = {"secret_token": SECRET.decode()}
    assert api.get("discover", params, headers={}).status_int == 401
    assert api.get("discover").status_int == 200


def test_wrong_jwt_and_right_shared_secret_200(demo: Api) -> None:
    """Clients that signed with other bytes sent the secret too: either is enough."""
    token = {
        HEADER: forge('{"alg":"HS256"}', '{"iss":"gitlab-shell"}', secret=b"other")
    }
    answer = demo.get("discover", headers=token | demo.shared_secret())
    assert answer.status_int == 200


# ------------------------------------------------------------------ JWT


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"exp": None},
        {"iat": None, "exp": None},
        {"iat": 1659355200.5},
        {"exp": 2**70},
        {"jti": "7f8e", "nbf": 1659355195, "sub": 7, "aud": ["other"]},
    ],
)
def test_jwt_200(demo: Api, claims: dict[str, Any]) -> None:
    """A token of gitlab-shell is accepted; only its issuer is mandatory."""
    assert demo.get("discover", headers=demo.headers(**claims)).status_int == 200


@pytest.mark.parametrize("issuer", [None, "", "gitlab-workhorse", "Gitlab-Shell"])
def test_jwt_of_another_issuer_401(demo: Api, issuer: str | None) -> None:
    """`iss` is `gitlab-shell`."""
    answer = demo.get("discover", headers=demo.headers(iss=issuer))
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("issuer", ['["gitlab-shell"]', "1", "null", "{}"])
def test_jwt_with_an_issuer_that_is_no_text_401(demo: Api, issuer: str) -> None:
    """`iss` is a text."""
    assert status_of(demo, forge('{"alg":"HS256"}', f'{{"iss":{issuer}}}')) == 401


def test_jwt_with_another_secret_401(demo: Api) -> None:
    """Only the shared secret signs."""
    good = forge('{"alg":"HS256"}', '{"iss":"gitlab-shell"}')
    assert status_of(demo, good) == 200
    for secret in (b"x" * 32, b"", SECRET_BASE64.encode(), SECRET + b"\r"):
        bad = forge('{"alg":"HS256"}', '{"iss":"gitlab-shell"}', secret=secret)
        assert status_of(demo, bad) == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_jwt_with_another_algorithm_401(demo: Api, algorithm: str) -> None:
    """Only HS256 counts, though the secret is right."""
    key = None if algorithm == "none" else SECRET * 2
    token = jwt.encode({"iss": "gitlab-shell"}, key, algorithm)
    assert status_of(demo, token) == 401


@pytest.mark.parametrize(
    "algorithm", ["RS256", "none", "None", "hs256", "", None, 1, [], ["HS256"], {}]
)
def test_jwt_that_names_another_algorithm_401(demo: Api, algorithm: object) -> None:
    """A token signed with HS256 is refused where it says something else."""
    header = json.dumps({"typ": "JWT", "alg": algorithm})
    assert status_of(demo, forge(header, '{"iss":"gitlab-shell"}')) == 401


@pytest.mark.parametrize(
    ("claims", "advance_s", "status"),
    [
        ({"exp": 0}, 59.9, 200),
        ({"exp": 0}, 60, 401),
        ({"exp": 0}, 120, 401),
        ({"exp": -60}, 0, 401),
        ({"exp": -59}, 0, 200),
        ({"nbf": 60}, 0, 200),
        ({"nbf": 61}, 0, 401),
        ({"nbf": 61}, 1, 200),
        ({"iat": 10}, 0, 200),
        ({"iat": 60}, 0, 200),
        ({"iat": 61}, 0, 401),
    ],
)
def test_jwt_times(
    demo: Api, claims: dict[str, Any], advance_s: float, status: int
) -> None:
    """The clocks may differ by 60 seconds; at exactly `exp` + 60 a token is too old."""
    now = int(demo.clock().timestamp())
    headers = demo.headers(**{name: now + offset for name, offset in claims.items()})
    demo.clock.advance(seconds=advance_s)
    assert demo.get("discover", headers=headers).status_int == status


def test_remembered_jwt_expires(demo: Api) -> None:
    """A token that was good a moment ago is not good for ever."""
    headers = demo.headers()
    assert demo.get("discover", headers=headers).status_int == 200
    demo.clock.advance(seconds=119)
    assert demo.get("discover", headers=headers).status_int == 200
    demo.clock.advance(seconds=1)
    assert demo.get("discover", headers=headers).status_int == 401


def test_remembered_jwt_with_one_character_changed_401(demo: Api) -> None:
    """Wherever one character changes, the token is another one."""
    token = demo.headers()[HEADER]
    assert status_of(demo, token) == 200
    # Of the last character Base64 uses only some bits.
    for index in range(len(token) - 1):
        other = "A" if token[index] != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        assert status_of(demo, changed) == 401, index


NO_NUMBERS = ['"1659355260"', '"x"', "[]", "[1]", "{}", "true", "null", "1e999", "NaN"]


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_jwt_with_a_time_that_is_no_number_401(
    demo: Api, claim: str, value: str
) -> None:
    """Times are numbers that are finite."""
    payload = f'{{"iss":"gitlab-shell","{claim}":{value}}}'
    assert status_of(demo, forge('{"alg":"HS256"}', payload)) == 401


@pytest.mark.parametrize(
    ("claim", "sign"), [("nbf", ""), ("iat", ""), ("exp", "-"), ("exp", "")]
)
@pytest.mark.parametrize("digits", [309, 400, 4000])
def test_jwt_with_a_time_beyond_all_times_401(
    demo: Api, claim: str, sign: str, digits: int
) -> None:
    """A number that is larger than any time is no time."""
    payload = f'{{"iss":"gitlab-shell","{claim}":{sign}1{"0" * digits}}}'
    assert status_of(demo, forge('{"alg":"HS256"}', payload)) == 401


HUGE = "1" + "0" * 5000
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ('{"alg":"HS256"}', f'{{"iss":"gitlab-shell","iat":{HUGE}}}'),
        ('{"alg":"HS256"}', f'{{"iss":"gitlab-shell","exp":-{HUGE}}}'),
        ('{"alg":"HS256"}', f'{{"iss":"gitlab-shell","nbf":{DEEP}}}'),
        ('{"alg":"HS256"}', DEEP),
        (DEEP, '{"iss":"gitlab-shell"}'),
        (f'{{"alg":"HS256","x":{HUGE}}}', '{"iss":"gitlab-shell","exp":0}'),
        ('{"alg":"HS256"}', '["gitlab-shell"]'),
        ('{"alg":"HS256"}', '"gitlab-shell"'),
        ('{"alg":"HS256"}', "null"),
        ('{"alg":"HS256"}', ""),
        ('{"alg":"HS256"}', "{"),
        ('{"alg":"HS256"}', b"\xff"),
        ('{"alg":"HS256"}', '{"iss":"gitlab-shell\\ud800"}'),
        ("[]", '{"iss":"gitlab-shell"}'),
        ("{}", '{"iss":"gitlab-shell"}'),
        ("", '{"iss":"gitlab-shell"}'),
        (b"\xff", '{"iss":"gitlab-shell"}'),
        ('{"alg":"HS256","crit":["x"],"x":1}', '{"iss":"gitlab-shell"}'),
        ('{"alg":"HS256","crit":1}', '{"iss":"gitlab-shell"}'),
        ('{"alg":"HS256","b64":false,"crit":["b64"]}', '{"iss":"gitlab-shell"}'),
    ],
)
def test_jwt_with_odd_content_401(
    demo: Api, header: bytes | str, payload: bytes | str
) -> None:
    """Whatever a signed token holds, it is refused and nothing breaks."""
    assert status_of(demo, forge(header, payload)) == 401


@pytest.mark.parametrize(
    "token",
    ["", " ", ".", "..", "...", "a.b", "a.b.c", "é.é.é", "\xff\xfe", "x" * 9000],
)
def test_garbage_instead_of_a_jwt_401(demo: Api, token: str) -> None:
    """What is no token is refused."""
    assert status_of(demo, token) == 401


def test_truncated_jwt_401(demo: Api) -> None:
    """A part of a token is no token."""
    token = demo.headers()[HEADER]
    for length in range(0, len(token) - 1, 7):
        assert status_of(demo, token[:length]) == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["alg", "typ", "crit", "b64", "kid", "iss", "exp", "nbf", "iat"]
)


@FEW
@given(
    header=st.dictionaries(NAMES, JSON) | JSON,
    payload=st.dictionaries(NAMES, JSON) | JSON,
)
def test_signed_jwt_of_anything(demo: Api, header: object, payload: object) -> None:
    """A token with the right signature and any content is accepted or refused."""
    if isinstance(header, dict):
        header = {"alg": "HS256"} | header
    if isinstance(payload, dict):
        payload = {"iss": "gitlab-shell"} | payload
    token = forge(json.dumps(header), json.dumps(payload))
    assert status_of(demo, token) in {200, 401}


@FEW
@given(token=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"])))
def test_any_header_401(demo: Api, token: str) -> None:
    """Any text in the header is refused."""
    assert status_of(demo, token) == 401


# ------------------------------------------------------------------ secret files


@pytest.mark.parametrize("content", [b" %s \n", b"%s\n", b"%s\r\n", b"%s"])
def test_jwt_signed_with_the_secret_trimmed_chomped_or_raw_200(
    tmp_path: Path, clock: Clock, content: bytes
) -> None:
    """Clients trim the file before they sign; older ones took its end or all of it."""
    content %= SECRET
    api = app_with_secret(tmp_path, clock, content)
    for key in (content.strip(), content.rstrip(b"\r\n"), content):
        token = forge('{"alg":"HS256"}', '{"iss":"gitlab-shell"}', secret=key)
        assert api.get(ROUTE, headers={HEADER: token}).json is None


def test_shared_secret_is_the_file_without_its_newline(
    tmp_path: Path, clock: Clock
) -> None:
    """What is compared is the chomped file: white space within it counts."""
    api = app_with_secret(tmp_path, clock, b" %s \n" % SECRET)
    for given_secret, status in ((b" %s \n" % SECRET, 200), (SECRET, 401)):
        header = base64.b64encode(given_secret).decode()
        api.get(ROUTE, headers={"Gitlab-Shared-Secret": header}, status=status)


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_short_secret(tmp_path: Path, clock: Clock) -> None:
    """An existing secret is used as it is, however short."""
    api = app_with_secret(tmp_path, clock, b"short\n")
    token = jwt.encode({"iss": "gitlab-shell"}, b"short", "HS256")
    api.get(ROUTE, headers={HEADER: token}, status=200)
    api.get(ROUTE, {"secret_token": "short"}, status=200)


def app_with_secret(folder: Path, clock: Clock, content: bytes) -> TestApp:
    """The application over the demo seed, with this secret file."""
    database = Database()
    database.create()
    seeds.load(database, [seeds.read("demo")])
    secrets = Secrets(content, bytes(32))
    return TestApp(create_app(Service(Config(data=folder), database, clock), secrets))


# ------------------------------------------------------------------ routes

SHELL_ROUTES = [
    ("POST", "allowed"),
    ("POST", "lfs_authenticate"),
    ("GET", "authorized_keys"),
    ("GET", "discover"),
    ("GET", "check"),
    ("GET", "two_factor_recovery_codes"),
    ("POST", "two_factor_recovery_codes"),
    ("POST", "personal_access_token"),
    ("POST", "error_tracking/allowed"),
    ("POST", "pre_receive"),
    ("POST", "post_receive"),
    ("POST", "two_factor_config"),
    ("POST", "two_factor_otp_check"),
    ("POST", "two_factor_manual_otp_check"),
    ("POST", "two_factor_push_otp_check"),
    ("GET", "authorized_certs"),
    ("GET", "lfs"),
]


@pytest.mark.parametrize(("method", "path"), SHELL_ROUTES)
def test_every_route_wants_a_credential(demo: Api, method: str, path: str) -> None:
    """Without a credential 401, before anything is said of the parameters."""
    call = demo.get if method == "GET" else demo.post
    answer = call(path, headers={})
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)
    assert call(path).status_int != 401 or call(path).json != UNAUTHORIZED


def test_git_audit_event_without_jwt_403(demo: Api) -> None:
    """Without a JWT it is Workhorse's turn, whose refusal is another one."""
    path = "shellhorse/git_audit_event"
    for headers in ({}, demo.shared_secret()):
        answer = demo.post(path, headers=headers)
        assert (answer.status_int, answer.json) == (403, {"message": "403 Forbidden"})


def test_git_audit_event_with_a_wrong_jwt_401(demo: Api) -> None:
    """A wrong JWT of GitLab Shell is refused as everywhere."""
    answer = demo.post("shellhorse/git_audit_event", headers=demo.headers(exp=0))
    assert (answer.status_int, answer.json) == (401, UNAUTHORIZED)
