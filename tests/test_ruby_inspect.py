"""Values shown as Ruby shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from internal_api.ruby_inspect import FILTERED, filter_parameters, inspect


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nil"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (1.5, "1.5"),
        ([], "[]"),
        ({}, "{}"),
        ([1, [None]], "[1, [nil]]"),
        ({"a": {"b": []}, "c": "d"}, '{"a"=>{"b"=>[]}, "c"=>"d"}'),
        ("", '""'),
        ("ü☃🐈", '"ü☃🐈"'),
        ('"\\', r'"\"\\"'),
        ("#", '"#"'),
        ("#{x} #$x #@x", r'"\#{x} \#$x \#@x"'),
        ("\a\b\t\n\v\f\r\x1b", r'"\a\b\t\n\v\f\r\e"'),
        ("\x01\x7f\x85", r'"\u0001\x7F\u0085"'),
        ("\U000e0001", r'"\u{E0001}"'),
    ],
)
def test_inspect(value: object, shown: str) -> None:
    """Every kind of JSON value is shown as by Ruby's `inspect`."""
    assert inspect(value) == shown


@given(st.text())
def test_inspect_is_one_printable_line(text: str) -> None:
    """A text is shown without anything that could break a line."""
    shown = inspect(text)
    assert shown[0] == shown[-1] == '"'
    assert shown.isprintable()


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "old_password_1", "token", "access_token", "key"),
        *("secret", "clientSecretX", "private_key", "otp_attempt", "title", "text"),
    ],
)
def test_filtered(name: str) -> None:
    """What is called like a secret is filtered, whatever and wherever it is."""
    for value in ("s", 1, None, ["s"], {"a": "s"}):
        expected = {"x": [{name: FILTERED, "y": "s"}]}
        assert filter_parameters({"x": [{name: value, "y": "s"}]}) == expected
    operation = {"op": "add", "path": name, "value": "s"}
    assert filter_parameters([operation]) == [operation | {"value": FILTERED}]


@pytest.mark.parametrize("name", ["userName", "titles", "keys", "path"])
def test_not_filtered(name: str) -> None:
    """Other members are shown as they are."""
    operation = {"op": "add", "path": "active", "value": "s", name: "active"}
    assert filter_parameters(operation) == operation
