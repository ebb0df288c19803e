"""Environments that CI jobs deploy to, of which only the name is known.

Source: `lib/gitlab/slug/environment.rb` and `app/models/environment.rb`.
"""

from __future__ import annotations

import hashlib
import re
import string

MAX_SLUG_LENGTH = 24
_SUFFIX_LENGTH = 6
_DIGITS = string.digits + string.ascii_lowercase
_TIERS = {
    "development": re.compile("dev|review|trunk", re.IGNORECASE),
    "testing": re.compile(
        "test|tst|int|ac(?:ce|)pt|qa|qc|control|quality", re.IGNORECASE
    ),
    "staging": re.compile("st(?:a|)g|mod(?:e|)l|pre|demo|non", re.IGNORECASE),
    "production": re.compile("pr(?:o|)d|live", re.IGNORECASE),
}


def slug(name: str) -> str:
    """The name as Kubernetes takes it: small letters, digits and single dashes."""
    text = re.sub("[^a-z0-9]", "-", name.lower())
    if not text[:1].isalpha():
        text = f"env-{text}"
    text = re.sub("-+", "-", text)
    if len(text) <= MAX_SLUG_LENGTH and text == name:
        return text.removesuffix("-")
    # Names that read alike stay apart.
    start = text[: MAX_SLUG_LENGTH - _SUFFIX_LENGTH - 1].removesuffix("-")
    return f"{start}-{_suffix(name)}"


def _suffix(name: str) -> str:
    """The last digits of the name's SHA-256 to the base of 36."""
    number = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    digits = ""
    for _ in range(_SUFFIX_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def tier(name: str) -> str:
    """What an environment is for, guessed from its name."""
    return next((tier for tier, words in _TIERS.items() if words.search(name)), "other")
