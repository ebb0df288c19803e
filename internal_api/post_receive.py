"""What happens after a push: it is noted, and the user is told about it.

Source: `app/services/post_receive_service.rb` and
`lib/gitlab/internal_post_receive/response.rb`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from internal_api import git_commands, merge_requests
from internal_api.access.refs import has_branches, is_ref_name, parse_changes
from internal_api.access.values import Change, Project
from internal_api.params import to_text
from internal_api.repository import git_access, projects, pushes, refs
from internal_api.repository.database import Connection
from internal_api.repository.git_access import Access

Message = dict[str, str]


class _Push(NamedTuple):
    """A push that ended.

    Attributes:
        project: Whose refs changed; None for those of a wiki or a snippet.
        changes: Those of refs that git could have.
        names: All refs of the project, where its repository is at hand.
    """

    project: Project | None
    changes: tuple[Change, ...]
    names: frozenset[str] | None


def receive(
    connection: Connection,
    params: Mapping[str, Any],
    now: datetime,
    names: frozenset[str] | None,
) -> list[Message]:
    """Note a push that ended and say what the user is to see, in this order.

    Args:
        connection: In a transaction that writes.
        params: Of the request.
        now: The time.
        names: The refs of the project, where its repository is at hand.

    Raises:
        InvalidParameter: `gl_repository`, `project` or `changes` is malformed.
    """
    push_options = _push_options(params.get("push_options"))
    access = git_access.find(connection, params)
    container = access.target.container
    if gl_repository := to_text(params.get("gl_repository")):
        pushes.decrease_counter(connection, gl_repository, now)
    project = container.project if container else None
    sent = params.get("changes")
    changes = () if sent is None else parse_changes(sent) or ()
    changes = tuple(change for change in changes if is_ref_name(change.ref))
    # The refs and merge requests of a wiki or a snippet are nobody's.
    own = project if container and container.type == "project" else None
    if own:
        projects.update_refs(connection, own.id, changes)
        if names is not None:
            own = own._replace(empty_repo=not has_branches(names))
    push = _Push(own, changes, names)
    warning = _handle_push_options(connection, access, push, push_options)
    banner = pushes.banner(connection, project and project.full_path, now)
    basic = _merge_request_messages(connection, access, push)
    if access.actor.user and container:
        repository = git_commands.gl_repository(container)
        user_id = access.actor.user.id
        basic += pushes.take_messages(connection, user_id, repository, now)
    texts = [
        ("alert", banner),
        ("alert", warning),
        *(("basic", text) for text in basic),
    ]
    return [
        {"message": text, "type": kind} for kind, text in texts if text and text.strip()
    ]


def _push_options(sent: object) -> list[str]:
    """The push options as they were sent: a list, or a single one."""
    options = sent if isinstance(sent, list) else [sent]
    return [option if isinstance(option, str) else "" for option in options]


def _handle_push_options(
    connection: sqlite3.Connection,
    access: Access,
    push: _Push,
    raw: list[str],
) -> str | None:
    """Do what the push options say; what cannot be done becomes a warning."""
    options = merge_requests.push_options(raw)
    if not options or access.target.container is None:
        return None
    if push.project is None:
        errors = ["Push options are only supported for projects"]
    else:
        has_user = access.actor.user is not None
        errors = _apply(connection, push.project, push, options, has_user=has_user)
    if not errors:
        return None
    quoted = " ".join(f"'{option}'" for option in raw)
    problems = "\n\n".join(errors)
    return f"WARNINGS:\nError encountered with push options {quoted}: {problems}"


def _apply(
    connection: sqlite3.Connection,
    project: Project,
    push: _Push,
    options: merge_requests.Options,
    *,
    has_user: bool,
) -> list[str]:
    target = options.get("target", project.default_branch)
    if push.names is None:
        target_exists = refs.branch_exists(connection, project.id, target)
    else:
        target_exists = f"refs/heads/{target}" in push.names
    branches = merge_requests.pushed_branches(project, push.changes)
    errors = merge_requests.faults(
        project, branches, options, target_exists=target_exists
    )
    if not has_user:
        errors.insert(0, "User is required")
    if errors:
        return errors
    handled = merge_requests.handle_push_options(
        project,
        refs.merge_requests(connection, project.id),
        branches,
        options,
        target_exists=target_exists,
    )
    for source, into in handled.create.items():
        refs.create_merge_request(connection, project.id, source, into)
    for iid, into in handled.retarget.items():
        refs.retarget_merge_request(connection, project.id, iid, into)
    return handled.errors


def _merge_request_messages(
    connection: sqlite3.Connection,
    access: Access,
    push: _Push,
) -> list[str]:
    """A link for each branch that has, or may have, a merge request."""
    project = push.project
    if not (project and access.settings.merge_request_links) or project.empty_repo:
        return []
    if not project.merge_requests_access_level:
        return []
    return merge_requests.messages(
        access.settings.instance.external_url,
        project,
        refs.merge_requests(connection, project.id),
        merge_requests.pushed_branches(project, push.changes),
    )
