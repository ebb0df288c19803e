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


def project_users(project: str) -> str:
    """SQL of everybody who may have a role in a project: `user_id` and `level`.

    Who has one is among them, perhaps more than once; the level may be too high.

    Args:
        project: SQL of the project's id.
    """
    return f"""
        WITH near (id) AS (
            SELECT a.ancestor_id FROM projects p
            JOIN namespace_ancestors a ON a.namespace_id = p.namespace_id
            WHERE p.id = {project}
            UNION SELECT a.ancestor_id FROM project_group_links l
            JOIN namespace_ancestors a ON a.namespace_id = l.group_id
            WHERE l.project_id = {project}
        ), sources (id) AS (
            SELECT id FROM near
            UNION SELECT l.shared_with_group_id
            FROM near CROSS JOIN group_group_links l ON l.shared_group_id = near.id
        )
        SELECT m.user_id, m.access_level AS level
        FROM sources CROSS JOIN members m ON m.source_type = 'Namespace'
            AND m.source_id = sources.id AND m.state = 'active'
        UNION ALL SELECT user_id, access_level FROM members
        WHERE source_type = 'Project' AND source_id = {project} AND state = 'active'
        UNION ALL SELECT n.owner_id, {OWNER}
        FROM projects p JOIN namespaces n ON n.id = p.namespace_id
        WHERE p.id = {project} AND n.owner_id IS NOT NULL"""  # noqa: S608


def _highest(level: str, tables: str, source: str, where: str, user: str) -> str:
    """SQL of the highest level over the groups that `tables` lead to."""
    # CROSS JOIN keeps SQLite at the near end: it must not start at the members.
    return f"""coalesce((SELECT max({level}) FROM {tables}
        CROSS JOIN members m ON m.user_id = {user} AND m.state = 'active'
            AND m.source_type = 'Namespace' AND m.source_id = {source}
        WHERE {where}), 0)"""  # noqa: S608
