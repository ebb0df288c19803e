"""Whether a Git command may run: the facts are gathered, then the rules decide.

Source: `lib/api/internal/base.rb` (`check_allowed`) and `lib/gitlab/git_access.rb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from internal_api import git_repository
from internal_api.access import git, paths, policies
from internal_api.access.levels import DEVELOPER, MAINTAINER
from internal_api.access.parameters import InvalidParameter
from internal_api.access.refs import ANY_CHANGES, has_branches, parse_changes
from internal_api.access.values import (
    Attempt,
    Change,
    Container,
    Decision,
    Key,
    ProtectedBranch,
    Refs,
    User,
)
from internal_api.access.wildcards import matches
from internal_api.dates import iso_time
from internal_api.git_repository import (
    GitRepository,
    GitTimeoutError,
    Quarantine,
    Run,
)
from internal_api.params import blank, to_text
from internal_api.repository import (
    git_access,
    keys,
    projects,
    pushes,
    refs,
    routes,
    settings,
    users,
)
from internal_api.repository.database import Connection, Database
from internal_api.repository.git_access import Access, Target

PUSH = git.RECEIVE_PACK
# What protects the default branch of a new project, by the instance's setting.
_PROTECTED = {
    "full": ProtectedBranch("main", MAINTAINER, MAINTAINER, 0),
    "developers_push": ProtectedBranch("main", DEVELOPER, MAINTAINER, 0),
}
_MODEL_NAMES = {
    "project": "Project",
    "wiki": "Project wiki",
    "snippet": "Project snippet",
    "design": "Design",
}
TIMED_OUT = (
    "Push operation timed out\n\nTiming information for debugging purposes:\n"
    "Checking if you are force pushing to a protected branch... "
    f"(cancelled after {git_repository.TIMEOUT_S * 1000}.0ms)"
)


class GitCommand(NamedTuple):
    """A Git command that a client asks about.

    Attributes:
        changes: The updates of a push, or None for `_any`: not known yet.
        quarantine: Where the objects of the push are.
        time: When it is asked, as UTC text.
        problem: What is wrong with the changes; then there are none.
        namespace_path: The group that a login by SSH certificate is confined to, where
            the client asks before it runs the command.
    """

    action: str | None
    protocol: str | None
    changes: tuple[Change, ...] | None
    quarantine: Quarantine
    time: str
    problem: str | None
    namespace_path: str | None

    @classmethod
    def from_params(cls, params: Mapping[str, Any], now: datetime) -> GitCommand:
        """Read the parameters of `/allowed`; a problem is told last."""
        action = to_text(params.get("action"))
        changes: tuple[Change, ...] | None = ()
        problem = None
        if action == PUSH:
            try:
                changes = parse_changes(params.get("changes"))
            except InvalidParameter as error:
                problem = str(error)
        return cls(
            action,
            to_text(params.get("protocol")),
            changes,
            Quarantine.from_env(params.get("env")),
            iso_time(now),
            problem,
            namespace_path(params),
        )


def namespace_path(params: Mapping[str, Any]) -> str | None:
    """The only namespace that may be reached; what Gitaly asks later is of any."""
    if params.get("changes") != ANY_CHANGES or blank(params.get("namespace_path")):
        return None
    return to_text(params["namespace_path"]) or ""


def ask(
    database: Database,
    params: Mapping[str, Any],
    command: GitCommand,
    known: Access | None = None,
) -> tuple[Access, Attempt]:
    """All that is known about a command of the actor on the repository of `params`.

    Args:
        database: Is asked.
        params: Of the request.
        command: What is to run.
        known: What was asked just before, unless it is a push.

    Raises:
        InvalidParameter: `gl_repository` or `project` is malformed.
    """
    if command.action != PUSH:
        return _attempt(known or git_access.ask(database, params), command, None)
    with database.reading() as connection:
        return gather(connection, params, command)


def gather(
    connection: Connection, params: Mapping[str, Any], command: GitCommand
) -> tuple[Access, Attempt]:
    """The same of a push, within a transaction.

    Raises:
        InvalidParameter: As above.
    """
    access = git_access.find(connection, params)
    return _attempt(
        access, command, _refs(connection, access.target.container, command)
    )


def _attempt(
    access: Access, command: GitCommand, refs: Refs | None
) -> tuple[Access, Attempt]:
    current, actor, target, _answers = access
    attempt = Attempt(
        actor,
        command.action,
        command.protocol,
        command.changes,
        target.container,
        target.missing,
        current.instance,
        refs,
        command.time,
        target.missing_type,
        _is_confined(target, command),
    )
    if target.redirected and not git.finds(attempt):
        access = access._replace(target=target._replace(redirected=False))
    return access, attempt


def _is_confined(target: Target, command: GitCommand) -> bool:
    """Whether a login by certificate is confined to a group that is another's."""
    if command.namespace_path is None:
        return False
    project = target.container and target.container.project
    path = project.full_path if project else target.path or ""
    return not paths.is_below(path, command.namespace_path)


