"""The highest role of a user in a group or a project, as SQL.

A role is given directly, inherited from a group above, or comes with a group
that the group or project is shared with: then it is the lower of the share's
role and the one in that group. With a shared group come only its own members,
with a shared project also those who have their role in the group from elsewhere.

Source: `lib/gitlab/project_authorizations.rb`.
"""

from __future__ import annotations

from internal_api.access.levels import OWNER


def namespace_level(namespace: str, user: str) -> str:
    """SQL of the role in a namespace; 0 for none.

    Args:
        namespace: SQL of the namespace's id.
        user: SQL of the user's id.
    """
    inherited = _highest(
        "m.access_level",
        "namespace_ancestors a",
        "a.ancestor_id",
        f"a.namespace_id = {namespace}",
        user,
    )
    shared = _highest(
        "min(l.group_access, m.access_level)",
        """namespace_ancestors a
        CROSS JOIN group_group_links l ON l.shared_group_id = a.ancestor_id""",
        "l.shared_with_group_id",
        f"a.namespace_id = {namespace}",
        user,
    )
    return f"max({inherited}, {shared})"


def project_level(project: str, user: str) -> str:
    """SQL of the role in a project; 0 for none.

    Args:
        project: The alias of the project's row.
        user: SQL of the user's id.
    """
    group = namespace_level("share.group_id", user)
    return f"""max(
        CASE (SELECT owner_id FROM namespaces WHERE id = {project}.namespace_id)
            WHEN {user} THEN {OWNER} ELSE 0 END,
        coalesce((SELECT access_level FROM members WHERE user_id = {user}
            AND source_type = 'Project' AND source_id = {project}.id
            AND state = 'active'), 0),
        {namespace_level(f"{project}.namespace_id", user)},
        coalesce((SELECT max(min(share.group_access, {group}))
            FROM project_group_links share
            WHERE share.project_id = {project}.id), 0))"""  # noqa: S608


def _highest(level: str, tables: str, source: str, where: str, user: str) -> str:
    """SQL of the highest level over the groups that `tables` lead to."""
    # CROSS JOIN keeps SQLite at the near end: it must not start at the members.
    return f"""coalesce((SELECT max({level}) FROM {tables}
        CROSS JOIN members m ON m.user_id = {user} AND m.state = 'active'
            AND m.source_type = 'Namespace' AND m.source_id = {source}
        WHERE {where}), 0)"""  # noqa: S608
