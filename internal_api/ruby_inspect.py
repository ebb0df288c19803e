"""Parameters as Rails shows them: as Ruby's `inspect`, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from internal_api.redaction import SENSITIVE_NAMES, Redaction

FILTERED = "[FILTERED]"

# `config.filter_parameters`, `config/application.rb`, and what else is a secret.
_FILTER = re.compile(
    rf"{SENSITIVE_NAMES}|key$|^(?:body|description|note|text|title|hook)$"
    r"|certificate|import_url|elasticsearch_url|sentry_dsn|trace"
    r"|variables|content|redirect",
    re.IGNORECASE,
)
# Source: Rails' `activesupport/lib/active_support/parameter_filter.rb`.
filter_parameters = Redaction(_FILTER, FILTERED, hides_blank=True)
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


def to_s(value: object) -> str:
    """Show a value of JSON as Ruby's `to_s` does."""
    if isinstance(value, str):
        return value
    return "" if value is None else inspect(value)


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
