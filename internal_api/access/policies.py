"""What users and deploy keys may do with a project and what belongs to it.

The user is None for somebody who is not logged in, and for a deploy key: that has
its own rights, not those of its creator. `access_level` is the user's highest role
in the project, 0 for none. `deploy_key_can_push` is None when nobody but a user asks,
or when the deploy key is none of this project.

Source: `app/policies/project_policy.rb`, `app/policies/project_snippet_policy.rb`,
`app/policies/personal_snippet_policy.rb`, `app/policies/group_policy.rb`,
`app/policies/namespaces/user_namespace_policy.rb` and `lib/gitlab/git_access.rb`.
"""

from __future__ import annotations

from collections.abc import Iterable

from internal_api.access.levels import (
    DEVELOPER,
    FEATURE_DISABLED,
    FEATURE_ENABLED,
    FEATURE_PRIVATE,
    GUEST,
    INTERNAL,
    MAINTAINER,
    PUBLIC,
    REPORTER,
)
from internal_api.access.values import MergeRequest, Project, Snippet, User


def may_read_project(
    user: User | None,
    project: Project,
    access_level: int,
    deploy_key_can_push: int | None = None,
) -> bool:
    """Whether a project is there at all for somebody (`read_project`)."""
    return (
        project.visibility_level == PUBLIC
        or deploy_key_can_push is not None
        or _has_role(user, access_level, GUEST)
        or _is_visible(project.visibility_level, user)
    )


def may_download_code(
    user: User | None,
    project: Project,
    access_level: int,
    deploy_key_can_push: int | None = None,
) -> bool:
    """Whether somebody may fetch the repository (`download_code`)."""
    if project.repository_access_level == FEATURE_DISABLED:
        return False
    return (
        deploy_key_can_push is not None
        or _has_role(user, access_level, REPORTER)
        or (
            project.repository_access_level == FEATURE_ENABLED
            and _is_visible(project.visibility_level, user)
        )
    )


def may_push_code(user: User | None, project: Project, access_level: int) -> bool:
    """Whether a user may push to some branch (`push_code`)."""
    return (
        project.repository_access_level != FEATURE_DISABLED
        and not project.archived
        and _has_role(user, access_level, DEVELOPER)
    )


def collaboration_branches(
    user: User | None,
    project: Project,
    access_level: int,
    merge_requests: Iterable[MergeRequest],
) -> frozenset[str]:
    """The branches that a user may push to by an open merge request.

    Its author lets those collaborate who could not push otherwise.

    Source: `Project#branch_allows_collaboration?`, `app/models/project.rb`.
    """
    if user is None or project.archived or project.empty_repo:
        return frozenset()
    if not _is_feature_open(project.repository_access_level, user, access_level):
        return frozenset()
    return frozenset(
        merge_request.source_branch
        for merge_request in merge_requests
        if merge_request.allow_collaboration
    )


def may_download_wiki(
    user: User | None,
    project: Project,
    access_level: int,
    deploy_key_can_push: int | None = None,
) -> bool:
    """Whether somebody may fetch the wiki (`download_wiki_code`)."""
    if project.wiki_access_level == FEATURE_DISABLED:
        return False
    return (
        deploy_key_can_push is not None
        or _has_role(user, access_level, REPORTER)
        or (
            _is_feature_open(project.wiki_access_level, user, access_level)
            and _is_visible(project.visibility_level, user)
        )
    )


def may_write_wiki(user: User | None, project: Project, access_level: int) -> bool:
    """Whether a user may push to the wiki (`create_wiki`)."""
    return (
        project.wiki_access_level != FEATURE_DISABLED
        and not project.archived
        and _has_role(user, access_level, DEVELOPER)
    )


def may_manage_designs(user: User | None, project: Project, access_level: int) -> bool:
    """Whether a user may add designs (`create_design`); they are kept in LFS."""
    return (
        bool(project.lfs_enabled)
        and not project.archived
        and _has_role(user, access_level, DEVELOPER)
    )


def may_read_snippet(
    user: User | None, snippet: Snippet, project: Project | None, access_level: int
) -> bool:
    """Whether somebody may fetch a snippet (`read_snippet`).

    The snippet's project, if any, is one that they may read.
    """
    return _has_snippets(user, project, access_level) and (
        _is_visible(snippet.visibility_level, user)
        or _is_author(user, snippet)
        or _has_role(user, access_level, GUEST)
    )


def may_update_snippet(
    user: User | None, snippet: Snippet, project: Project | None, access_level: int
) -> bool:
    """Whether a user may push to a snippet (`update_snippet`)."""
    return (
        _has_snippets(user, project, access_level)
        and not (project is not None and project.archived)
        and (_is_author(user, snippet) or _has_role(user, access_level, MAINTAINER))
    )


def may_admin_vulnerabilities(user: User | None, access_level: int) -> bool:
    """Whether a user may create and resolve vulnerabilities, where they are licensed.

    Source: `create_vulnerability` and `admin_vulnerability`,
    `ee/app/policies/ee/project_policy.rb`.
    """
    return _has_role(user, access_level, DEVELOPER)


def may_create_project(user: User, *, is_personal: bool, access_level: int) -> bool:
    """Whether a user may create projects in a namespace (`create_projects`).

    Args:
        user: Who wants to.
        is_personal: Whether it is the user's own personal namespace.
        access_level: The user's highest role in the group.
    """
    if is_personal:
        # External users have a `projects_limit` of 0.
        return bool(user.can_create_projects) and not user.external
    return _has_role(user, access_level, DEVELOPER)


def _has_role(user: User | None, access_level: int, needed: int) -> bool:
    return user is not None and (access_level >= needed or bool(user.admin))


def _is_visible(visibility_level: int, user: User | None) -> bool:
    return visibility_level == PUBLIC or (
        visibility_level == INTERNAL and user is not None and not user.external
    )


def _is_feature_open(feature_level: int, user: User | None, access_level: int) -> bool:
    return feature_level == FEATURE_ENABLED or (
        feature_level == FEATURE_PRIVATE and _has_role(user, access_level, GUEST)
    )


def _is_author(user: User | None, snippet: Snippet) -> bool:
    return user is not None and user.id == snippet.author_id


def _has_snippets(
    user: User | None, project: Project | None, access_level: int
) -> bool:
    return project is None or _is_feature_open(
        project.snippets_access_level, user, access_level
    )
