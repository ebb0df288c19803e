"""Parameters are read as by Rack, checked as by Grape and cast as by Rails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from internal_api import params
from internal_api.params import (
    MalformedRequest,
    ParameterError,
    Rule,
    mutually_exclusive,
    optional,
    requires,
)

CONTENT_TYPE = "multipart/form-data; boundary=X"
INT64 = st.integers(params.MIN_INTEGER, params.MAX_INTEGER)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
    ),
    max_leaves=12,
)


def untyped(value: object) -> object:
    """Take any value."""
    return value


# ---------------------------------------------------------------- queries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&a=2", {"a": "2"}),
        ("a&b=", {"a": None, "b": ""}),
        ("a=1=2", {"a": "1=2"}),
        ("=1&&a=1&", {"a": "1"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=1& b=2", {"a": "1", "b": "2"}),
        ("key=AB%2BC%2f%3D+d", {"key": "AB+C/= d"}),
        ("n%C3%A9=%E2%82%AC", {"né": "€"}),
        ("n=\xc3\xa9", {"n": "é"}),
        ("scopes[]=a&scopes[]=b", {"scopes": ["a", "b"]}),
        ("scopes%5B%5D=a", {"scopes": ["a"]}),
        ("scopes[]", {"scopes": [None]}),
        ("scopes[]=", {"scopes": [""]}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a&a[b]=1", {"a": {"b": "1"}}),
        ("a[b][]=1&a[b][]=2", {"a": {"b": ["1", "2"]}}),
        ("a[][b]=1&a[][c]=2", {"a": [{"b": "1", "c": "2"}]}),
        ("a[][b]=1&a[][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a[][b][c]=1&a[][b][d]=2", {"a": [{"b": {"c": "1", "d": "2"}}]}),
        ("a[][b][c]=1&a[][b][c]=2", {"a": [{"b": {"c": "1"}}, {"b": {"c": "2"}}]}),
        ("a[][b][]=1&a[][b][]=2", {"a": [{"b": ["1", "2"]}]}),
        ("a[][]=1", {"a": [["1"]]}),
        ("a[=1", {"a[": "1"}),
        ("[a]=1", {"a": "1"}),
        ("[]=1", {}),
    ],
)
def test_query_nests_as_in_rack(text: str, expected: dict[str, object]) -> None:
    """A query gives what Rack makes of it."""
    assert params.parse_query(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a=%zz",
        "a=%",
        "%f=1",
        "a=%ff",
        "%c3=1",
        "a=\xff",
        "a=€",
        "a=%00",
        "a%00=1",
        "a=\0",
        "a[b][c]=%00",
        "a[]=1&a[b]=2",
        "a=1&a[]=2",
        "a=1&a[b]=2",
        "a[b]=1&a[][b]=2",
        "a" + "[b]" * params.MAX_FORM_NESTING + "=1",
        "a&" * params.MAX_PARAMETERS,
    ],
)
def test_malformed_query_is_refused(text: str) -> None:
    """What Rack or GitLab's middleware cannot take is malformed."""
    with pytest.raises(MalformedRequest):
        params.parse_query(text)


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0[]"), min_size=1, max_size=5
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
FORMS = st.dictionaries(
    NAMES,
    st.recursive(
        TEXTS | st.lists(TEXTS, min_size=1, max_size=3),
        lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
        max_leaves=6,
    ),
)


def pairs(name: str, value: object) -> list[str]:
    """Write a value as the pairs of a query."""
    match value:
        case dict():
            return [p for key in value for p in pairs(f"{name}[{key}]", value[key])]
        case list():
            return [pair for item in value for pair in pairs(f"{name}[]", item)]
        case _:
            return [f"{quote_plus(name)}={quote_plus(str(value))}"]


@given(FORMS)
def test_nested_query_comes_back(form: dict[str, Any]) -> None:
    """What is written as a query is read back unchanged."""
    query = "&".join(pair for name in form for pair in pairs(name, form[name]))
    assert params.parse_query(query) == form


@given(
    st.one_of(
        st.text(),
        st.binary().map(lambda octets: octets.decode("latin-1")),
        st.lists(st.sampled_from(["a", "b", "[", "]", "[]", "=", "&", "%", "%41"])).map(
            "".join
        ),
    )
)
def test_any_query_is_read_or_malformed(text: str) -> None:
    """Whatever the query, nothing but MalformedRequest comes up."""
    with suppress(MalformedRequest):
        assert "\0" not in "".join(params.parse_query(text))


