"""What a request brings along: read, declared, and cast as Rails does.

Queries and forms nest as in Rack, errors read as in Grape, ids and texts are
cast as in Active Record.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from falcon import HTTPBadRequest
from falcon.media import MultipartFormHandler

MAX_INTEGER = 2**63 - 1
MIN_INTEGER = -(2**63)
# What most of GitLab's integer columns hold.
MAX_INT4 = 2**31 - 1
MIN_INT4 = -(2**31)
# Rack's limits, and that of Ruby's JSON parser.
MAX_PARAMETERS = 4096
MAX_FORM_NESTING = 32
MAX_JSON_NESTING = 100
# Deeper than this GitLab does not look for null bytes.
NULL_BYTE_DEPTH = 3

_PAIRS = re.compile("& *")
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[\[\]]*([^\[\]]+)\]*")
_BRACKETS = re.compile(r"[\[\]]+")
_LIST_MEMBER = re.compile(r"\[\](?:\[([^\[\]]+)\]|(.+))", re.DOTALL)
_LEADING_INTEGER = re.compile(r"\s*[+-]?\d+(?:_\d+)*", re.ASCII)
_INTEGER = re.compile(rf"{_LEADING_INTEGER.pattern}\s*", re.ASCII)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "true", "True", "TRUE", "T"), True),
    **dict.fromkeys(("on", "On", "ON", "y", "yes", "Yes", "YES", "Y"), True),
    **dict.fromkeys(("0", "f", "false", "False", "FALSE", "F"), False),
    **dict.fromkeys(("off", "Off", "OFF", "n", "no", "No", "NO", "N"), False),
}


class MalformedRequest(ValueError):
    """The request is answered 400 `Bad Request` before anything looks at it.

    Source: `lib/gitlab/middleware/handle_malformed_strings.rb`.
    """


class ParameterError(Exception):
    """Parameters break their declaration; the text is Grape's."""


# ---------------------------------------------------------------- reading


def parse_query(text: str) -> dict[str, object]:
    """Read a query string or a form body.

    Args:
        text: Its bytes as Latin-1, as WSGI gives them.

    Raises:
        MalformedRequest: Bad escapes, no UTF-8, null bytes, conflicting types or
            more than Rack takes.

    Source: Rack's `lib/rack/query_parser.rb`.
    """
    parameters: dict[str, object] = {}
    if not text:
        return parameters
    if text.count("&") >= MAX_PARAMETERS:
        raise MalformedRequest(f"over {MAX_PARAMETERS} parameters")
    for pair in _PAIRS.split(text):
        name, equals, value = pair.partition("=")
        _nest(
            parameters, _unescape(name), _unescape(value) if equals else None, nesting=0
        )
    if "%00" in text or "\0" in text:
        _check_strings(parameters)
    return parameters


def parse_json(body: bytes) -> dict[str, object]:
    """Read a JSON body; one that is no object brings no parameters.

    Floats are finite; integers have at most 4,300 digits.

    Raises:
        MalformedRequest: No JSON, no UTF-8, null bytes, or nested too deep.

    Source: Grape's `lib/grape/middleware/formatter.rb`.
    """
    parameters = decode_json(body) if body else None
    return parameters if isinstance(parameters, dict) else {}


def parse_quoted_json(body: bytes) -> dict[str, object]:
    """Read a JSON body that is a text which holds an object in JSON.

    Raises:
        MalformedRequest: As for JSON, of either.
    """
    text = decode_json(body)
    return parse_json(text.encode()) if isinstance(text, str) else {}


def parse_multipart(body: bytes, content_type: str) -> dict[str, object]:
    """Read the fields of a `multipart/form-data` body; files are left out.

    Raises:
        ParameterError: The body does not fit its content type.
        MalformedRequest: As for a query.

    Source: Grape's `lib/grape/request.rb`.
    """
    parameters: dict[str, object] = {}
    if not body:
        return parameters
    handler = MultipartFormHandler()
    handler.parse_options.max_body_part_count = MAX_PARAMETERS
    handler.parse_options.max_body_part_buffer_size = len(body) + 1
    try:
        for part in handler.deserialize(io.BytesIO(body), content_type, len(body)):
            if part.filename is None and part.name is not None:
                value = part.get_data().decode()
                _nest(parameters, part.name, value, nesting=0)
    except UnicodeDecodeError as error:
        raise MalformedRequest("no UTF-8 in the form") from error
    except HTTPBadRequest as error:
        message = f"Empty message body supplied with {content_type} content-type"
        raise ParameterError(message) from error
    _check_strings(parameters)
    return parameters


