"""Pulls that were asked before: CI jobs fetch the same repository again and again.

What was read from the database holds until something is written, and what followed
from it for as long as the time alone changes nothing: neither the age of the key, nor
when it was last used, nor the day of the user's last activity.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import product
from typing import Any, NamedTuple

from internal_api.access.git import DOWNLOAD_COMMANDS
from internal_api.git_commands import GitCommand, namespace_path
from internal_api.git_repository import NO_QUARANTINE
from internal_api.params import to_text
from internal_api.repository.git_access import Access
from internal_api.repository.keys import use_is_due

# By action and protocol.
_KINDS = frozenset(product(DOWNLOAD_COMMANDS, ("ssh", "http", "web", None)))


class Answer(NamedTuple):
    """An answer in JSON, and the day on which it was given, in UTC."""

    body: bytes
    day: date


def find(
    access: Access, params: Mapping[str, Any], follow: str, now: datetime
) -> bytes | None:
    """What the same pull was answered, if that still holds."""
    kind = to_text(params.get("action")), to_text(params.get("protocol"))
    known: Answer | None = access.answers.get((follow, kind))
    if known is None or known.day != now.date():
        return None
    if params.get("env") or namespace_path(params) is not None:
        return None
    is_due = use_is_due(access.actor.key, access.settings.instance, now)
    return None if is_due else known.body


def keep(access: Access, command: GitCommand, follow: str, answer: Answer) -> None:
    """Keep the answer to a command that left nothing behind, if it is such a pull.

    Args:
        access: Who pulls what, as long as nothing is written.
        command: The command, which may run.
        follow: What the answer follows, `documentation` or `gitlab`.
        answer: The answer.
    """
    key, kind = access.actor.key, (command.action, command.protocol)
    asks_git = access.settings.gitaly_storage_path is not None
    expires = key is not None and key.expires_at is not None
    is_simple = kind in _KINDS and command.quarantine == NO_QUARANTINE
    if is_simple and not (asks_git or expires):
        access.answers[follow, kind] = answer