# ------------------------------------------------------------ JSON, multipart


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"[1]", {}),
        (b'"a"', {}),
        (b"null", {}),
        (b'{"a":null,"b":""}', {"a": None, "b": ""}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":"\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a":[[["\\u0000"]]]}', {"a": [[["\0"]]]}),
        (
            b'{"a":123456789012345678901234567890}',
            {"a": 123456789012345678901234567890},
        ),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ],
)
def test_json_object_gives_parameters(body: bytes, expected: dict[str, object]) -> None:
    """An object gives its members; any other value silently gives none."""
    assert params.parse_json(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"{}x",
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\\u0000"}',
        b'{"\\u0000":1}',
        b'{"a":{"b":["\\u0000"]}}',
        b'{"a":{"b":{"\\u0000":1}}}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b"[" * 100_000,
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    """What is no JSON, no UTF-8, nested too deep or has null bytes is malformed."""
    with pytest.raises(MalformedRequest):
        params.parse_json(body)


def test_json_may_be_wide_and_nest_a_hundred_deep() -> None:
    """The limit is on the depth, and it is that of Ruby's JSON parser."""
    body = b'{"a":' * 100 + b"1" + b"}" * 100
    assert msgspec.json.encode(params.parse_json(body)) == body
    assert params.parse_json(b'{"a":[' + b"[]," * 500 + b"1]}")["a"]


@given(st.binary() | JSON_VALUES.map(msgspec.json.encode))
def test_any_body_is_read_or_malformed(body: bytes) -> None:
    """Whatever the body, nothing but MalformedRequest comes up."""
    with suppress(MalformedRequest):
        assert isinstance(params.parse_json(body), dict)


def multipart(*parts: tuple[str, str]) -> bytes:
    """Write a form-data body of (disposition, value) pairs."""
    lines = "".join(
        f"--X\r\nContent-Disposition: form-data{disposition}\r\n\r\n{value}\r\n"
        for disposition, value in parts
    )
    return f"{lines}--X--\r\n".encode("latin-1")


def test_multipart_fields_nest_as_in_a_query() -> None:
    """Fields are parameters, files and nameless parts are not."""
    body = multipart(
        ('; name="a"', "v"),
        ('; name="scopes[]"', "x"),
        ('; name="scopes[]"', "\xc3\xa9"),
        ('; name="file"; filename="f"', "content"),
        ("", "nameless"),
    )
    expected = {"a": "v", "scopes": ["x", "é"]}
    assert params.parse_multipart(body, CONTENT_TYPE) == expected
    assert params.parse_multipart(b"", CONTENT_TYPE) == {}
    related = CONTENT_TYPE.replace("form-data", "related")
    assert params.parse_multipart(body, related) == expected


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"foo", CONTENT_TYPE),
        (multipart(('; name="a"', "v"))[:-9], CONTENT_TYPE),
        (multipart(('; name="a"', "v")), "multipart/form-data; boundary=Y"),
        (multipart(('; name="a"', "v")), "multipart/form-data"),
    ],
)
def test_unreadable_multipart_echoes_its_type(body: bytes, content_type: str) -> None:
    """A body that does not fit its content type is told so in Grape's words."""
    message = f"Empty message body supplied with {content_type} content-type"
    with pytest.raises(ParameterError) as caught:
        params.parse_multipart(body, content_type)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("disposition", "value"),
    [
        ('; name="a"', "\xff"),
        ('; name="\xff"', "v"),
        ('; name="a"', "\0"),
        ('; name="a[b]"', "\0"),
        ('; name="a' + "[b]" * params.MAX_FORM_NESTING + '"', "v"),
    ],
)
def test_malformed_multipart_is_refused(disposition: str, value: str) -> None:
    """What is malformed in a query is malformed in a multipart body too."""
    with pytest.raises(MalformedRequest):
        params.parse_multipart(multipart((disposition, value)), CONTENT_TYPE)


@given(
    st.lists(
        st.binary(max_size=6)
        | st.sampled_from([b"--X", b"--X--", b"\r\n", b"\r\n\r\n", b'"', b"%"])
        | st.just(b'Content-Disposition: form-data; name="a"'),
        max_size=12,
    ).map(b"".join)
)
def test_any_multipart_body_is_read_or_refused(body: bytes) -> None:
    """Whatever the body, nothing but the two documented errors comes up."""
    with suppress(MalformedRequest, ParameterError):
        assert isinstance(params.parse_multipart(body, CONTENT_TYPE), dict)


