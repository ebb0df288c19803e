"""Who may fetch from and push to which repository.

Source: `lib/gitlab/git_access.rb`, `lib/gitlab/git_access_project.rb`,
`lib/gitlab/git_access_wiki.rb`, `lib/gitlab/git_access_snippet.rb` and
`lib/gitlab/git_access_design.rb`.
"""

from __future__ import annotations

from internal_api.access import keys, policies, pushes, users
from internal_api.access.decisions import (
    allow,
    bad_request,
    describe,
    forbid,
    not_found,
)
from internal_api.access.levels import FEATURE_DISABLED, OWNER
from internal_api.access.values import (
    Actor,
    Attempt,
    Container,
    Decision,
    Project,
    Snippet,
    User,
)

PROJECT_NOT_FOUND = (
    "The project you were looking for could not be found or you don't have "
    "permission to view it."
)
RECEIVE_PACK = "git-receive-pack"
UPLOAD_PACK = "git-upload-pack"
DOWNLOAD_COMMANDS = frozenset((UPLOAD_PACK, "git-upload-archive"))

_NO_REPOSITORY = {
    "project": "A repository for this project does not exist yet.",
    "wiki": "A repository for this wiki does not exist yet.",
    "snippet": "The snippet repository you were looking for could not be found.",
}
_DEPLOY_KEY_UPLOAD = "This deploy key does not have write access to this project."


def check(attempt: Attempt) -> Decision:
    """Decide whether somebody may do what they attempt.

    The checks follow one another as in GitLab: the first that fails decides, and
    whether the repository exists is told only to those who may use Git at all.

    Raises:
        ValueError: The changes of a push to a project are known, `refs` are not.
    """
    if attempt.type == "design":
        return _check_design(attempt)
    if refusal := _check_caller(attempt):
        return refusal
    container = attempt.container
    if container and container.snippet:
        return _check_snippet(attempt, container, container.snippet)
    if container and container.project:
        return _check_project(attempt, container, container.project)
    return not_found(attempt.missing, "there is no such repository")


def finds(attempt: Attempt) -> bool:
    """Whether a user gets as far as the project, allowed or not.

    Source: `check_container!`, where GitLab notes that it was moved.
    """
    container = attempt.container
    return (
        container is not None
        and container.project is not None
        and attempt.actor.user is not None
        and attempt.actor.deploy_key is None
        and _check_caller(attempt) is None
        and _check_readable(attempt, container, container.project) is None
    )


def _check_caller(attempt: Attempt) -> Decision | None:
    """Refuse who or what is refused whatever it is about."""
    return (
        _check_protocol(attempt)
        or _check_key(attempt)
        or _check_user(attempt)
        or _check_command(attempt)
        or _check_namespace(attempt)
    )


def _access_user(actor: Actor) -> User | None:
    """The user whose roles count: none for a deploy key."""
    key, user = actor
    return user if key is None or key.type == "Key" else None


def _who(attempt: Attempt, container: Container) -> str:
    return describe(attempt.actor, container.access_level)


# ------------------------------------------------------------------ for all alike


def _check_protocol(attempt: Attempt) -> Decision | None:
    enabled, protocol = attempt.instance.enabled_git_access_protocol, attempt.protocol
    if not enabled or protocol in {enabled, "web"}:
        return None
    if protocol is None:
        return bad_request("protocol is missing")
    text = f"Git access over {protocol.upper()} is not allowed"
    return forbid(text, f"only {enabled} is enabled")


def _check_key(attempt: Attempt) -> Decision | None:
    key = attempt.actor.key
    if key is None:
        return None
    if attempt.type == "snippet" and attempt.actor.deploy_key:
        text = "The authentication mechanism is not supported."
        return forbid(text, "deploy keys cannot be used for snippets")
    denial = keys.denial(key, attempt.instance.ssh_key_restrictions, attempt.now)
    return forbid(denial, f"key {key.id} may not be used") if denial else None


def _check_user(attempt: Attempt) -> Decision | None:
    user = _access_user(attempt.actor)
    if user is None:
        return None
    denial = users.denial(user, attempt.instance.external_url)
    return forbid(denial, f"'{user.username}' may not use Git") if denial else None