def merge(query: dict[str, object], body: dict[str, object]) -> dict[str, object]:
    """Put both together: the body wins over the query."""
    return query | body


def decode_json(text: bytes) -> object:
    """Read any value of JSON.

    Raises:
        MalformedRequest: As for an object.
    """
    try:
        value: object = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"JSON: {error}") from error
    if b"\\u0000" in text or text.count(b"{") + text.count(b"[") > MAX_JSON_NESTING:
        _check_strings(value)
    return value


def _unescape(text: str) -> str:
    if text.isascii() and "%" not in text:
        return text.replace("+", " ")
    if _BAD_ESCAPE.search(text):
        raise MalformedRequest("a % that escapes nothing")
    try:
        octets = text.replace("+", " ").encode("latin-1")
        return unquote_to_bytes(octets).decode()
    except UnicodeError as error:
        raise MalformedRequest("no UTF-8 in the parameters") from error


def _nest(
    parameters: dict[str, object], name: str, value: str | None, nesting: int
) -> object:
    """Put a value where its name says: `a`, `a[]`, `a[b]`, `a[][b]`."""
    if nesting == MAX_FORM_NESTING:
        raise MalformedRequest("parameters nested too deep")
    match = _NAME.match(name)
    if match is None:
        return [value] if name == "[]" and value is not None else None
    key, rest = match[1], name[match.end() :]
    if not rest:
        parameters[key] = value
    elif rest == "[":
        parameters[name] = value
    elif rest == "[]":
        _list(parameters, key).append(value)
    elif member := _LIST_MEMBER.fullmatch(rest):
        elements, member_name = _list(parameters, key), member[1] or member[2]
        last = elements[-1] if elements else None
        if isinstance(last, dict) and not _has(last, member_name):
            _nest(last, member_name, value, nesting + 1)
        else:
            elements.append(_nest({}, member_name, value, nesting + 1))
    else:
        members = parameters.get(key)
        if members is None:
            members = {}
        elif not isinstance(members, dict):
            raise MalformedRequest("one parameter is two things")
        parameters[key] = _nest(members, rest, value, nesting + 1)
    return parameters


def _list(parameters: dict[str, object], key: str) -> list[object]:
    elements = parameters.get(key)
    if elements is None:
        elements = parameters[key] = []
    if not isinstance(elements, list):
        raise MalformedRequest("one parameter is two things")
    return elements


def _has(members: dict[str, object], name: str) -> bool:
    """Tell whether a list's last element already has a member of this name."""
    if "[]" in name:
        return False
    found: object = members
    for key in filter(None, _BRACKETS.split(name)):
        if not (isinstance(found, dict) and key in found):
            return False
        found = found[key]
    return True


def _check_strings(value: object, depth: int = 0) -> None:
    """Refuse null bytes and what is nested too deep."""
    if isinstance(value, str):
        if depth <= NULL_BYTE_DEPTH and "\0" in value:
            raise MalformedRequest("a null byte")
    elif isinstance(value, dict | list):
        if depth == MAX_JSON_NESTING:
            raise MalformedRequest("parameters nested too deep")
        for member in value:
            _check_strings(member, depth + 1)
        if isinstance(value, dict):
            for member in value.values():
                _check_strings(member, depth + 1)


# ---------------------------------------------------------------- casting


def to_id(value: object) -> int | None:
    """Cast as Rails casts the value of an integer column it searches by.

    A text counts as far as it is a number: `12abc` is 12.

    Returns:
        None for what is no number or does not fit into 64 bits.

    Source: Rails' `activemodel/lib/active_model/type/integer.rb`.
    """
    number = to_number(value)
    if number is None or not MIN_INTEGER <= number <= MAX_INTEGER:
        return None
    return int(number)


