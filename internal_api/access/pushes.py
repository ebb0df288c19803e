"""What a push may do to each ref of a project's repository.

Source: `lib/gitlab/checks/push_check.rb`, `lib/gitlab/checks/branch_check.rb`,
`lib/gitlab/checks/tag_check.rb`, `lib/gitlab/checks/snippet_check.rb`,
`lib/gitlab/user_access.rb` and `lib/gitlab/deploy_key_access.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from internal_api.access.decisions import forbid
from internal_api.access.instance import Instance
from internal_api.access.levels import DEVELOPER, MAINTAINER, NO_ACCESS
from internal_api.access.refs import branch_name, tag_name
from internal_api.access.values import (
    Change,
    Decision,
    Project,
    ProtectedBranch,
    Refs,
)
from internal_api.access.wildcards import matches

PUSH_CODE = "You are not allowed to push code to this project."

# Of snippets, whose repositories are made by GitLab.
_SNIPPET_BRANCH = "refs/heads/main"
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{40}(?:-/|/|\Z)")


class Push(NamedTuple):
    """A push to a project's repository.

    Attributes:
        who: The one who pushes, for the reasons.
        level: The highest role of the user, or of the deploy key's creator.
        may_push: Whether they may push to what is not protected.
        is_by_deploy_key: Protected branches then count for every ref.
        collaboration_branches: Where a merge request lets the user push.
        is_from_web: Whether GitLab itself pushes, on behalf of the user.
    """

    project: Project
    refs: Refs
    instance: Instance
    who: str
    level: int
    may_push: bool
    is_by_deploy_key: bool
    collaboration_branches: frozenset[str]
    is_from_web: bool


def check_changes(push: Push, changes: Iterable[Change]) -> Decision | None:
    """Refuse the whole push for the first change that may not be.

    Returns:
        None when all of them may be.
    """
    for change in changes:
        refusal = (
            _check_push(push, change)
            or _check_branch(push, change)
            or _check_tag(push, change)
        )
        if refusal is not None:
            return refusal
    return None


def check_snippet_changes(changes: Iterable[Change]) -> Decision | None:
    """Refuse a push to a snippet that makes or removes branches."""
    for change in changes:
        is_new = change.is_creation and change.ref != _SNIPPET_BRANCH
        if is_new or change.is_deletion:
            text = "You can not create or delete branches."
            return forbid(text, f"'{change.ref}': snippets have one branch")
    return None


def _check_push(push: Push, change: Change) -> Decision | None:
    if push.is_by_deploy_key:
        # GitLab compares the whole ref here, which rules like `*` match.
        rules = _protecting(push, change.ref)
        able = push.may_push and _may_push_to(push, rules)
    else:
        able = push.may_push or branch_name(change.ref) in push.collaboration_branches
    if able:
        return None
    return forbid(PUSH_CODE, f"'{change.ref}': {push.who} may not push")


# ------------------------------------------------------------------ branches


def _protecting(push: Push, name: str) -> list[ProtectedBranch]:
    rules = push.refs.protected_branches
    return [rule for rule in rules if matches(rule.name, name)]


def _permits(access_level: int, level: int) -> bool:
    return access_level != NO_ACCESS and level >= access_level


def _may_push_to(push: Push, rules: list[ProtectedBranch]) -> bool:
    """Whether the rules for a branch, if any, let somebody push to it."""
    if push.project.empty_repo:
        # Who may make the default branch is up to the instance.
        fully = push.instance.default_branch_protection == "full"
        if push.level >= (MAINTAINER if fully else DEVELOPER):
            return True
        if fully and not rules:
            return False
    return not rules or any(
        _permits(rule.push_access_level, push.level) for rule in rules
    )


def _check_branch(push: Push, change: Change) -> Decision | None:
    branch = branch_name(change.ref)
    if branch is None:
        return None
    if change.is_deletion and branch == push.project.default_branch:
        text = "The default branch of a project cannot be deleted."
        return forbid(text, f"'{branch}' is the default branch")
    if not change.is_deletion and _HEXADECIMAL.match(branch):
        text = "You cannot create a branch with a 40-character hexadecimal branch name."
        return forbid(text, f"branch '{branch}' would look like a commit")
    rules = _protecting(push, branch)
    if push.project.empty_repo:
        return _check_initial_push(push, branch, rules)
    return _check_protected_branch(push, change, branch, rules) if rules else None


def _check_initial_push(
    push: Push, branch: str, rules: list[ProtectedBranch]
) -> Decision | None:
    if _may_push_to(push, rules):
        return None
    path = push.project.full_path
    text = f"""