def decide(access: Access, attempt: Attempt, command: GitCommand, run: Run) -> Decision:
    """Whether it may run; git itself is asked where the repository is at hand."""
    storage_path, container = access.settings.gitaly_storage_path, attempt.container
    try:
        if storage_path and container:
            repository = git_repository.find(
                storage_path, relative_path(container), command.quarantine, run
            )
            if repository:
                attempt = _ask_git(attempt, container, repository)
        return git.check(attempt)
    except GitTimeoutError:
        return Decision(False, 503, TIMED_OUT, "git took too long")  # noqa: FBT003


def refs_at_hand(
    database: Database, params: Mapping[str, Any], run: Run
) -> frozenset[str] | None:
    """The branches and tags of a project whose repository is at hand, as full names.

    None where it is not, or git cannot tell.

    Raises:
        InvalidParameter: `gl_repository` or `project` is malformed.
    """
    storage_path = database.ask(settings.read).gitaly_storage_path
    if not storage_path:
        return None
    container = git_access.ask(database, params).target.container
    if container is None or container.type != "project":
        return None
    repository = git_repository.find(
        storage_path, relative_path(container), git_repository.NO_QUARANTINE, run
    )
    try:
        return repository.refs() if repository else None
    except GitTimeoutError:
        return None


def _refs(
    connection: Connection, container: Container | None, command: GitCommand
) -> Refs | None:
    """What is known of the refs that a push to a project changes."""
    if not (container and container.type == "project" and container.project):
        return None
    project_id = container.project.id
    rules, names = refs.rules(connection, project_id), frozenset[str]()
    if command.changes:
        names = refs.existing(connection, project_id, command.changes)
    # Without the objects every update counts as a fast-forward.
    return Refs(*rules, names, lambda _change: False, lambda _commit: True)


def _ask_git(
    attempt: Attempt, container: Container, repository: GitRepository
) -> Attempt:
    """Let the repository itself answer what it can."""
    known = attempt.refs
    if container.project is None:
        return attempt
    project = container.project._replace(repository_exists=1)
    # GitLab asks nothing when nothing changes.
    if known and attempt.changes != ():
        names, protected_branches = repository.refs(), known.protected_branches
        if names is None:
            names = known.names
        else:
            project = project._replace(empty_repo=not has_branches(names))
        known = known._replace(
            names=names,
            is_forced=repository.is_forced,
            is_on_protected_branch=lambda commit: any(
                matches(rule.name, branch)
                for branch in repository.branches_with(commit)
                for rule in protected_branches
            ),
        )
    container = container._replace(project=project)
    return attempt._replace(container=container, refs=known)


class Effects(NamedTuple):
    """What a command leaves behind, if anything.

    Attributes:
        rate_limit: Calls a minute that are counted; 0 counts none.
        key: Whose use is to be noted, allowed or not.
        user: Whose activity is to be noted.
        moved: Whether the user is to be told that the repository has a new path.
        creates_project: Whether it is a push that makes its project.
    """

    rate_limit: int
    key: Key | None
    user: User | None
    moved: bool
    creates_project: bool


def effects(
    access: Access, decision: Decision, command: GitCommand, now: datetime
) -> Effects:
    """What follows from a decision."""
    (key, user), instance = access.actor, access.settings.instance
    is_noted = user is None or user.last_activity_on == command.time[:10]
    is_pull = command.action in git.DOWNLOAD_COMMANDS and decision.allowed
    if is_noted or not is_pull or instance.read_only:
        user = None
    return Effects(
        access.settings.rate_limit_per_minute,
        key if keys.use_is_due(key, instance, now) else None,
        user,
        access.target.redirected,
        not decision.allowed and _creates_project(access, decision, command),
    )