def test_body_wins_over_query() -> None:
    """A parameter of both is that of the body, even when it is null."""
    query: dict[str, object] = {"a": "1", "b": "2"}
    assert params.merge(query, {"b": None}) == {"a": "1", "b": None}


# ---------------------------------------------------------------- casting


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, 12),
        (-1, -1),
        ("12", 12),
        ("12abc", 12),
        (" \n7 ", 7),
        ("+7", 7),
        ("-7", -7),
        ("1_000", 1000),
        ("1__0", 1),
        ("0x10", 0),
        ("007", 7),
        (1.9, 1),
        (True, 1),
        (str(params.MAX_INTEGER), params.MAX_INTEGER),
        (str(params.MIN_INTEGER), params.MIN_INTEGER),
        ("abc", None),
        ("_1", None),
        ("- 7", None),
        ("", None),
        ("\u0661", None),
        (None, None),
        ([1], None),
        ({"id": 1}, None),
        (params.MAX_INTEGER + 1, None),
        (params.MIN_INTEGER - 1, None),
        (float(2**63), None),
        (str(2**64), None),
        ("9" * 5000, None),
    ],
)
def test_id_is_cast_as_rails_casts(value: object, expected: int | None) -> None:
    """An id is the number a value starts with, and nothing beyond 64 bits."""
    assert params.to_id(value) == expected
    assert type(params.to_id(value)) is type(expected)


@given(INT64, st.text())
def test_every_number_is_an_id_in_both_forms(number: int, rest: str) -> None:
    """A number and the text that starts with it are the same id."""
    rest = rest.lstrip("_0123456789")
    assert params.to_id(number) == params.to_id(f"{number}{rest}") == number


@given(JSON_VALUES)
def test_any_value_is_cast(value: object) -> None:
    """Whatever was sent, an id fits into SQLite and a text is a text."""
    number = params.to_id(value)
    assert number is None or params.MIN_INTEGER <= number <= params.MAX_INTEGER
    assert isinstance(params.to_text(value), str | None)
    assert params.present(value) or params.blank(value)


@pytest.mark.parametrize(
    ("value", "text", "present", "blank"),
    [
        ("a", "a", True, False),
        ("", "", True, True),
        (" \n", " \n", True, True),
        (0, "0", True, False),
        (5, "5", True, False),
        (1.5, "1.5", True, False),
        (True, "true", True, False),
        (False, "false", False, True),
        (None, None, False, True),
        ([], None, True, True),
        ({}, None, True, True),
        ([None], None, True, False),
    ],
)
def test_value_is_taken_as_ruby_takes_it(
    value: object, text: str | None, *, present: bool, blank: bool
) -> None:
    """Text, truth and blankness of a value are those of Ruby on Rails."""
    assert params.to_text(value) == text
    assert params.present(value) is present
    assert params.blank(value) is blank


# -------------------------------------------------------------- declaring

