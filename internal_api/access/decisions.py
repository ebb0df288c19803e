"""How a check ends, and how its reason names the one who asked."""

from __future__ import annotations

from internal_api.access.levels import ROLE_NAMES
from internal_api.access.values import Actor, Decision


def allow(reason: str) -> Decision:
    """Let it pass."""
    return Decision(allowed=True, status=200, message=None, reason=reason)


def bad_request(reason: str) -> Decision:
    """Refuse what Rails would fail on."""
    return Decision(allowed=False, status=400, message=reason, reason=reason)


def forbid(message: str, reason: str) -> Decision:
    """Refuse, as `ForbiddenError` does: with 401, so that the client shows the text.

    Source: `lib/api/internal/base.rb`.
    """
    return Decision(allowed=False, status=401, message=message, reason=reason)


def not_found(message: str, reason: str) -> Decision:
    """Refuse as if there were nothing, as `NotFoundError` does."""
    return Decision(allowed=False, status=404, message=message, reason=reason)


def describe(actor: Actor, access_level: int) -> str:
    """Name those like an actor by what counts: the key, or the role or its lack."""
    key, user = actor
    if key is not None and key.type == "DeployKey":
        return f"deploy key {key.id}"
    if user is None:
        return "nobody"
    if user.admin:
        return "admins"
    nothing = "external non-member" if user.external else "non-member"
    return f"{ROLE_NAMES.get(access_level, nothing)}s"