def to_number(value: object) -> float | None:
    """The number that a value is, or that a text begins with.

    Returns:
        None for what is no number; infinity for one with thousands of digits.
    """
    if not isinstance(value, str):
        return value if isinstance(value, int | float) else None
    match = _LEADING_INTEGER.match(value)
    try:
        return match and int(match[0])
    except ValueError:
        return -math.inf if match and "-" in match[0] else math.inf


def to_text(value: object) -> str | None:
    """Cast to the text that Ruby's `to_s` gives; lists and objects have none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None


def no_text(name: str, params: Mapping[str, object]) -> str:
    """Say what is wrong with a parameter that should be a text and is none."""
    return f"{name} is {'missing' if params.get(name) is None else 'invalid'}"


def present(value: object) -> bool:
    """Tell whether Ruby takes the value for true: all but null and false."""
    return value is not None and value is not False


def blank(value: object) -> bool:
    """Tell whether Rails calls the value blank: null, false or empty.

    Source: Rails' `activesupport/lib/active_support/core_ext/object/blank.rb`.
    """
    if isinstance(value, str):
        return not value.strip()
    return value is None or value is False or value in ([], {})


# -------------------------------------------------------------- declaring
# The types are those of Grape's `lib/grape/validations/types/` and of what it
# builds on, the `lib/dry/types/coercions/params.rb` of dry-types.


class Param:
    """One parameter of a route, as Grape's `requires` and `optional` declare it.

    Args:
        name: Its name.
        type: Coerces the value; a ValueError means `is invalid`.
        members: The rules for the members of an object or of each in a list.
        required: It must be there; null is.
        allow_blank: Whether null and a blank text are taken.
        values: The only values that are taken; empty: all.
    """

    __slots__ = ("_allow_blank", "_type", "_values", "members", "name", "required")

    def __init__(  # noqa: PLR0913 - each is named where it is declared
        self,
        name: str,
        type: Type,  # noqa: A002 - Grape's
        members: Sequence[Rule] = (),
        *,
        required: bool,
        allow_blank: bool = True,
        values: Sequence[object] = (),
    ) -> None:
        self.name = name
        self._type = type
        self.members = members
        self.required = required
        self._allow_blank = allow_blank
        self._values = values

    def check(self, scope: _Scope) -> str | None:
        """Coerce the value in its place; give the first rule it breaks."""
        if self.name in scope.members:
            fault = self._fault(scope.members)
        elif self.required:
            fault = "is missing"
        else:
            return None
        return fault and f"{scope.name_of(self.name)} {fault}"

    def _fault(self, members: dict[str, Any]) -> str | None:
        try:
            value = members[self.name] = self._type(members[self.name])
        except ValueError:
            members[self.name] = _INVALID
            return "is invalid"
        if not self._allow_blank and value is not False and blank(value):
            return "is empty"
        taken = not self._values or value in self._values
        if not taken and (self.required or value is not None):
            return "does not have a valid value"
        return None

    def inner_scopes(self, scope: _Scope) -> Iterator[_Scope]:
        """Give the objects that hold the members, copied from what was sent."""
        name, value = scope.name_of(self.name), scope.members[self.name]
        if isinstance(value, list):
            elements = [dict(item) if isinstance(item, dict) else {} for item in value]
            scope.members[self.name] = elements
            for index, element in enumerate(elements):
                inner = name if self._type is json_array else f"{name}[{index}]"
                yield _Scope(inner, element)
        elif isinstance(value, dict):
            element = scope.members[self.name] = dict(value)
            yield _Scope(name, element)
        elif value is None and self._type is mapping:
            yield _Scope(name, {})


class MutuallyExclusive(NamedTuple):
    """Parameters of which one request may bring only one."""

    names: Sequence[str]

    def check(self, scope: _Scope) -> str | None:
        """Give the error when more than one is there; null is not."""
        names = [
            scope.name_of(name)
            for name in self.names
            if scope.members.get(name) is not None
        ]
        return f"{', '.join(names)} are mutually exclusive" if len(names) > 1 else None


class _Scope(NamedTuple):
    """An object whose members are checked; the name of the top one is empty."""

    name: str
    members: dict[str, Any]

    def name_of(self, member: str) -> str:
        return f"{self.name}[{member}]" if self.name else member


Type = Callable[[object], object]
Rule = Param | MutuallyExclusive
requires = partial(Param, required=True)
optional = partial(Param, required=False)
_INVALID = object()


def mutually_exclusive(*names: str) -> MutuallyExclusive:
    """Declare that one request may bring only one of these."""
    return MutuallyExclusive(names)


def validate(rules: Sequence[Rule], sent: Mapping[str, object]) -> dict[str, Any]:
    """Check what was sent against a route's declaration, and coerce it.

    Returns:
        The declared parameters that were sent. Members of objects are there whether
        declared or not.

    Raises:
        ParameterError: Rules are broken: one message for each parameter, in the order
            of declaration; nothing is said of the members of what is missing.

    Source: Grape's `lib/grape/validations/`.
    """
    members = dict(sent)
    if errors := _errors(rules, [_Scope("", members)]):
        raise ParameterError(", ".join(dict.fromkeys(errors)))
    return {
        rule.name: members[rule.name]
        for rule in rules
        if isinstance(rule, Param) and rule.name in members
    }


def _errors(rules: Sequence[Rule], scopes: Sequence[_Scope]) -> list[str]:
    """Check rule after rule, each in every element of a list, as Grape does."""
    errors: list[str] = []
    for rule in rules:
        for scope in scopes:
            if error := rule.check(scope):
                errors.append(error)  # noqa: PERF401 - most often there is none
        if isinstance(rule, Param) and rule.members:
            inner = [
                inner
                for scope in scopes
                if rule.name in scope.members
                for inner in rule.inner_scopes(scope)
                if inner.members or rule.required
            ]
            if inner:
                errors += _errors(rule.members, inner)
    return errors


def string(value: object) -> str | None:
    """Coerce to Grape's `String`: texts, numbers and booleans."""
    text = to_text(value)
    if text is not None or value is None:
        return text
    raise ValueError


