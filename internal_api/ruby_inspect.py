"""Parameters as Rails shows them: as Ruby's `inspect`, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

FILTERED = "[FILTERED]"

# `config.filter_parameters`, `config/application.rb`.
_FILTER = re.compile(
    r"token$|password|secret|key$|^(?:body|description|note|text|title|hook)$"
    r"|certificate|import_url|elasticsearch_url|otp_attempt|sentry_dsn|trace"
    r"|variables|content|redirect",
    re.IGNORECASE,
)
_ESCAPED = re.compile(r'["\\]|#(?=[{$@])|[^ -~]')
_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\v": r"\v",
    "\f": r"\f",
    "\r": r"\r",
    "\x1b": r"\e",
    "\x7f": r"\x7F",
}
_BMP_END = 0x10000


def filter_parameters(value: object) -> object:
    """Put `[FILTERED]` for what is called like a secret, in objects of any depth.

    An operation of SCIM says what its value is called in its path.

    Source: Rails' `activesupport/lib/active_support/parameter_filter.rb`.
    """
    if isinstance(value, Mapping):
        path = value.get("path")
        names_secret = isinstance(path, str) and _FILTER.search(path)
        return {
            name: FILTERED
            if _FILTER.search(name) or (names_secret and name == "value")
            else filter_parameters(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [filter_parameters(member) for member in value]
    return value


def inspect(value: object) -> str:
    """Show a value of JSON as Ruby's `inspect` does.

    Source: Ruby's `Hash#inspect` before 3.4, `String#inspect` and so on.
    """
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = (f"{inspect(name)}=>{inspect(each)}" for name, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inspect, value)) + "]"
    if isinstance(value, str):
        return '"' + _ESCAPED.sub(lambda match: _escape(match[0]), value) + '"'
    return str(value)


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return f"\\{character}" if character in '"\\#' else character
    code = ord(character)
    return f"\\u{code:04X}" if code < _BMP_END else f"\\u{{{code:X}}}"
