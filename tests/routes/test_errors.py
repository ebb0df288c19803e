"""What the API answers when a request does not get as far as its resource."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from api import PREFIX, Api, MakeApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from internal_api.app import ROUTES

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BAD_REQUEST = (400, "text/plain", b"Bad Request")
NO_ROUTE = (404, JSON, b'{"error":"404 Not Found"}')
UNAUTHORIZED = (401, JSON, b'{"message":"401 Unauthorized"}')


def call(api: Api, method: str, path: str, **environ: Any) -> tuple[int, str, bytes]:
    """Call the application as a server does; without a credential of its own.

    Returns:
        Status, media type and body. The headers that every answer has are there.
    """
    body = environ.pop("body", b"")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.input": io.BytesIO(body),
    } | environ
    setup_testing_defaults(environ)
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answer.update(status=int(status[:3]), headers=dict(headers))

    chunks: Iterator[bytes] = api.app.app(environ, start_response)
    content = b"".join(chunks)
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"
    media_type = headers.get("content-type", "").partition(";")[0]
    return answer["status"], media_type, content


def credential(api: Api) -> dict[str, str]:
    """The JWT, as a server hands it over."""
    ((_name, token),) = api.headers().items()
    return {"HTTP_GITLAB_SHELL_API_REQUEST": token}


def refusal(status: int, error: str) -> tuple[int, str, bytes]:
    """An answer in Grape's own form."""
    return status, JSON, json.dumps({"error": error}, separators=(",", ":")).encode()


# ------------------------------------------------------------------ malformed

MALFORMED = {
    "bad JSON": {"body": b"{", "CONTENT_TYPE": JSON},
    "no UTF-8 in JSON": {"body": b'{"a":"\xff"}', "CONTENT_TYPE": JSON},
    "null byte in JSON": {"body": b'{"a":"\\u0000"}', "CONTENT_TYPE": JSON},
    "half a character in JSON": {"body": b'{"a":"\\ud800"}', "CONTENT_TYPE": JSON},
    "null byte within a list": {"body": b'{"a":["\\u0000"]}', "CONTENT_TYPE": JSON},
    "deep JSON": {"body": b"[" * 9000 + b"]" * 9000, "CONTENT_TYPE": JSON},
    "null byte in a form": {"body": b"a=%00", "CONTENT_TYPE": FORM},
    "no UTF-8 in a form": {"body": b"a=%ff", "CONTENT_TYPE": FORM},
    "conflict in a form": {"body": b"a=1&a[b]=2", "CONTENT_TYPE": FORM},
    "null byte in the query": {"QUERY_STRING": "a=%00"},
    "no UTF-8 in the query": {"QUERY_STRING": "a=%ff"},
    "bad escape in the query": {"QUERY_STRING": "a=%zz"},
    "truncated": {"body": b"a=1", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": "4"},
    "bad length": {"body": b"a=1", "CONTENT_TYPE": FORM, "CONTENT_LENGTH": "x"},
}


@pytest.mark.parametrize("environ", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(
    "path", [f"{PREFIX}allowed", f"{PREFIX}check", f"{PREFIX}nothing", "/-/health"]
)
def test_malformed_request_400(demo: Api, path: str, environ: dict[str, Any]) -> None:
    """What cannot be read is refused before anything else, even an unknown path."""
    environ = environ | {"wsgi.input": io.BytesIO(environ.get("body", b""))}
    assert call(demo, "POST", path, **environ) == BAD_REQUEST


@pytest.mark.parametrize("path", ["\0", "\xff", "\xc3"])
def test_malformed_path_400(demo: Api, path: str) -> None:
    """A path with a null byte, or without UTF-8, is refused."""
    assert call(demo, "GET", PREFIX + path) == BAD_REQUEST


# ------------------------------------------------------------------ routes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PREFIX}nothing"),
        ("GET", "/"),
        ("GET", "/api/v4"),
        ("GET", PREFIX),
        ("GET", f"{PREFIX}allowed/x"),
        ("GET", f"{PREFIX}alloweD"),
        ("GET", f"{PREFIX}\xc3\xa9"),
        ("GET", "/api/v5/internal/check"),
        ("GET", f"{PREFIX}allowed"),
        ("HEAD", f"{PREFIX}allowed"),
        ("PUT", f"{PREFIX}allowed"),
        ("DELETE", f"{PREFIX}check"),
        ("POST", f"{PREFIX}check"),
        ("POST", "/-/health"),
        ("PATCH", f"{PREFIX}discover"),
        ("TRACE", f"{PREFIX}discover"),
        ("BREW", f"{PREFIX}discover"),
        ("GET", f"{PREFIX}personal_access_token"),
        ("POST", f"{PREFIX}merge_request_urls"),
        ("GET", f"{PREFIX}broadcast_messages"),
        ("POST", f"{PREFIX}notify_post_receive"),
    ],
)
def test_unknown_route_404(demo: Api, method: str, path: str) -> None:
    """An unknown path, and a known one with another verb, are found missing."""
    status, media_type, body = NO_ROUTE
    expected = (status, media_type, b"" if method == "HEAD" else body)
    assert call(demo, method, path) == expected
    assert call(demo, method, path, **credential(demo)) == expected