LFS = (requires("oid", params.string), requires("gl_repository", params.string))
GIT_AUDIT_EVENT = (
    requires("action", params.string),
    requires("protocol", params.string),
    requires("gl_repository", params.string),
    requires("changes", untyped),
    optional("check_ip", params.string),
    optional(
        "packfile_stats",
        params.mapping,
        (optional("wants", params.integer), optional("haves", params.integer)),
    ),
)
USAGE_METRICS = (
    optional("gitops_sync_count", params.integer),
    optional("k8s_api_proxy_request_count", params.integer),
    optional(
        "counters",
        params.mapping,
        (
            optional("gitops_sync", params.integer),
            optional("k8s_api_proxy_request", params.integer),
        ),
    ),
    mutually_exclusive("counters", "gitops_sync_count"),
    mutually_exclusive("counters", "k8s_api_proxy_request_count"),
    optional(
        "unique_counters",
        params.mapping,
        (optional("agent_users_using_ci_tunnel", params.array_of(params.integer)),),
    ),
)
AGENT_CONFIGURATION = (
    requires("agent_id", params.integer),
    requires("agent_config", params.json),
)
AUTHORIZE_PROXY_USER = (
    requires("agent_id", params.integer),
    requires("access_type", params.string, values=("session_cookie",)),
    requires("access_key", params.string),
    requires("csrf_token", params.string, allow_blank=False),
)
PROXY_USER = {"agent_id": 1, "access_type": "session_cookie", "access_key": "k"}
AGENT_EVENTS = (
    optional(
        "events",
        params.mapping,
        (
            optional(
                "k8s_api_proxy_requests_unique_users_via_ci_access",
                params.array,
                (
                    requires("user_id", params.integer),
                    requires("project_id", params.integer),
                ),
            ),
        ),
    ),
)
CILIUM_ALERT = (requires("alert", params.mapping),)
STARBOARD = (
    requires(
        "vulnerability",
        params.mapping,
        (
            requires("name", params.string),
            requires("severity", params.string),
            optional("confidence", params.string),
            requires(
                "location",
                params.mapping,
                (
                    requires(
                        "kubernetes_resource",
                        params.mapping,
                        (
                            requires("namespace", params.string),
                            requires("name", params.string),
                            requires("kind", params.string),
                            optional("agent_id", params.string),
                        ),
                    ),
                ),
            ),
            requires(
                "identifiers",
                params.array,
                (
                    requires("type", params.string),
                    requires("name", params.string),
                    optional("url", params.string),
                ),
            ),
            optional("links", params.array),
        ),
    ),
    requires(
        "scanner",
        params.mapping,
        (
            requires("id", params.string),
            requires("name", params.string),
            optional("vendor", untyped),
        ),
    ),
)
SCAN_RESULT = (requires("uuids", params.array_of(params.string)),)
SUBSCRIPTION = (
    requires("start_date", params.date),
    optional("end_date", params.date),
    optional("plan_code", params.string),
    optional("seats", params.integer),
    optional("auto_renew", params.boolean),
    optional("trial", params.boolean),
)
MINUTES = (
    requires(
        "packs",
        params.array,
        (
            requires("number_of_minutes", params.integer),
            requires("expires_at", params.date),
            requires("purchase_xid", params.string),
        ),
    ),
)
RECONCILIATIONS = (
    requires(
        "upcoming_reconciliations",
        params.json_array,
        (
            requires("namespace_id", params.integer, allow_blank=False),
            requires("next_reconciliation_date", params.date),
            requires("display_alert_from", params.date),
        ),
    ),
)
RECONCILIATION = {
    "namespace_id": 22,
    "next_reconciliation_date": "13 Jun 2021",
    "display_alert_from": "2021-06-06",
}
COERCED_RECONCILIATION = {
    "namespace_id": 22,
    "next_reconciliation_date": date(2021, 6, 13),
    "display_alert_from": date(2021, 6, 6),
}
RECONCILIATION_DELETION = (requires("namespace_id", params.integer, allow_blank=False),)
RESOURCE = {"namespace": "production", "name": "nginx", "kind": "deployment"}
VULNERABILITY = {
    "name": "CVE-123-4567 in libc",
    "severity": "High",
    "location": {"kubernetes_resource": RESOURCE, "image": "nginx"},
    "identifiers": [{"type": "cve", "name": "CVE-123-4567", "value": "x"}],
}
SCANNER = {"id": "starboard", "name": "Starboard", "vendor": "GitLab"}
DECLARATIONS = (
    *(LFS, GIT_AUDIT_EVENT, USAGE_METRICS, AGENT_CONFIGURATION, AUTHORIZE_PROXY_USER),
    *(AGENT_EVENTS, CILIUM_ALERT, STARBOARD, SCAN_RESULT, SUBSCRIPTION, MINUTES),
    *(RECONCILIATIONS, RECONCILIATION_DELETION),
)

