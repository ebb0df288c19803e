"""The plain values that the access rules look at.

They are tuples, so that a row of the database becomes one without a copy of
its members; truth values may be 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from internal_api.access.instance import Instance

# No object: of SHA-1 and of SHA-256 repositories.
_BLANK_IDS = frozenset(("0" * 40, "0" * 64))


class User(NamedTuple):
    """A user, as far as access depends on it."""

    id: int
    username: str
    admin: int
    state: str
    user_type: str
    external: int
    confirmed: int
    password_expired: int
    terms_accepted: int
    can_create_projects: int
    last_activity_on: str | None = None


class Key(NamedTuple):
    """An SSH key; `type` is `Key` or `DeployKey`, times are UTC text."""

    id: int
    type: str
    key_type: str
    bits: int
    expires_at: str | None
    last_used_at: str | None


class Actor(NamedTuple):
    """Who asks: the key that was presented, if any, and the user behind it.

    The user of a deploy key is its creator, or the ghost user.
    """

    key: Key | None
    user: User | None

    @property
    def deploy_key(self) -> Key | None:
        """The key, if it is a deploy key."""
        return self.key if self.key and self.key.type == "DeployKey" else None


class Project(NamedTuple):
    """A project and its settings; levels are GitLab's integers."""

    id: int
    root_namespace_id: int
    full_path: str
    visibility_level: int
    archived: int
    repository_access_level: int
    wiki_access_level: int
    snippets_access_level: int
    merge_requests_access_level: int
    lfs_enabled: int
    repository_exists: int
    empty_repo: int
    repository_read_only: int
    default_branch: str


class Snippet(NamedTuple):
    """A snippet; a personal one has no project."""

    id: int
    author_id: int
    project_id: int | None
    visibility_level: int


class Container(NamedTuple):
    """What a repository belongs to, and what the actor is to it.

    Attributes:
        type: `project`, `wiki`, `snippet` or `design`.
        access_level: The highest role of the actor's user in the project:
            direct, inherited or through a shared group; 0 for none.
        deploy_key_can_push: None when the actor is no deploy key of the project.
    """

    type: str
    project: Project | None
    snippet: Snippet | None
    access_level: int
    deploy_key_can_push: int | None


class Change(NamedTuple):
    """One line of `changes`: an update of one ref."""

    oldrev: str
    newrev: str
    ref: str

    @property
    def is_creation(self) -> bool:
        """Whether the ref is new."""
        return self.oldrev in _BLANK_IDS

    @property
    def is_deletion(self) -> bool:
        """Whether the ref goes."""
        return self.newrev in _BLANK_IDS


class ProtectedBranch(NamedTuple):
    """A rule for branches; `name` may have wildcards."""

    name: str
    push_access_level: int
    merge_access_level: int
    allow_force_push: int


class ProtectedTag(NamedTuple):
    """A rule for tags; `name` may have wildcards."""

    name: str
    create_access_level: int


class MergeRequest(NamedTuple):
    """An open merge request of the project."""

    iid: int
    source_branch: str
    target_branch: str
    allow_collaboration: int
    merging_sha: str | None


class Refs(NamedTuple):
    """What pushes to a project depend on.

    Attributes:
        names: Those of the pushed refs that exist, as full names.
        is_forced: Tells whether an update of a ref is no fast-forward.
        is_on_protected_branch: Tells whether a commit id is on a protected branch.
    """

    protected_branches: tuple[ProtectedBranch, ...]
    protected_tags: tuple[ProtectedTag, ...]
    merge_requests: tuple[MergeRequest, ...]
    names: frozenset[str]
    is_forced: Callable[[Change], bool]
    is_on_protected_branch: Callable[[str], bool]


class Attempt(NamedTuple):
    """What somebody attempts.

    Attributes:
        protocol: `ssh`, `http`, `web` or whatever the caller sent.
        changes: The updates of a push, or None for `_any`: not known yet.
        container: None when there is none, or it was deleted.
        missing: The message for a container that is None.
        missing_type: What it would be, as the type of a container.
        is_confined: Whether a login by SSH certificate is confined to a group in which
            the project is not.
        refs: Needed for a push of known changes to a project's repository; for `_any`
            only its merge requests count.
        now: The time, as UTC text.
    """

    actor: Actor
    action: str | None
    protocol: str | None
    changes: tuple[Change, ...] | None
    container: Container | None
    missing: str
    instance: Instance
    refs: Refs | None
    now: str
    missing_type: str = "project"
    is_confined: bool = False

    @property
    def type(self) -> str:
        """The kind of repository, whether it is there or not."""
        return self.container.type if self.container else self.missing_type


class Decision(NamedTuple):
    """The answer: `message` is GitLab's text, `reason` tells a developer more."""

    allowed: bool
    status: int
    message: str | None
    reason: str