def test_the_three_spellings_of_404(demo: Api) -> None:
    """A missing route, a missing thing and a missing record read differently."""
    params = {"gl_repository": "project-3", "project": "gnuwget/wget2"}
    assert demo.get("nothing").json == {"error": "404 Not Found"}
    assert demo.get("lfs", params | {"oid": "x"}).json == {"message": "404 Not Found"}
    assert demo.get("authorized_keys?key=").json == {"message": "404 Key Not Found"}
    answer = demo.post("lfs_authenticate", params)
    assert answer.json == {"message": "404 Not found"}
    assert answer.status_int == 404


@pytest.mark.parametrize("path", ["", "/", "/x", "/internal/check"])
def test_api_v3_410(demo: Api, path: str) -> None:
    """Version 3 is gone."""
    body = b'{"error":"API V3 is no longer supported. Use API V4 instead."}'
    assert call(demo, "POST", f"/api/v3{path}") == (410, JSON, body)


def test_api_v3_with_more_is_another_path(demo: Api) -> None:
    """Only the version itself is gone."""
    assert call(demo, "GET", "/api/v30/internal/check") == NO_ROUTE


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("allowed", {"OPTIONS", "POST"}),
        ("check", {"OPTIONS", "GET", "HEAD"}),
        ("two_factor_recovery_codes", {"OPTIONS", "GET", "HEAD", "POST"}),
    ],
)
def test_options_204(demo: Api, path: str, allowed: set[str]) -> None:
    """OPTIONS tells the verbs, to anybody."""
    answer = demo.app.options(PREFIX + path)
    assert (answer.status_int, answer.body) == (204, b"")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_options_of_an_unknown_path_404(demo: Api) -> None:
    """OPTIONS of nothing is nothing."""
    assert call(demo, "OPTIONS", f"{PREFIX}nothing") == NO_ROUTE


def test_head_200(demo: Api) -> None:
    """HEAD is answered as GET, without the body."""
    credentials = credential(demo)
    answer = call(demo, "HEAD", f"{PREFIX}check", **credentials)
    assert answer == (200, JSON, b"")
    assert call(demo, "HEAD", f"{PREFIX}check") == (401, JSON, b"")


@pytest.mark.parametrize("path", ["check", "check/"])
def test_trailing_slash(demo: Api, path: str) -> None:
    """A trailing slash never matters."""
    assert demo.get(path).status_int == 200
    assert (
        call(demo, "GET", f"/-/{'health/' if path[-1] == '/' else 'health'}")[0] == 200
    )


def test_relative_url_root(make_api: MakeApi) -> None:
    """Below a prefix everything answers, and nothing without it."""
    api = make_api(relative_url_root="/gitlab/")
    for path in ("/-/health", f"{PREFIX}check"):
        assert call(api, "GET", f"/gitlab{path}", **credential(api))[0] == 200
        assert call(api, "GET", path, **credential(api)) == NO_ROUTE
    assert call(api, "GET", "/gitlab/api/v3")[0] == 410


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("text/plain", "text/plain"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/xml", "application/xml"),
        ("application/octet-stream", "application/octet-stream"),
        ("", ""),
        (";", ""),
    ],
)
def test_unsupported_media_type_415(demo: Api, content_type: str, named: str) -> None:
    """A body that is no form, no multipart and no JSON is refused before the caller."""
    environ = {"body": b"x", "CONTENT_TYPE": content_type}
    error = f"The provided content-type '{named}' is not supported."
    answer = call(demo, "POST", f"{PREFIX}allowed", **environ)
    assert answer == refusal(415, error)