ACCEPTED: list[tuple[Sequence[Rule], dict[str, Any], dict[str, Any]]] = [
    (LFS, {"oid": None, "gl_repository": ""}, {"oid": None, "gl_repository": ""}),
    (
        GIT_AUDIT_EVENT,
        {
            "action": "a",
            "protocol": "ssh",
            "gl_repository": "project-1",
            "changes": "_any",
        }
        | {"packfile_stats": {"wants": "3", "other": 1}, "key_id": 1},
        {
            "action": "a",
            "protocol": "ssh",
            "gl_repository": "project-1",
            "changes": "_any",
        }
        | {"packfile_stats": {"wants": 3, "other": 1}},
    ),
    (USAGE_METRICS, {}, {}),
    (USAGE_METRICS, {"gitops_sync_count": 1}, {"gitops_sync_count": 1}),
    (
        USAGE_METRICS,
        {"counters": {"gitops_sync": 10, "k8s_api_proxy_request": "5", "unknown": "x"}}
        | {"unique_counters": {"agent_users_using_ci_tunnel": ["10", 7]}, "other": 1},
        {"counters": {"gitops_sync": 10, "k8s_api_proxy_request": 5, "unknown": "x"}}
        | {"unique_counters": {"agent_users_using_ci_tunnel": [10, 7]}},
    ),
    (
        USAGE_METRICS,
        {"counters": {"gitops_sync": ""}, "gitops_sync_count": None},
        {"counters": {"gitops_sync": None}, "gitops_sync_count": None},
    ),
    (
        USAGE_METRICS,
        {"counters": {}, "unique_counters": {"agent_users_using_ci_tunnel": []}},
        {"counters": {}, "unique_counters": {"agent_users_using_ci_tunnel": []}},
    ),
    (USAGE_METRICS, {"counters": None}, {"counters": None}),
    (
        AGENT_CONFIGURATION,
        {"agent_id": "123", "agent_config": '{"ci_access":{}}'},
        {"agent_id": 123, "agent_config": {"ci_access": {}}},
    ),
    (
        AGENT_CONFIGURATION,
        {"agent_id": -1, "agent_config": {}},
        {"agent_id": -1, "agent_config": {}},
    ),
    (
        AUTHORIZE_PROXY_USER,
        PROXY_USER | {"csrf_token": "t"},
        PROXY_USER | {"csrf_token": "t"},
    ),
    (
        AGENT_EVENTS,
        {"events": {"k8s_api_proxy_requests_unique_users_via_ci_access": []}},
        {"events": {"k8s_api_proxy_requests_unique_users_via_ci_access": []}},
    ),
    (CILIUM_ALERT, {"alert": {"title": "minimal"}}, {"alert": {"title": "minimal"}}),
    (CILIUM_ALERT, {"alert": {}}, {"alert": {}}),
    (
        STARBOARD,
        {"vulnerability": VULNERABILITY, "scanner": SCANNER},
        {"vulnerability": VULNERABILITY, "scanner": SCANNER},
    ),
    (
        STARBOARD,
        {
            "vulnerability": VULNERABILITY
            | {"location": {"kubernetes_resource": RESOURCE | {"agent_id": 9}}},
            "scanner": SCANNER | {"vendor": {"name": "GitLab"}},
        },
        {
            "vulnerability": VULNERABILITY
            | {"location": {"kubernetes_resource": RESOURCE | {"agent_id": "9"}}},
            "scanner": SCANNER | {"vendor": {"name": "GitLab"}},
        },
    ),
    (SCAN_RESULT, {"uuids": ["a", 1]}, {"uuids": ["a", "1"]}),
    (SCAN_RESULT, {"uuids": []}, {"uuids": []}),
    (SCAN_RESULT, {"uuids": None}, {"uuids": None}),
    (
        SUBSCRIPTION,
        {"start_date": "01/01/2018", "end_date": "01/01/2019", "seats": "10"}
        | {"trial": "true", "auto_renew": "", "plan": "premium"},
        {"start_date": date(2018, 1, 1), "end_date": date(2019, 1, 1), "seats": 10}
        | {"trial": True, "auto_renew": None},
    ),
    (SUBSCRIPTION, {"start_date": ""}, {"start_date": None}),
    (SUBSCRIPTION, {"start_date": None}, {"start_date": None}),
    (MINUTES, {"packs": []}, {"packs": []}),
    (
        MINUTES,
        {"packs": [{"number_of_minutes": "-1", "expires_at": "", "purchase_xid": 7}]},
        {"packs": [{"number_of_minutes": -1, "expires_at": None, "purchase_xid": "7"}]},
    ),
    *(
        (
            RECONCILIATIONS,
            {"upcoming_reconciliations": sent},
            {"upcoming_reconciliations": [COERCED_RECONCILIATION]},
        )
        for sent in (
            [RECONCILIATION],
            RECONCILIATION,
            msgspec.json.encode([RECONCILIATION]).decode(),
            msgspec.json.encode(RECONCILIATION).decode(),
        )
    ),
    (
        RECONCILIATIONS,
        {"upcoming_reconciliations": []},
        {"upcoming_reconciliations": []},
    ),
    (RECONCILIATION_DELETION, {"namespace_id": "0"}, {"namespace_id": 0}),
]

