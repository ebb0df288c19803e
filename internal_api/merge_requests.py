"""Merge requests that a push makes, retargets and is told about.

Source: `lib/gitlab/push_options.rb`,
`app/services/merge_requests/push_options_handler_service.rb` and
`app/services/merge_requests/get_urls_service.rb`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote_plus

from internal_api.access.levels import FEATURE_DISABLED
from internal_api.access.refs import branch_name
from internal_api.access.values import Change, MergeRequest, Project

MAX_BRANCHES = 10
CONFLICT = "Branch conflict You can't use same project/branch for source and target"
_NAMESPACES = {"merge_request", "mr"}
_KEYS = {
    *("create", "target", "title", "description", "draft", "milestone"),
    *("label", "unlabel", "assign", "unassign"),
    *("merge_when_pipeline_succeeds", "remove_source_branch"),
}

Options = Mapping[str, str | bool]


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
    """The options for merge requests, by key; one without a value is true."""
    options: dict[str, str | bool] = {}
    for option in raw:
        namespace, _, rest = option.lstrip(".").partition(".")
        key, _, value = rest.partition("=")
        if namespace.strip() in _NAMESPACES and key.strip() in _KEYS:
            options[key.strip()] = value.strip() or True
    return options


def pushed_branches(project: Project, changes: Iterable[Change]) -> list[str]:
    """The branches that may have a merge request: neither deleted nor the default."""
    branches = dict.fromkeys(
        branch_name(change.ref) for change in changes if not change.is_deletion
    )
    return [name for name in branches if name and name != project.default_branch]


def handle_push_options(
    project: Project,
    merge_requests: Iterable[MergeRequest],
    branches: list[str],
    options: Options,
    *,
    target_exists: bool,
) -> Handled:
    """What the options ask for the pushed branches, or why that cannot be."""
    errors = []
    target = str(options.get("target", project.default_branch))
    if project.merge_requests_access_level == FEATURE_DISABLED:
        path = project.full_path
        errors.append(f"Merge requests are not enabled for project {path}")
    if len(branches) > MAX_BRANCHES:
        errors.append(
            f"Too many branches pushed ({len(branches)} were pushed, "
            f"limit is {MAX_BRANCHES})"
        )
    if "target" in options and not target_exists:
        errors.append(f"Target branch {project.full_path}:{target} does not exist")
    handled = Handled({}, {}, errors)
    if errors:
        return handled
    existing = {request.source_branch: request for request in merge_requests}
    for branch in branches:
        request = existing.get(branch)
        if request is None and "create" not in options:
            errors.append(
                "A merge_request.create push option is required to create a merge "
                f"request for branch {branch}"
            )
        elif branch == target:
            errors.append(CONFLICT)
        elif request is None:
            handled.create[branch] = target
        elif "target" in options:
            handled.retarget[request.iid] = target
    return handled


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