def test_format_is_looked_at_before_the_body(demo: Api) -> None:
    """Of an unknown format and a body of an unknown type, the format is told."""
    environ = {"body": b"x", "CONTENT_TYPE": "text/plain", "QUERY_STRING": "format=xml"}
    error = "The requested format 'xml' is not supported."
    answer = call(demo, "POST", f"{PREFIX}allowed", **environ)
    assert answer == refusal(406, error)


def test_no_body_415_not(demo: Api) -> None:
    """Without a body its type does not matter."""
    answer = call(demo, "POST", f"{PREFIX}allowed", CONTENT_TYPE="text/plain")
    assert answer == UNAUTHORIZED


def test_body_of_an_unknown_type_with_get(demo: Api) -> None:
    """Of a GET the type of the body does not matter."""
    environ = {"body": b"x", "CONTENT_TYPE": "text/plain"} | credential(demo)
    assert call(demo, "GET", f"{PREFIX}check", **environ)[0] == 200


@pytest.mark.parametrize("environ", [{}, {"body": b"{}", "CONTENT_TYPE": JSON}])
def test_unknown_format_406(demo: Api, environ: dict[str, Any]) -> None:
    """Another `format` than JSON is refused, before the caller."""
    path, error = f"{PREFIX}check", "The requested format 'xml' is not supported."
    answer = call(demo, "GET", path, QUERY_STRING="format=xml", **environ)
    assert answer == refusal(406, error)
    assert call(demo, "GET", path, QUERY_STRING="format=json") == UNAUTHORIZED
    assert call(demo, "GET", path, HTTP_ACCEPT="application/xml") == UNAUTHORIZED


@pytest.mark.parametrize(
    ("query", "shown"), [("format[]=xml", '["xml"]'), ("format", "")]
)
def test_format_that_is_no_text_406(demo: Api, query: str, shown: str) -> None:
    """A `format` of another type is shown as Ruby shows it."""
    answer = call(demo, "GET", f"{PREFIX}check", QUERY_STRING=query)
    assert answer == refusal(406, f"The requested format '{shown}' is not supported.")


def test_format_of_an_unknown_route_404(demo: Api) -> None:
    """The route is looked for first."""
    environ = {"body": b"x", "CONTENT_TYPE": "text/plain", "QUERY_STRING": "format=xml"}
    assert call(demo, "POST", f"{PREFIX}nothing", **environ) == NO_ROUTE


def test_caller_before_parameters_401(demo: Api) -> None:
    """Who calls is asked before what is missing."""
    assert call(demo, "GET", f"{PREFIX}lfs") == UNAUTHORIZED
    answer = call(demo, "GET", f"{PREFIX}lfs", **credential(demo))
    assert answer == refusal(400, "oid is missing, gl_repository is missing")


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="key_id"\r\n\r\n7\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n\xff\r\n'
    b"--x--\r\n"
)
DISCOVERED = b'{"id":7,"username":"rubi","name":"Dede Eichmann"}'


def test_multipart(demo: Api) -> None:
    """The fields of a multipart body are parameters; its files are not."""
    environ = {"body": MULTIPART, "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    answer = call(demo, "GET", f"{PREFIX}discover", **environ, **credential(demo))
    assert answer == (200, JSON, DISCOVERED)


def test_broken_multipart_400(demo: Api) -> None:
    """A multipart body that is none is refused in Grape's words."""
    content_type = "multipart/form-data; boundary=y"
    environ = {"body": MULTIPART, "CONTENT_TYPE": content_type}
    error = f"Empty message body supplied with {content_type} content-type"
    answer = call(demo, "POST", f"{PREFIX}allowed", **environ)
    assert answer == refusal(400, error)


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    "environ",
    [
        {"QUERY_STRING": "key_id=7"},
        {"body": b"key_id=7", "CONTENT_TYPE": FORM},
        {"body": b'{"key_id":7}', "CONTENT_TYPE": JSON},
        {"body": b'{"key_id":"7"}', "CONTENT_TYPE": "Application/JSON; charset=utf-8"},
        {"body": b'{"key_id":7}', "CONTENT_TYPE": JSON, "QUERY_STRING": "key_id=11"},
        {"body": b'{"key_id":null,"user_id":7,"x":[1]}', "CONTENT_TYPE": JSON},
        {"QUERY_STRING": "key_id=7", "CONTENT_TYPE": JSON},
        {"QUERY_STRING": "key_id=7", "body": b"[1]", "CONTENT_TYPE": JSON},
        {"QUERY_STRING": "key_id=7", "body": b'"x"', "CONTENT_TYPE": JSON},
        {"QUERY_STRING": "key_id=7;key_id=11"},
    ],
    ids=[
        "query",
        "form",
        "JSON",
        "JSON with a charset",
        "the body wins over the query",
        "null is absent, others are ignored",
        "a bodiless GET with the type of JSON",
        "JSON that is a list",
        "JSON that is a text",
        "a semicolon does not separate",
    ],
)
def test_parameters(demo: Api, environ: dict[str, Any]) -> None:
    """Query, form and JSON bring parameters alike."""
    environ = environ | {"wsgi.input": io.BytesIO(environ.get("body", b""))}
    answer = call(demo, "GET", f"{PREFIX}discover", **environ, **credential(demo))
    assert answer == (200, JSON, DISCOVERED)


