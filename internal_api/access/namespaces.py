"""Who may see and administer a group or a personal namespace.

Source: `app/policies/group_policy.rb` and
`app/policies/namespaces/user_namespace_policy.rb`.
"""

from __future__ import annotations

from typing import NamedTuple

from internal_api.access.levels import INTERNAL, NO_ACCESS, OWNER, PUBLIC
from internal_api.access.values import User


class Namespace(NamedTuple):
    """A group (`Group`) or a personal namespace (`User`)."""

    id: int
    type: str
    name: str
    parent_id: int | None
    owner_id: int | None
    visibility_level: int

    @property
    def is_root(self) -> bool:
        """Whether it is in no group."""
        return self.parent_id is None


class Standing(NamedTuple):
    """What a user is to a group: the role, 0 for none, and whether in its projects."""

    access_level: int
    has_projects: int


def may_read(user: User, namespace: Namespace, standing: Standing) -> bool:
    """`read_namespace`: whether the namespace is there for the user."""
    if namespace.type == "User" or user.admin:
        return may_admin(user, namespace, standing)
    level = namespace.visibility_level
    return (
        level == PUBLIC
        or (level == INTERNAL and not user.external)
        or standing.access_level > NO_ACCESS
        or bool(standing.has_projects)
    )


def may_admin(user: User, namespace: Namespace, standing: Standing) -> bool:
    """`admin_namespace`: whether the user may see to the namespace and its plan."""
    if namespace.type == "User":
        return bool(user.admin) or namespace.owner_id == user.id
    return bool(user.admin) or standing.access_level >= OWNER