REFUSED: list[tuple[Sequence[Rule], dict[str, Any], str]] = [
    (LFS, {}, "oid is missing, gl_repository is missing"),
    (LFS, {"oid": "a"}, "gl_repository is missing"),
    (
        GIT_AUDIT_EVENT,
        {"packfile_stats": {"wants": "x", "haves": 1}},
        (
            "action is missing, protocol is missing, gl_repository is missing, "
            "changes is missing, packfile_stats[wants] is invalid"
        ),
    ),
    (
        USAGE_METRICS,
        {"counters": {"gitops_sync": "string"}},
        "counters[gitops_sync] is invalid",
    ),
    (
        USAGE_METRICS,
        {"gitops_sync_count": "string"},
        "gitops_sync_count is invalid",
    ),
    (
        USAGE_METRICS,
        {"unique_counters": {"agent_users_using_ci_tunnel": 1}},
        "unique_counters[agent_users_using_ci_tunnel] is invalid",
    ),
    (
        USAGE_METRICS,
        {"counters": {"gitops_sync": 1}, "gitops_sync_count": 1},
        "counters, gitops_sync_count are mutually exclusive",
    ),
    (
        USAGE_METRICS,
        {"counters": {"gitops_sync": "x"}, "gitops_sync_count": "y"},
        (
            "gitops_sync_count is invalid, counters[gitops_sync] is invalid, "
            "counters, gitops_sync_count are mutually exclusive"
        ),
    ),
    (USAGE_METRICS, {"counters": "x"}, "counters is invalid"),
    (USAGE_METRICS, {"counters": ""}, "counters is invalid"),
    (USAGE_METRICS, {"counters": [1]}, "counters is invalid"),
    (AGENT_CONFIGURATION, {"agent_id": 1}, "agent_config is missing"),
    (
        AGENT_CONFIGURATION,
        {"agent_id": True, "agent_config": "{"},
        "agent_id is invalid, agent_config is invalid",
    ),
    (
        AUTHORIZE_PROXY_USER,
        {"agent_id": 1, "access_type": "other", "access_key": "k", "csrf_token": " "},
        "access_type does not have a valid value, csrf_token is empty",
    ),
    (
        AUTHORIZE_PROXY_USER,
        PROXY_USER | {"access_type": None, "csrf_token": None},
        "access_type does not have a valid value, csrf_token is empty",
    ),
    (
        AGENT_EVENTS,
        {"events": {"k8s_api_proxy_requests_unique_users_via_ci_access": [{"a": 1}]}},
        (
            "events[k8s_api_proxy_requests_unique_users_via_ci_access][0][user_id] "
            "is missing, events[k8s_api_proxy_requests_unique_users_via_ci_access][0]"
            "[project_id] is missing"
        ),
    ),
    (CILIUM_ALERT, {"temp": {}}, "alert is missing"),
    (CILIUM_ALERT, {"alert": "x"}, "alert is invalid"),
    (STARBOARD, {}, "vulnerability is missing, scanner is missing"),
    (
        STARBOARD,
        {"vulnerability": "invalid"},
        "vulnerability is invalid, scanner is missing",
    ),
    (
        STARBOARD,
        {"vulnerability": None, "scanner": SCANNER},
        (
            "vulnerability[name] is missing, vulnerability[severity] is missing, "
            "vulnerability[location] is missing, vulnerability[identifiers] is missing"
        ),
    ),
    (
        STARBOARD,
        {
            "vulnerability": VULNERABILITY
            | {"identifiers": [{"type": "cve", "name": []}, 5], "location": {}},
            "scanner": {"id": {}},
        },
        (
            "vulnerability[location][kubernetes_resource] is missing, "
            "vulnerability[identifiers][1][type] is missing, "
            "vulnerability[identifiers][0][name] is invalid, "
            "vulnerability[identifiers][1][name] is missing, "
            "scanner[id] is invalid, scanner[name] is missing"
        ),
    ),
    (SCAN_RESULT, {"uuids": -1}, "uuids is invalid"),
    (SCAN_RESULT, {"uuids": [None]}, "uuids is invalid"),
    (SCAN_RESULT, {}, "uuids is missing"),
    (SUBSCRIPTION, {"seats": 10}, "start_date is missing"),
    (SUBSCRIPTION, {"start_date": "foo"}, "start_date is invalid"),
    (MINUTES, {}, "packs is missing"),
    (MINUTES, {"packs": {"number_of_minutes": 1}}, "packs is invalid"),
    (
        MINUTES,
        {"packs": [{"expires_at": "2022-01-01", "purchase_xid": "x"}]},
        "packs[0][number_of_minutes] is missing",
    ),
    (
        MINUTES,
        {"packs": [{"number_of_minutes": 1}, {"number_of_minutes": "x"}]},
        (
            "packs[1][number_of_minutes] is invalid, packs[0][expires_at] is missing, "
            "packs[1][expires_at] is missing, packs[0][purchase_xid] is missing, "
            "packs[1][purchase_xid] is missing"
        ),
    ),
    *(
        (
            RECONCILIATIONS,
            {"upcoming_reconciliations": [RECONCILIATION, RECONCILIATION | wrong]},
            f"upcoming_reconciliations[{error}",
        )
        for wrong, error in (
            ({"namespace_id": None}, "namespace_id] is empty"),
            ({"namespace_id": ""}, "namespace_id] is empty"),
            ({"next_reconciliation_date": "x"}, "next_reconciliation_date] is invalid"),
        )
    ),
    (
        RECONCILIATIONS,
        {"upcoming_reconciliations": [{"namespace_id": ""}, {"namespace_id": None}]},
        (
            "upcoming_reconciliations[namespace_id] is empty, "
            "upcoming_reconciliations[next_reconciliation_date] is missing, "
            "upcoming_reconciliations[display_alert_from] is missing"
        ),
    ),
    (RECONCILIATIONS, {}, "upcoming_reconciliations is missing"),
    (
        RECONCILIATIONS,
        {"upcoming_reconciliations": [1]},
        "upcoming_reconciliations is invalid",
    ),
    (RECONCILIATION_DELETION, {}, "namespace_id is missing"),
    (RECONCILIATION_DELETION, {"namespace_id": ""}, "namespace_id is empty"),
]