def integer(value: object) -> int | None:
    """Coerce to Grape's `Integer` that fits into 64 bits; an empty text is null."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = to_id(value)
        if number is not None:
            return number
    raise ValueError


def boolean(value: object) -> bool | None:
    """Coerce to Grape's `Boolean`; an empty text is null."""
    if value is None or value == "":
        return None
    text = to_text(value)
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise ValueError


def date(value: object) -> dt.date | None:
    """Coerce to Grape's `Date`, which reads as Ruby does; an empty text is null."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        from internal_api.dates import parse_date  # noqa: PLC0415 - few send any

        return parse_date(value)
    raise ValueError


def mapping(value: object) -> dict[str, object] | None:
    """Coerce to Grape's `Hash`: an object."""
    if value is None or isinstance(value, dict):
        return value
    raise ValueError


def array(value: object) -> list[object] | None:
    """Coerce to Grape's `Array`; an empty text is null."""
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return value
    raise ValueError


def array_of(element: Type) -> Type:
    """Make the coercion to Grape's `Array[...]`; no element may be null."""

    def coerce(value: object) -> list[object] | None:
        elements = array(value)
        if elements is None:
            return None
        elements = [element(item) for item in elements]
        if None in elements:
            raise ValueError
        return elements

    return coerce


def json(value: object) -> dict[str, object] | None:
    """Coerce to Grape's `JSON`: an object, or a text with one; a blank text is null."""
    return mapping(_from_json(value))


def json_array(value: object) -> list[object] | None:
    """Coerce to Grape's `Array[JSON]`: objects, one object, or a text with either."""
    value = _from_json(value)
    elements = array([value] if isinstance(value, dict) else value)
    if all(isinstance(item, dict) for item in elements or ()):
        return elements
    raise ValueError


def _from_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    return decode_json(value.encode()) if value.strip() else None