def _check_command(attempt: Attempt) -> Decision | None:
    action, instance = attempt.action, attempt.instance
    is_http = attempt.protocol == "http"
    if action == UPLOAD_PACK and is_http and not instance.http_upload_pack:
        text, reason = "Pulling over HTTP is not allowed.", "http_upload_pack is off"
    elif action == RECEIVE_PACK and is_http and not instance.http_receive_pack:
        text, reason = "Pushing over HTTP is not allowed.", "http_receive_pack is off"
    elif action == RECEIVE_PACK and instance.read_only:
        text = "You can't push code to a read-only GitLab instance."
        reason = "the instance is read-only"
    elif action == RECEIVE_PACK or action in DOWNLOAD_COMMANDS:
        return None
    else:
        text = "The command you're trying to execute is not allowed."
        reason = f"unknown action {action!r}"
    return forbid(text, reason)


def _check_namespace(attempt: Attempt) -> Decision | None:
    """Refuse a login by certificate whose group is not that of the project.

    Source: `ee/lib/ee/gitlab/git_access_project.rb`.
    """
    if not attempt.is_confined or attempt.type != "project":
        return None
    text = "You are not allowed to access projects in this namespace."
    return forbid(text, "the SSH certificate is for another group")


def _check_readable(
    attempt: Attempt, container: Container, project: Project
) -> Decision | None:
    user, can_push = _access_user(attempt.actor), container.deploy_key_can_push
    if policies.may_read_project(user, project, container.access_level, can_push):
        return None
    who = _who(attempt, container)
    return not_found(PROJECT_NOT_FOUND, f"{who} may not read '{project.full_path}'")


def _check_repository(container: Container, project: Project) -> Decision | None:
    if project.repository_exists:
        return None
    text = _NO_REPOSITORY[container.type]
    return not_found(text, f"'{project.full_path}' has no repository")


# ------------------------------------------------------------------ projects and wikis


def _check_project(
    attempt: Attempt, container: Container, project: Project
) -> Decision:
    """Decide about the repository of a project, or of its wiki."""
    check_access = (
        _check_download if attempt.action in DOWNLOAD_COMMANDS else _check_push
    )
    return (
        _check_readable(attempt, container, project)
        or _check_repository(container, project)
        or check_access(attempt, container, project)
    )


def _check_download(
    attempt: Attempt, container: Container, project: Project
) -> Decision:
    if container.type == "wiki":
        may_download = policies.may_download_wiki
        text = "You are not allowed to download files from this wiki."
    else:
        may_download = policies.may_download_code
        text = "You are not allowed to download code from this project."
    user, can_push = _access_user(attempt.actor), container.deploy_key_can_push
    who = _who(attempt, container)
    if may_download(user, project, container.access_level, can_push):
        return allow(f"{who} may download")
    return forbid(text, f"{who} may not download")


def _check_push(attempt: Attempt, container: Container, project: Project) -> Decision:
    actor, who = attempt.actor, _who(attempt, container)
    if project.repository_read_only:
        text = "The repository is temporarily read-only. Please try again later."
        return forbid(text, "the repository is read-only")
    if actor.deploy_key and not container.deploy_key_can_push:
        return forbid(_DEPLOY_KEY_UPLOAD, f"{who} may not push")
    if not actor.deploy_key and not actor.user:
        text = "You are not allowed to upload code for this project."
        return forbid(text, "nobody may push without an account")
    if container.type == "wiki":
        return _check_wiki_push(attempt, container, project)
    if attempt.changes is None:
        refusal = _check_any_push(attempt, container, project)
    else:
        refusal = _check_changes(attempt, container, project)
    return refusal or allow(f"{who} may push")


def _check_wiki_push(
    attempt: Attempt, container: Container, project: Project
) -> Decision:
    user, who = _pusher(attempt, container, project), _who(attempt, container)
    if policies.may_write_wiki(user, project, container.access_level):
        return allow(f"{who} may push")
    text = "You are not allowed to write to this project's wiki."
    return forbid(text, f"{who} may not write to the wiki")