@pytest.mark.parametrize(("rules", "sent", "expected"), ACCEPTED)
def test_declared_parameters_are_coerced(
    rules: Sequence[Rule], sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    """What fits comes back coerced: the declared, and only what was sent."""
    before = msgspec.json.encode(sent)
    assert params.validate(rules, sent) == expected
    assert msgspec.json.encode(sent) == before


@pytest.mark.parametrize(("rules", "sent", "message"), REFUSED)
def test_faults_are_told_in_the_words_of_grape(
    rules: Sequence[Rule], sent: dict[str, Any], message: str
) -> None:
    """What does not fit is told in Grape's words, in the order of declaration."""
    with pytest.raises(ParameterError) as caught:
        params.validate(rules, sent)
    assert str(caught.value) == message


INVALID = "x is invalid"


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (params.integer, 7, 7),
        (params.integer, "10", 10),
        (params.integer, " +1_0 ", 10),
        (params.integer, "007", 7),
        (params.integer, 1.5, 1),
        (params.integer, "", None),
        (params.integer, params.MAX_INTEGER, params.MAX_INTEGER),
        (params.integer, params.MAX_INTEGER + 1, INVALID),
        (params.integer, str(params.MIN_INTEGER - 1), INVALID),
        (params.integer, 1e300, INVALID),
        (params.integer, "9" * 5000, INVALID),
        (params.integer, "abc", INVALID),
        (params.integer, "1.5", INVALID),
        (params.integer, "7a", INVALID),
        (params.integer, "0x1", INVALID),
        (params.integer, "- 7", INVALID),
        (params.integer, "  ", INVALID),
        (params.integer, "\u0667", INVALID),
        (params.integer, True, INVALID),
        (params.integer, [1], INVALID),
        (params.date, "2021-06-13", date(2021, 6, 13)),
        (params.date, "13 Jun 2021", date(2021, 6, 13)),
        (params.date, "01/02/2018", date(2018, 2, 1)),
        (params.date, "2021-06-13T10:00:00Z", date(2021, 6, 13)),
        (params.date, "", None),
        (params.date, "06/13/2021", INVALID),
        (params.date, " ", INVALID),
        (params.date, 20210613, INVALID),
        (params.boolean, True, True),
        (params.boolean, 0, False),
        (params.boolean, "Yes", True),
        (params.boolean, "on", True),
        (params.boolean, "F", False),
        (params.boolean, "n", False),
        (params.boolean, "", None),
        (params.boolean, "tRUE", INVALID),
        (params.boolean, "2", INVALID),
        (params.boolean, 1.0, INVALID),
        (params.boolean, [], INVALID),
        (params.string, 5, "5"),
        (params.string, True, "true"),
        (params.string, "", ""),
        (params.string, {}, INVALID),
        (params.string, ["a"], INVALID),
        (params.mapping, {"a": 1}, {"a": 1}),
        (params.mapping, "", INVALID),
        (params.mapping, "{}", INVALID),
        (params.mapping, [], INVALID),
        (params.array, [1, "a"], [1, "a"]),
        (params.array, "", None),
        (params.array, "a", INVALID),
        (params.array, {}, INVALID),
        (params.array_of(params.integer), ["1", 2], [1, 2]),
        (params.array_of(params.integer), "", None),
        (params.array_of(params.integer), [""], INVALID),
        (params.array_of(params.integer), ["a"], INVALID),
        (params.array_of(params.integer), 1, INVALID),
        (params.array_of(params.string), [1, ""], ["1", ""]),
        (params.array_of(params.string), [[]], INVALID),
        (params.json, {"a": 1}, {"a": 1}),
        (params.json, '{"a": 1}', {"a": 1}),
        (params.json, " ", None),
        (params.json, "null", None),
        (params.json, "{", INVALID),
        (params.json, "[" * 100_000, INVALID),
        (params.json, "[]", INVALID),
        (params.json, "5", INVALID),
        (params.json, 5, INVALID),
        (params.json_array, [], []),
        (params.json_array, [{"a": 1}], [{"a": 1}]),
        (params.json_array, {"a": 1}, [{"a": 1}]),
        (params.json_array, '{"a": 1}', [{"a": 1}]),
        (params.json_array, "", None),
        (params.json_array, "[1]", INVALID),
        (params.json_array, 5, INVALID),
        (untyped, {"a": [1]}, {"a": [1]}),
    ],
)
def test_type_coerces_as_in_grape(
    type_: params.Type, value: object, expected: object
) -> None:
    """A type takes what Grape takes, gives what Grape gives, and null stays null."""
    rules = (optional("x", type_),)
    try:
        coerced = params.validate(rules, {"x": value})["x"]
    except ParameterError as error:
        coerced = str(error)
    assert coerced == expected
    assert type(coerced) is type(expected)
    assert params.validate(rules, {"x": None}) == {"x": None}


