"""Merge requests that a push makes, retargets and is told about.

Source: `lib/gitlab/push_options.rb`,
`app/services/merge_requests/push_options_handler_service.rb` and
`app/services/merge_requests/get_urls_service.rb`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote_plus

from internal_api.access.levels import FEATURE_DISABLED
from internal_api.access.refs import branch_name
from internal_api.access.values import Change, MergeRequest, Project

MAX_BRANCHES = 10
SAME_BRANCH = "You must select different branches"
CONFLICT = "Branch conflict You can't use same project/branch for source and target"
ANOTHER = (
    "Validate branches Another open merge request already exists for this source "
    "branch: !"
)
# What Ruby's `strip` takes away.
_BLANKS = " \t\n\v\f\r\0"
_NAMESPACES = {"merge_request", "mr"}
_KEYS = {
    *("create", "target", "title", "description", "draft", "milestone"),
    *("label", "unlabel", "assign", "unassign"),
    *("merge_when_pipeline_succeeds", "remove_source_branch"),
}

# One without a value is `true`.
Options = Mapping[str, str]


class Handled(NamedTuple):
    """What push options ask for.

    Attributes:
        create: New merge requests, source branch -> target branch.
        retarget: Existing ones by number -> target branch.
        errors: What could not be done.
    """

    create: dict[str, str]
    retarget: dict[int, str]
    errors: list[str]


def push_options(raw: Iterable[str]) -> Options:
    """The options for merge requests, by key."""
    options: dict[str, str] = {}
    for option in raw:
        namespace, _, rest = option.lstrip(".").partition(".")
        key, _, value = rest.partition("=")
        name = key.strip(_BLANKS)
        if namespace.strip(_BLANKS) in _NAMESPACES and name in _KEYS:
            options[name] = value.strip(_BLANKS) or "true"
    return options


def pushed_branches(project: Project, changes: Iterable[Change]) -> list[str]:
    """The branches that may have a merge request: neither deleted nor the default."""
    branches = dict.fromkeys(
        branch_name(change.ref) for change in changes if not change.is_deletion
    )
    return [name for name in branches if name and name != project.default_branch]


def faults(
    project: Project, branches: list[str], options: Options, *, target_exists: bool
) -> list[str]:
    """Why the options cannot be done at all."""
    errors = []
    if project.merge_requests_access_level == FEATURE_DISABLED:
        path = project.full_path
        errors.append(f"Merge requests are not enabled for project {path}")
    if len(branches) > MAX_BRANCHES:
        errors.append(
            f"Too many branches pushed ({len(branches)} were pushed, "
            f"limit is {MAX_BRANCHES})"
        )
    if "target" in options and not target_exists:
        target = options["target"]
        errors.append(f"Target branch {project.full_path}:{target} does not exist")
    return errors


def handle_push_options(
    project: Project,
    merge_requests: Iterable[MergeRequest],
    branches: list[str],
    options: Options,
    *,
    target_exists: bool,
) -> Handled:
    """What the options ask for the pushed branches, or why that cannot be."""
    handled = Handled({}, {}, [])
    target, existing = options.get("target", project.default_branch), [*merge_requests]
    for branch in branches:
        requests = [each for each in existing if each.source_branch == branch]
        if requests:
            if "target" in options:
                handled.errors.extend(_retarget(requests, target, handled))
        elif error := _creation_error(branch, target, options, target_exists):
            handled.errors.append(error)
        else:
            handled.create[branch] = target
    return handled


def _creation_error(
    branch: str,
    target: str,
    options: Options,
    target_exists: bool,  # noqa: FBT001 - named where it is asked
) -> str | None:
    if "create" not in options:
        return (
            "A merge_request.create push option is required to create a merge "
            f"request for branch {branch}"
        )
    if branch == target:
        return SAME_BRANCH
    return None if target_exists else f'Target branch "{target}" does not exist'


def _retarget(
    requests: Iterable[MergeRequest], target: str, handled: Handled
) -> Iterator[str]:
    """Let the merge requests of a branch have another target, or say why not."""
    targets = {request.iid: request.target_branch for request in requests}
    for request in requests:
        others = (iid for iid, into in targets.items() if into == target)
        twin = next((iid for iid in others if iid != request.iid), None)
        if target == request.source_branch:
            yield CONFLICT
        elif twin:
            yield f"{ANOTHER}{twin}"
        else:
            handled.retarget[request.iid] = targets[request.iid] = target


def messages(
    external_url: str,
    project: Project,
    merge_requests: Iterable[MergeRequest],
    branches: Iterable[str],
) -> list[str]:
    """One message for each branch: its merge request, or where to make one."""
    base = f"{external_url}/{project.full_path}/-/merge_requests"
    existing = {request.source_branch: request for request in merge_requests}
    texts = []
    for branch in branches:
        if request := existing.get(branch):
            text, url = f"View merge request for {branch}:", f"{base}/{request.iid}"
        else:
            text = f"To create a merge request for {branch}, visit:"
            query = f"merge_request%5Bsource_branch%5D={quote_plus(branch)}"
            url = f"{base}/new?{query}"
        texts.append(f"{text}\n  {url}")
    return texts