A default branch (e.g. main) does not yet exist for {path}
Ask a project Owner or Maintainer to create a default branch:

  {push.instance.external_url}/{path}/-/project_members

"""
    return forbid(text, f"'{branch}' of an empty repository: {push.who} may not push")


def _check_protected_branch(
    push: Push, change: Change, branch: str, rules: list[ProtectedBranch]
) -> Decision | None:
    about = f"protected branch '{branch}'"
    if change.is_creation:
        return _check_creation(push, change, about, rules)
    if change.is_deletion:
        return _check_deletion(push, about)
    if not any(rule.allow_force_push for rule in rules) and push.refs.is_forced(change):
        text = (
            "You are not allowed to force push code to a protected branch on this "
            "project."
        )
        return forbid(text, f"{about}: nobody may force push")
    merged = (change.newrev, branch)
    is_merge = any(
        (merge_request.merging_sha, merge_request.target_branch) == merged
        for merge_request in push.refs.merge_requests
    )
    return _check_update(push, about, rules, is_merge=is_merge)


def _check_update(
    push: Push, about: str, rules: list[ProtectedBranch], *, is_merge: bool
) -> Decision | None:
    """Let those push who may, and those merge who do so by a merge request."""
    if _may_push_to(push, rules) or (is_merge and _may_merge_to(push, rules)):
        return None
    verb, what = ("merge", "merge code into") if is_merge else ("push", "push code to")
    text = f"You are not allowed to {what} protected branches on this project."
    return forbid(text, f"{about}: {push.who} may not {verb}")


def _may_merge_to(push: Push, rules: list[ProtectedBranch]) -> bool:
    return any(_permits(rule.merge_access_level, push.level) for rule in rules)


def _check_creation(
    push: Push, change: Change, about: str, rules: list[ProtectedBranch]
) -> Decision | None:
    """Let those push who may, and those merge who merge what is protected already."""
    if _may_push_to(push, rules):
        return None
    if not _may_merge_to(push, rules):
        text = "You are not allowed to create protected branches on this project."
        reason = f"{about}: {push.who} may neither push nor merge"
    elif not push.refs.is_on_protected_branch(change.newrev):
        text = (
            "You can only use an existing protected branch ref as the basis of a new "
            "protected branch."
        )
        reason = f"{about}: {push.who} may only merge"
    elif not push.is_from_web:
        text = "You can only create protected branches using the web interface and API."
        reason = f"{about}: {push.who} may only merge"
    else:
        return None
    return forbid(text, reason)


def _check_deletion(push: Push, about: str) -> Decision | None:
    if push.level < MAINTAINER:
        text = (
            "You are not allowed to delete protected branches from this project. Only "
            "a project maintainer or owner can delete a protected branch."
        )
        return forbid(text, f"{about}: {push.who} may not delete it")
    if not push.is_from_web:
        text = "You can only delete protected branches using the web interface."
        return forbid(text, f"{about} goes in the web interface only")
    return None


# ------------------------------------------------------------------ tags


def _check_tag(push: Push, change: Change) -> Decision | None:
    tag = tag_name(change.ref)
    if tag is None:
        return None
    if change.ref in push.refs.names and push.level < DEVELOPER:
        text = "You are not allowed to change existing tags on this project."
        return forbid(text, f"tag '{tag}' exists: {push.who} may not change it")
    if change.is_creation and tag == push.project.default_branch:
        text = "You cannot use default branch name to create a tag"
        return forbid(text, f"'{tag}' is the default branch")
    rules = [rule for rule in push.refs.protected_tags if matches(rule.name, tag)]
    if not rules:
        return None
    may_create = any(_permits(rule.create_access_level, push.level) for rule in rules)
    return _check_protected_tag(push, change, tag, may_create=may_create)


def _check_protected_tag(
    push: Push, change: Change, tag: str, *, may_create: bool
) -> Decision | None:
    about = f"protected tag '{tag}'"
    if not change.is_creation and not change.is_deletion:
        text, reason = "Protected tags cannot be updated.", f"{about} stays"
    elif change.is_deletion and push.level < MAINTAINER:
        text = (
            "You are not allowed to delete protected tags from this project. Only a "
            "project maintainer or owner can delete a protected tag."
        )
        reason = f"{about}: {push.who} may not delete it"
    elif change.is_deletion and not push.is_from_web:
        text = "You can only delete protected tags using the web interface."
        reason = f"{about} goes in the web interface only"
    elif not may_create:
        # GitLab asks for this right of those who delete a tag as well.
        text = "You are not allowed to create this tag as it is protected."
        reason = f"{about}: {push.who} may not create it"
    else:
        return None
    return forbid(text, reason)