def _check_any_push(
    attempt: Attempt, container: Container, project: Project
) -> Decision | None:
    if attempt.actor.deploy_key:
        able = project.repository_access_level != FEATURE_DISABLED
    else:
        user, level = attempt.actor.user, container.access_level
        able = policies.may_push_code(user, project, level) or bool(
            _collaboration_branches(attempt, container, project)
        )
    if able:
        return None
    return forbid(pushes.PUSH_CODE, f"{_who(attempt, container)} may not push")


def _check_changes(
    attempt: Attempt, container: Container, project: Project
) -> Decision | None:
    if not attempt.changes:
        # GitLab asks nothing when nothing changes.
        return None
    if attempt.refs is None:
        message = "refs are needed to check changes"
        raise ValueError(message)
    user, level = _pusher(attempt, container, project), container.access_level
    is_by_deploy_key = attempt.actor.deploy_key is not None
    if is_by_deploy_key:
        is_enabled = project.repository_access_level != FEATURE_DISABLED
        may_push = user is not None and is_enabled
    else:
        may_push = policies.may_push_code(user, project, level)
    push = pushes.Push(
        project=project,
        refs=attempt.refs,
        instance=attempt.instance,
        who=_who(attempt, container),
        level=OWNER if user and user.admin else level,
        may_push=may_push,
        is_by_deploy_key=is_by_deploy_key,
        collaboration_branches=_collaboration_branches(attempt, container, project),
        is_from_web=attempt.protocol == "web",
    )
    return pushes.check_changes(push, attempt.changes)


def _pusher(attempt: Attempt, container: Container, project: Project) -> User | None:
    """The user that a push counts as its own.

    That of a deploy key is its creator, while they may use Git and read the project.
    """
    user = attempt.actor.user
    if user is None or attempt.actor.deploy_key is None:
        return user
    if users.denial(user, attempt.instance.external_url):
        return None
    may_read = policies.may_read_project(user, project, container.access_level)
    return user if may_read else None


def _collaboration_branches(
    attempt: Attempt, container: Container, project: Project
) -> frozenset[str]:
    merge_requests = attempt.refs.merge_requests if attempt.refs else ()
    return policies.collaboration_branches(
        attempt.actor.user, project, container.access_level, merge_requests
    )


# ------------------------------------------------------------------ others


def _check_snippet(
    attempt: Attempt, container: Container, snippet: Snippet
) -> Decision:
    user, project = attempt.actor.user, container.project
    level, who = container.access_level, _who(attempt, container)
    refusal = project and (
        _check_readable(attempt, container, project)
        or _check_repository(container, project)
    )
    if refusal:
        return refusal
    if attempt.action in DOWNLOAD_COMMANDS:
        if policies.may_read_snippet(user, snippet, project, level):
            return allow(f"{who} may download")
        text = "You are not allowed to read this snippet."
        return forbid(text, f"{who} may not read snippet {snippet.id}")
    if not policies.may_update_snippet(user, snippet, project, level):
        text = "You are not allowed to update this snippet."
        return forbid(text, f"{who} may not update snippet {snippet.id}")
    refusal = pushes.check_snippet_changes(attempt.changes or ())
    return refusal or allow(f"{who} may push")


def _check_design(attempt: Attempt) -> Decision:
    """Decide about designs: whatever is done, only GitLab itself may."""
    if attempt.protocol != "web":
        text = "Designs are only accessible using the web interface"
        return forbid(text, f"not over {attempt.protocol}")
    container = attempt.container
    project = container.project if container else None
    if container is None or project is None:
        return not_found(attempt.missing, "there is no such project")
    refusal = _check_readable(attempt, container, project)
    if refusal:
        return refusal
    user, who = _access_user(attempt.actor), _who(attempt, container)
    may_manage = policies.may_manage_designs(user, project, container.access_level)
    if may_manage and _check_user(attempt) is None:
        return allow(f"{who} may manage designs")
    text = "You are not allowed to manage designs of this project"
    return forbid(text, f"{who} may not manage designs")
