"""What the tests of the access rules attempt, with all that they do not look at."""

from __future__ import annotations

from typing import Any

from internal_api.access.instance import Instance
from internal_api.access.levels import (
    DEVELOPER,
    GUEST,
    INTERNAL,
    MAINTAINER,
    OWNER,
    PRIVATE,
    PUBLIC,
    REPORTER,
)
from internal_api.access.values import (
    Actor,
    Attempt,
    Change,
    Container,
    Key,
    Project,
    ProtectedBranch,
    Refs,
    Snippet,
    User,
)

PULL, ARCHIVE, PUSH = "git-upload-pack", "git-upload-archive", "git-receive-pack"
NOW = "2022-07-01T12:00:00.000Z"
ZEROS, OLD, NEW = "0" * 40, "1" * 40, "2" * 40

PROJECT_NOT_FOUND = (
    "The project you were looking for could not be found or you don't have "
    "permission to view it."
)
MISSING = "The text for what is missing."
DOWNLOAD = "You are not allowed to download code from this project."
PUSH_CODE = "You are not allowed to push code to this project."
UPLOAD = "You are not allowed to upload code for this project."
DEPLOY_KEY = "This deploy key does not have write access to this project."

USER = User(
    id=7,
    username="rubi",
    admin=0,
    state="active",
    user_type="human",
    external=0,
    confirmed=1,
    password_expired=0,
    terms_accepted=1,
    can_create_projects=1,
)
ADMIN = USER._replace(id=1, username="root", admin=1)
EXTERNAL = USER._replace(external=1)
GHOST = USER._replace(id=2, username="ghost", user_type="ghost")
KEY = Key(
    id=11,
    type="Key",
    key_type="rsa",
    bits=2048,
    expires_at=None,
    last_used_at=None,
)
PROJECT = Project(
    id=3,
    root_namespace_id=20,
    full_path="gnuwget/wget2",
    visibility_level=PRIVATE,
    archived=0,
    repository_access_level=20,
    wiki_access_level=20,
    snippets_access_level=20,
    merge_requests_access_level=20,
    lfs_enabled=1,
    repository_exists=1,
    empty_repo=0,
    repository_read_only=0,
    default_branch="main",
)
SNIPPET = Snippet(id=5, author_id=99, project_id=None, visibility_level=PRIVATE)
INSTANCE = Instance(
    external_url="http://localhost:3001",
    enabled_git_access_protocol="",
    read_only=0,
    default_branch_protection="full",
    http_upload_pack=1,
    http_receive_pack=1,
    ssh_key_restrictions={},
)
FEATURE = ProtectedBranch("feature", MAINTAINER, MAINTAINER, 0)
REFS = Refs(
    protected_branches=(),
    protected_tags=(),
    merge_requests=(),
    names=frozenset(),
    is_forced=lambda _: False,
    is_on_protected_branch=lambda _: False,
)

VISIBILITIES = {"public": PUBLIC, "internal": INTERNAL, "private": PRIVATE}
ROLES = {
    "guest": GUEST,
    "reporter": REPORTER,
    "developer": DEVELOPER,
    "maintainer": MAINTAINER,
    "owner": OWNER,
}

# Who somebody is: the user, whether with a deploy key, the role in the project, and
# what the deploy key may in the project.
_WHO: dict[str, tuple[User | None, bool, int, int | None]] = {
    "nobody": (None, False, 0, None),
    "non-member": (USER, False, 0, None),
    "external": (EXTERNAL, False, 0, None),
    "admin": (ADMIN, False, 0, None),
    **{role: (USER, False, level, None) for role, level in ROLES.items()},
    "read deploy key": (GHOST, True, 0, 0),
    "write deploy key": (GHOST, True, 0, 1),
    "foreign deploy key": (GHOST, True, 0, None),
}
PEOPLE = tuple(_WHO)


def actor(who: str) -> Actor:
    """The actor of this kind."""
    user, is_deploy_key, _, _ = _WHO[who]
    key_type = "DeployKey" if is_deploy_key else "Key"
    return Actor(KEY._replace(type=key_type) if user else None, user)


def container(who: str, project: Project | None, **members: Any) -> Container:
    """The project as this actor has it."""
    _, _, level, can_push = _WHO[who]
    usual = Container("project", project, None, level, can_push)
    return usual._replace(**members)


def attempt(who: str, action: str | None, project: Project, **members: Any) -> Attempt:
    """Somebody's attempt on a project; a push does not say of what."""
    return Attempt(
        **{
            "actor": actor(who),
            "action": action,
            "protocol": "ssh",
            "changes": None,
            "container": container(who, project),
            "missing": MISSING,
            "instance": INSTANCE,
            "refs": None,
            "now": NOW,
        }
        | members
    )


def push(who: str, *changes: Change, **members: Any) -> Attempt:
    """Somebody's push of these changes to the project."""
    members = {"refs": REFS} | members
    project = members.pop("project", PROJECT)
    return attempt(who, PUSH, project, changes=changes, **members)


def create(ref: str) -> Change:
    """A ref is made."""
    return Change(ZEROS, NEW, ref)


def update(ref: str) -> Change:
    """A ref is moved."""
    return Change(OLD, NEW, ref)


def delete(ref: str) -> Change:
    """A ref is removed."""
    return Change(OLD, ZEROS, ref)
