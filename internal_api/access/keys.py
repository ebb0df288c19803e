"""Which SSH keys may be used, and what their owners are told.

Source: `app/models/key.rb`, `app/validators/ssh_key_validator.rb` and
`lib/gitlab/auth/key_status_checker.rb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from internal_api.access.values import Key

_TYPES = ("rsa", "dsa", "ecdsa", "ed25519", "ecdsa_sk", "ed25519_sk")
_EXPIRES_SOON = timedelta(days=7)


def denial(key: Key, restrictions: Mapping[str, int | str], now: str) -> str | None:
    """Tell the owner of a key, or of a deploy key, why it may not be used.

    Args:
        key: The key that was presented.
        restrictions: The least bits of a type of keys, or `forbidden`.
        now: The time, as UTC text.

    Returns:
        GitLab's text, or None when the key is good.
    """
    restriction = restrictions.get(key.key_type) if restrictions else None
    if isinstance(restriction, str):
        allowed = [kind for kind in _TYPES if restrictions.get(kind) != restriction]
        names = _to_sentence([kind.upper() for kind in allowed])
        return f"Your SSH key type is forbidden. Must be {names}."
    if restriction is not None and key.bits < restriction:
        return f"Your SSH key must be at least {restriction} bits."
    if key.expires_at is not None and key.expires_at <= now:
        return "Your SSH key has expired."
    return None


def console_messages(key: Key | None, now: str) -> list[str]:
    """What gitlab-shell prints before Git starts.

    Args:
        key: The key that was presented, if any.
        now: The time, as UTC text.
    """
    if key is None or key.expires_at is None:
        return []
    left = datetime.fromisoformat(key.expires_at) - datetime.fromisoformat(now)
    if left > _EXPIRES_SOON:
        return []
    return ["INFO: Your SSH key is expiring soon. Please generate a new key."]


def _to_sentence(words: list[str]) -> str:
    """Join as Ruby on Rails does: `A`, `A or B`, `A, B, or C`."""
    *first, last = words or [""]
    if len(first) > 1:
        return f"{', '.join(first)}, or {last}"
    return " or ".join(words)