def test_members_of_an_empty_optional_parent_may_lack() -> None:
    """What an optional parent requires is asked of it only when it is not empty."""
    rules = (
        optional("object", params.mapping, (requires("a", params.string),)),
        optional("list", params.array, (requires("a", params.string),)),
    )
    empty: dict[str, object] = {"object": {}, "list": [{}]}
    assert params.validate(rules, empty) == empty
    with pytest.raises(ParameterError, match=r"^object\[a\] .*, list\[1\]\[a\] "):
        params.validate(rules, {"object": {"b": 1}, "list": [{}, {"b": 1}]})


def test_optional_value_may_be_null_but_not_another() -> None:
    """The values of an optional parameter bind it unless it is null."""
    rules = (optional("x", params.integer, values=(1, 2)),)
    assert params.validate(rules, {"x": ""}) == {"x": None}
    assert params.validate(rules, {"x": "2"}) == {"x": 2}
    with pytest.raises(ParameterError, match=r"^x does not have a valid value$"):
        params.validate(rules, {"x": 0})


def test_false_is_not_blank_in_a_declaration() -> None:
    """A parameter that may not be blank takes false."""
    rules = (requires("x", params.boolean, allow_blank=False),)
    assert params.validate(rules, {"x": "off"}) == {"x": False}


NAMES_DECLARED = st.sampled_from(
    [
        *("oid", "packs", "counters", "gitops_sync_count", "events", "vulnerability"),
        *("scanner", "uuids", "upcoming_reconciliations", "packfile_stats", "alert"),
    ]
)
MEMBERS = st.dictionaries(
    st.sampled_from(["name", "location", "identifiers", "namespace_id", "wants"]),
    JSON_VALUES,
)


@given(
    st.sampled_from(DECLARATIONS),
    st.dictionaries(
        NAMES_DECLARED, JSON_VALUES | MEMBERS | st.lists(MEMBERS, max_size=2)
    ),
)
def test_anything_sent_fits_or_is_told(
    rules: Sequence[Rule], sent: dict[str, object]
) -> None:
    """Whatever is sent, nothing but a ParameterError comes up."""
    with suppress(ParameterError):
        assert params.validate(rules, sent).keys() <= sent.keys()