def test_chunked_body(demo: Api) -> None:
    """A body without a length is read until it ends."""
    environ = {
        "wsgi.input": io.BytesIO(b'{"gl_repository":"project-7"}'),
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": JSON,
    }
    answer = call(demo, "POST", f"{PREFIX}pre_receive", **environ, **credential(demo))
    assert answer == (200, JSON, b'{"reference_counter_increased":true}')


def test_body_that_breaks_off_400(demo: Api) -> None:
    """A connection that breaks within the body is no failure of the service."""

    class Broken(io.BytesIO):
        def read(self, _size: int | None = None) -> bytes:
            raise OSError("connection reset")

    environ = {"wsgi.input": Broken(), "CONTENT_LENGTH": "9", "CONTENT_TYPE": FORM}
    assert call(demo, "POST", f"{PREFIX}allowed", **environ) == BAD_REQUEST


def test_database_gone_503(demo: Api) -> None:
    """Where the state cannot be read the answer is GitLab's for that."""
    with demo.database.writing() as connection:
        connection.execute("DROP TABLE application_settings")
    answer = demo.get("check")
    assert answer.status_int == 503
    assert answer.json == {"message": "503 Service Unavailable"}


def test_unexpected_error_500(
    demo: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of the service is logged without parameters, and told to nobody."""

    def fail() -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(demo.database, "reading", fail)
    answer = demo.get("check?secret_token=s3cret")
    assert answer.status_int == 500
    assert answer.json == {"message": "500 Internal Server Error"}
    assert "a mistake" in caplog.text
    assert "s3cret" not in caplog.text


# ------------------------------------------------------------------ anything

MANY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PATHS = st.sampled_from([path for path, _kind in ROUTES])
LATIN = st.text(st.characters(max_codepoint=255))
CONTENT_TYPES = st.sampled_from(
    [FORM, JSON, "multipart/form-data; boundary=x", "multipart/form-data", "text/x"]
)
TEXTS = [
    "",
    "0",
    "7",
    "11",
    "project-3",
    "wiki-3",
    "snippet-1",
    "gnuwget/wget2",
    "rubi",
]
TEXTS += ["root/new", "user-7", "key-11", "git-upload-pack", "git-receive-pack", "_any"]
TEXTS += [
    "ssh",
    "http",
    f"{'0' * 40} {'1' * 40} refs/heads/main",
    "api",
    "merge_request",
]
TEXTS += ['{"GIT_OBJECT_DIRECTORY_RELATIVE":"objects"}', "merge_request.create"]
VALUES = st.recursive(
    st.sampled_from(TEXTS)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(TEXTS) | st.text(), children, max_size=4)
    ),
    max_leaves=6,
)


def assert_is_answer(answer: tuple[int, str, bytes]) -> None:
    """Not the service's fault, and JSON or one of the two texts."""
    status, media_type, body = answer
    assert status < 500, answer
    if media_type == "text/plain":
        assert body in {b"Bad Request", b"GitLab OK", b""}, answer
    elif body:
        assert media_type in {JSON, "application/scim+json"}, answer
        json.loads(body)


HEADERS = [
    "HTTP_ACCEPT",
    "HTTP_AUTHORIZATION",
    "HTTP_GITLAB_ERROR_TRACKING_TOKEN",
    "HTTP_GITLAB_SHARED_SECRET",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_SENDFILE_TYPE",
    "CONTENT_LENGTH",
]
ENVIRONS = st.fixed_dictionaries(
    {
        "QUERY_STRING": LATIN,
        "CONTENT_TYPE": CONTENT_TYPES | LATIN,
        "body": st.binary(),
    },
    optional=dict.fromkeys(HEADERS, LATIN),
)


@MANY
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "X"]),
    path=PATHS | LATIN.map("/{}".format) | st.tuples(PATHS, LATIN).map("".join),
    environ=ENVIRONS,
)
def test_any_request(
    demo: Api, method: str, path: str, environ: dict[str, Any]
) -> None:
    """Whatever is sent, the answer is one of the documented forms and no failure."""
    assert_is_answer(call(demo, method, path, **environ, **credential(demo)))


