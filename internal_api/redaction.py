"""What may be shown of parameters and answers: all but secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec

from internal_api.params import MAX_JSON_NESTING, decode_json

# What the name of a secret has in it, in any case.
SENSITIVE_NAMES = (
    r"token|secret|passw|passphrase|pwd|credential|authorization|cookie"
    r"|otp.?attempt|recovery.?codes|(?:access|api|private).?key"
)
_NAME = re.compile(r"[\w.-]*")
# A push option: its value is that of a variable in the pipeline.
_CI_VARIABLE = re.compile(r"[\s.]*ci\s*\.\s*variable\s*=", re.IGNORECASE)
_JSON_START = re.compile(r'[\s\ufeff]*[{["]')


class Redaction(NamedTuple):
    """How secrets are hidden.

    Attributes:
        names: Finds the names of secrets.
        mark: What is shown instead.
        hides_blank: Whether also null and what is empty is hidden.
    """

    names: re.Pattern[str]
    mark: str
    hides_blank: bool

    def __call__(self, value: Any) -> Any:
        """A copy of a value of JSON in which the values of secret names are hidden.

        So is what an operation of SCIM assigns to such a path. Texts that hold JSON
        are looked into; one that is nearly JSON is hidden if it names a secret.
        """
        if isinstance(value, Mapping):
            value = self._without_broken_json(value)
        return self._walk(value, 0)

    def _without_broken_json(self, members: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hide JSON that was read as a form: it is in pieces, and all of them names."""
        kept = [*takewhile(lambda name: name.lstrip()[:1] != "{", members)]
        rest = dict([*members.items()][len(kept) :])
        if not self.names.search(str(rest)):
            return members
        return {name: members[name] for name in kept} | {self.mark: None}

    def _walk(self, value: Any, depth: int) -> Any:
        if depth > MAX_JSON_NESTING:
            return self.mark
        if isinstance(value, Mapping):
            return self._members(value, depth)
        if isinstance(value, list):
            return [self._walk(member, depth + 1) for member in value]
        if not isinstance(value, str):
            return value
        if _JSON_START.match(value):
            return self._text(value, depth)
        return self.mark if _CI_VARIABLE.match(value) else value

    def _members(self, members: Mapping[str, Any], depth: int) -> dict[str, Any]:
        secrets = {name for name in members if self.names.search(name)}
        for name, member in members.items():
            is_path = name.lower() == "path" and isinstance(member, str)
            if is_path and self.names.search(member):
                secrets |= {each for each in members if each.lower() == "value"}
        shown = {}
        for name, member in members.items():
            if name not in secrets:
                shown[name] = self._walk(member, depth + 1)
            else:
                # What is more than a name may be the secret as well.
                key = name if _NAME.fullmatch(name) else self.mark
                shown[key] = self.mark if member or self.hides_blank else member
        return shown

    def _text(self, text: str, depth: int) -> str:
        try:
            held = decode_json(text.encode())
        except ValueError:
            return self.mark if self.names.search(text) else text
        return msgspec.json.encode(self._walk(held, depth + 1)).decode()
