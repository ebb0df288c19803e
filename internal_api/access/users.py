"""Which users may use Git at all.

Source: `lib/gitlab/auth/user_access_denied_reason.rb` and
`app/policies/global_policy.rb`.
"""

from __future__ import annotations

from internal_api.access.values import User

# `User::NON_INTERNAL_USER_TYPES`: people, and what tokens of projects and groups
# act for. All others are GitLab's own.
_NON_INTERNAL_TYPES = frozenset(
    ("human", "project_bot", "service_user", "service_account")
)
# `blocked?` of `app/models/user.rb`.
BLOCKED_STATES = frozenset(
    ("blocked", "ldap_blocked", "banned", "blocked_pending_approval")
)


def may_log_in(user: User) -> bool:
    """Whether a user may log in at all.

    Source: `log_in`, `app/policies/global_policy.rb`.
    """
    is_person = user.user_type in _NON_INTERNAL_TYPES - {"project_bot"}
    return is_person and user.state not in BLOCKED_STATES and bool(user.confirmed)


def denial(user: User, external_url: str) -> str | None:
    """Tell a user why they may not use Git.

    Args:
        user: Who asks, or who made the deploy key that asks.
        external_url: Where the instance is, for the links.

    Returns:
        GitLab's text for the first reason in its order; None when there is none.
    """
    url = external_url
    if user.user_type not in _NON_INTERNAL_TYPES:
        text = "This action cannot be performed by internal users"
    elif user.state == "blocked_pending_approval":
        text = (
            "Your account is pending approval from your administrator and hence "
            "blocked."
        )
    elif not user.terms_accepted:
        text = (
            f"You (@{user.username}) must accept the Terms of Service in order to "
            "perform this action. To accept these terms, please access GitLab from "
            f"a web browser at {url}."
        )
    elif user.state == "deactivated":
        text = (
            "Your account has been deactivated by your administrator. Please log "
            f"back in from a web browser to reactivate your account at {url}"
        )
    elif not user.confirmed:
        text = (
            "Your primary email address is not confirmed. Please check your inbox "
            "for the confirmation instructions. In case the link is expired, you can "
            f"request a new confirmation email at {url}/users/confirmation/new"
        )
    elif user.state != "active":
        text = "Your account has been blocked."
    elif user.password_expired:
        text = (
            "Your password expired. Please access GitLab from a web browser to "
            "update your password."
        )
    else:
        return None
    return text