def leave(
    connection: Connection,
    access: Access,
    command: GitCommand,
    due: Effects,
    now: datetime,
) -> None:
    """Note the use of key and account, and what the user is to be told."""
    if due.key:
        keys.record_use(connection, due.key, now)
    if due.user:
        users.record_activity(connection, due.user, now.date())
    if due.moved:
        _queue_moved_message(connection, access, command, now)


def _creates_project(access: Access, decision: Decision, command: GitCommand) -> bool:
    """Whether a refused push is one that would make its project.

    Source: `lib/gitlab/git_access_project.rb` (`ensure_project_on_push!`).
    """
    target, actor = access.target, access.actor
    return (
        command.action == PUSH
        and command.changes is None
        and target.container is None
        and target.path is not None
        and decision.message == git.PROJECT_NOT_FOUND
        and actor.user is not None
        and actor.deploy_key is None
    )


def create_project(
    connection: Connection, access: Access, command: GitCommand, now: datetime
) -> Decision | None:
    """Make the project that is pushed to, if the actor may and it can be.

    Returns:
        Why its name cannot be; None when there is nothing to say against it.

    Source: `lib/gitlab/git_access_project.rb` (`ensure_project_on_push!`).
    """
    user, instance = access.actor.user, access.settings.instance
    names = paths.to_be_created(access.target.path or "")
    if user is None or names is None:
        return None
    namespace = projects.find_namespace(connection, names[0], user.id)
    if namespace is None or not policies.may_create_project(
        user,
        is_personal=bool(namespace.is_personal),
        access_level=namespace.access_level,
    ):
        return None
    if error := paths.creation_error(names[1]):
        return Decision(False, 422, error, "impossible project name")  # noqa: FBT003
    path = f"{namespace.full_path}/{names[1]}"
    if routes.is_taken(connection, path):
        return None
    rule = _PROTECTED.get(instance.default_branch_protection)
    project_id = projects.create(connection, namespace.id, path, rule)
    url, web_url = _urls(access, path, command)
    message = (
        f"\nThe private project {path} was successfully created.\n\n"
        f"To configure the remote, run:\n  git remote add origin {url}\n\n"
        f"To view the project, visit:\n  {web_url}\n\n"
    )
    created = pushes.PostPushMessage(
        user.id, f"project-{project_id}", pushes.PROJECT_CREATED, message
    )
    pushes.queue_message(connection, created, now)
    return None


def _queue_moved_message(
    connection: Connection, access: Access, command: GitCommand, now: datetime
) -> None:
    """Tell the user with the next push that the repository has a new path.

    Source: `lib/gitlab/checks/container_moved.rb`.
    """
    container, user = access.target.container, access.actor.user
    if container is None or user is None:
        return
    path = full_path(container)
    message = (
        f"{_MODEL_NAMES[container.type]} '{access.target.path}' was moved to '{path}'."
        "\n\nPlease update your Git remote:\n\n"
        f"  git remote set-url origin {_urls(access, path, command)[0]}\n"
    )
    moved = pushes.PostPushMessage(
        user.id, gl_repository(container), pushes.CONTAINER_MOVED, message
    )
    pushes.queue_message(connection, moved, now)


def _urls(access: Access, path: str, command: GitCommand) -> tuple[str, str]:
    """The address to clone from, by the protocol of the command, and the page."""
    web_url = f"{access.settings.instance.external_url}/{path}"
    if command.protocol == "ssh":
        return f"git@{urlsplit(web_url).hostname}:{path}.git", web_url
    return f"{web_url}.git", web_url


def relative_path(container: Container) -> str:
    """Where the repository lies in its storage."""
    return paths.hashed_path(container.type, _id(container))


def gl_repository(container: Container) -> str:
    """GitLab's identifier of the repository, such as `project-7`."""
    return f"{container.type}-{_id(container)}"


def full_path(container: Container) -> str:
    """The canonical path of the repository, without `.git`."""
    project = container.project.full_path if container.project else None
    if container.snippet:
        snippet = f"snippets/{container.snippet.id}"
        return f"{project}/{snippet}" if project else snippet
    suffix = "" if container.type == "project" else f".{container.type}"
    return f"{project}{suffix}"


def _id(container: Container) -> int:
    owner = container.snippet or container.project
    return owner.id if owner else 0