CHANGE = f"{'1' * 40} {'2' * 40} refs/heads/main"
WGET = {"gl_repository": "project-3", "project": "gnuwget/wget2"}
PUSH = {"action": "git-receive-pack", "protocol": "ssh", "changes": CHANGE}
CODE = {"key_id": 7, "otp_attempt": "123456"}
TOKEN = {"key_id": 11, "name": "ci", "scopes": ["api"], "expires_at": "2030-01-01"}
VALID: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "allowed"): {"key_id": 11, **WGET, **PUSH, "env": "{}", "check_ip": "::1"},
    ("POST", "lfs_authenticate"): {"key_id": 11, **WGET, "operation": "upload"},
    ("GET", "authorized_keys"): {"key": "AAAA"},
    ("GET", "discover"): {"username": "root"},
    ("POST", "two_factor_recovery_codes"): {"key_id": 7},
    ("POST", "personal_access_token"): TOKEN,
    ("POST", "error_tracking/allowed"): {"project_id": 111, "public_key": "k"},
    ("POST", "pre_receive"): WGET,
    ("POST", "post_receive"): {**WGET, "identifier": "key-11", "changes": CHANGE},
    ("POST", "two_factor_config"): {"key_id": 7},
    ("POST", "two_factor_manual_otp_check"): CODE,
    ("POST", "two_factor_push_otp_check"): CODE,
    ("GET", "authorized_certs"): {"key": "A" * 43, "user_identifier": "root"},
    ("GET", "lfs"): {"oid": "0" * 64, **WGET},
    ("POST", "shellhorse/git_audit_event"): {
        "username": "root",
        **WGET,
        **PUSH,
        "packfile_stats": {"wants": 1},
    },
}
NAMES = sorted({name for params in VALID.values() for name in params})
NAMES += [
    "user_id",
    "push_options",
    "gitaly_client_context_bin",
    "error_tracking_token",
]
LIKELY: dict[str, list[Any]] = {
    "user_id": [1, "7"],
    "gl_repository": [
        "wiki-7",
        "project-\u0663",
        "project-1_1",
        "design-3",
        "project-99",
    ],
    "project": ["/gnuwget/wget2.git", "root/new", "root/-", "x.wiki", "root/a.wiki"],
    "changes": ["_any", ["a b c"], "a", [CHANGE], CHANGE.replace("1", "0"), [None], ""],
    "env": [
        '{"GIT_OBJECT_DIRECTORY_RELATIVE":"\\u0000"}',
        '{"GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":[1,null,"../.."]}',
    ],
    "packfile_stats": [{"wants": "x"}, {"haves": [1]}],
    "push_options": [["merge_request.create"], "mr.target=x", [1], [["x"]], {"a": 1}],
}


@pytest.mark.parametrize(("method", "path"), VALID)
@settings(MANY, max_examples=80)
@given(data=st.data())
def test_any_parameters(demo: Api, method: str, path: str, data: st.DataObject) -> None:
    """Whatever the parameters of a route are, the answer is no failure."""
    names = data.draw(st.lists(st.sampled_from(NAMES), max_size=4))
    likely = (st.sampled_from(LIKELY.get(name, TEXTS)) for name in names)
    odd = {
        name: data.draw(value | VALUES)
        for name, value in zip(names, likely, strict=True)
    }
    absent = data.draw(st.sampled_from(["", *VALID[method, path]]))
    params = {**VALID[method, path], **odd}
    params.pop(absent, None)
    environ = {"body": json.dumps(params).encode(), "CONTENT_TYPE": JSON}
    answer = call(demo, method, PREFIX + path, **environ, **credential(demo))
    assert_is_answer(answer)
    assert answer != NO_ROUTE
