"""What is shown of parameters and answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from internal_api.params import parse_query
from internal_api.redaction import Redaction
from internal_api.ruby_inspect import filter_parameters
from internal_api.standin.shown import redact

HUSH = "hush"
SECRETS = [
    *("password", "Passwd", "pwd", "passphrase", "token", "lfs_tokens", "accessToken"),
    *("client_secret", "secret_token", "Authorization", "session_cookie", "api-key"),
    *("otp_attempt", "recovery_codes", "access_key", "private_key", "credentials"),
]
BOTH = pytest.mark.parametrize("redaction", [filter_parameters, redact])
WRAPPERS: list[Any] = [
    lambda value: {"a": 1, "b": value},
    lambda value: [None, value],
    lambda value: f"\n{json.dumps(value)}",
    lambda value: json.dumps(json.dumps(value)),
    # An object in which the same name is there twice.
    lambda value: f'{{"a":{json.dumps(value)},"a":1}}',
    # Not quite JSON.
    lambda value: json.dumps(value)[:-1] if isinstance(value, dict) else [value],
    lambda value: f'{{"n":1e999,"a":{json.dumps(value)}}}',
]


@BOTH
@pytest.mark.parametrize(
    "option", ["ci.variable=A=hush", " ci . variable =A=hush", "..CI.variable=hush"]
)
def test_variables_of_pipelines_are_hidden(redaction: Redaction, option: str) -> None:
    """What a push hands on to a pipeline may well be a secret."""
    for sent in ([option, "ci.skip"], option):
        shown = str(redaction({"push_options": sent}))
        assert HUSH not in shown
        assert ("ci.skip" in shown) is isinstance(sent, list)


@BOTH
@given(
    st.sampled_from(SECRETS),
    st.sampled_from([HUSH, [HUSH], {"a": [HUSH]}]),
    st.booleans(),
    st.lists(st.sampled_from(WRAPPERS), max_size=5),
)
def test_secrets_are_hidden(
    redaction: Redaction,
    name: str,
    secret: Any,
    is_operation: bool,  # noqa: FBT001
    wrappers: list[Any],
) -> None:
    """The value of a secret name is hidden, wherever and in whatever it is."""
    operation = {"op": "add", "Path": f"x.{name}", "Value": secret}
    value: Any = operation if is_operation else {name: secret}
    for wrap in wrappers:
        value = wrap(value)
    assert HUSH not in str(redaction(value))


@BOTH
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab{ é"),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["a", "path", "value", "{é x"]), inner)
            | inner.map(lambda value: msgspec.json.encode(value).decode())
        ),
    )
)
def test_nothing_else_is_hidden(redaction: Redaction, value: Any) -> None:
    """All the rest is shown as it is, JSON without needless blanks."""
    assert str(redaction(value)) == str(value)


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        '{"password":"hush"}',
        ' {"Operations":[],"password":"hush"}',
        '{"Operations":[{"op":"add","path":"password","value":"hush"}]}',
        '{"a":1,"Operations":[],"password":"a&hush&b=hush"}',
        '[{"password":"hush"}]',
        '["a",{"password":"hush"}]',
        "a[{'password': 'hush'}]",
        "password: hush",
    ],
)
def test_json_in_a_form(redaction: Redaction, body: str) -> None:
    """A secret in JSON that was read as a form is hidden, though it is in a name."""
    shown = redaction({"query": "x"} | parse_query(body) | {"last": None})
    assert HUSH not in str(shown)
    assert redaction.mark in str(shown)
    assert shown["query"] == "x"


@BOTH
def test_deep_json(redaction: Redaction) -> None:
    """Texts within texts are looked into, but not without end."""
    value: Any = {"password": HUSH}
    for _ in range(10):
        value = msgspec.json.encode({"a": 50 * [[]] + [value]}).decode()
        for _ in range(60):
            value = [value]
    assert HUSH not in str(redaction(value))


def test_blank_secrets() -> None:
    """That there was no secret is shown to people, and not by Rails."""
    for blank in (None, "", []):
        assert redact({"token": blank}) == {"token": blank}
        assert filter_parameters({"token": blank}) == {"token": "[FILTERED]"}
