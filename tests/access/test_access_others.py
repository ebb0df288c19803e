"""Who may fetch from and push to wikis, snippets and designs."""

from __future__ import annotations

from typing import Any

import pytest
from attempts import (
    ADMIN,
    DEPLOY_KEY,
    EXTERNAL,
    INSTANCE,
    MISSING,
    PROJECT,
    PROJECT_NOT_FOUND,
    PULL,
    PUSH,
    SNIPPET,
    UPLOAD,
    USER,
    VISIBILITIES,
    attempt,
    container,
    create,
    delete,
    update,
)

from internal_api.access.git import check
from internal_api.access.levels import (
    DEVELOPER,
    FEATURE_DISABLED,
    FEATURE_ENABLED,
    FEATURE_PRIVATE,
    PUBLIC,
)
from internal_api.access.policies import may_create_project
from internal_api.access.values import Actor, Attempt, Change, Project, Snippet, User

ANSWERS = {
    "200": (200, None),
    "404": (404, PROJECT_NOT_FOUND),
    "D": (401, "You are not allowed to download files from this wiki."),
    "W": (401, "You are not allowed to write to this project's wiki."),
    "U": (401, UPLOAD),
    "dk": (401, DEPLOY_KEY),
}
FEATURES = {
    "enabled": FEATURE_ENABLED,
    "members": FEATURE_PRIVATE,
    "disabled": FEATURE_DISABLED,
}
# Pull and push, by the visibility of the project and of the wiki within it.
WIKIS = """
                   | public enabled | public members | public disabled | private enabled
nobody             | 200 U          | D   U          | D   U           | 404 404
non-member         | 200 W          | D   W          | D   W           | 404 404
external           | 200 W          | D   W          | D   W           | 404 404
guest              | 200 W          | 200 W          | D   W           | D   W
reporter           | 200 W          | 200 W          | D   W           | 200 W
developer          | 200 200        | 200 200        | D   W           | 200 200
maintainer         | 200 200        | 200 200        | D   W           | 200 200
admin              | 200 200        | 200 200        | D   W           | 200 200
read deploy key    | 200 dk         | 200 dk         | D   dk          | 200 dk
foreign deploy key | 200 dk         | D   dk         | D   dk          | 404 404
"""


def wiki(who: str, action: str, project: Project = PROJECT, **members: Any) -> Attempt:
    """Somebody's attempt on the wiki of a project."""
    members = {"container": container(who, project, type="wiki")} | members
    return attempt(who, action, project, **members)


def wiki_cells() -> list[tuple[str, str, str, str]]:
    """The cells of the table: who, the column, and the answers to pull and push."""
    head, *rows = WIKIS.strip("\n").splitlines()
    columns = [name.strip() for name in head.split("|")[1:]]
    return [
        (who.strip(), column, *cell.split())  # type: ignore[misc]
        for who, *row in (line.split("|") for line in rows)
        for column, cell in zip(columns, row, strict=True)
    ]


@pytest.mark.parametrize(("who", "column", "pull", "push"), wiki_cells())
def test_wikis(who: str, column: str, pull: str, push: str) -> None:
    """Reporters fetch a wiki and developers write it, others what is open."""
    visibility, feature = column.split()
    project = PROJECT._replace(
        visibility_level=VISIBILITIES[visibility], wiki_access_level=FEATURES[feature]
    )
    for action, code in ((PULL, pull), (PUSH, push)):
        decision = check(wiki(who, action, project))
        assert (decision.status, decision.message) == ANSWERS[code]


def test_wiki_has_no_protected_branches() -> None:
    """A wiki takes every change of those who may write it."""
    changes = (delete("refs/heads/main"), update("refs/heads/x"))
    assert check(wiki("developer", PUSH, changes=changes)).allowed


@pytest.mark.parametrize(
    ("changed", "action", "status", "message"),
    [
        (
            {"repository_exists": 0},
            PULL,
            404,
            "A repository for this wiki does not exist yet.",
        ),
        (
            {"repository_read_only": 1},
            PUSH,
            401,
            "The repository is temporarily read-only. Please try again later.",
        ),
        ({"archived": 1}, PUSH, *ANSWERS["W"]),
        ({"repository_access_level": FEATURE_DISABLED}, PUSH, *ANSWERS["200"]),
    ],
)
def test_wiki_of_changed_project(
    changed: dict[str, Any], action: str, status: int, message: str | None
) -> None:
    """What is said of the project holds for its wiki, but not for its repository."""
    decision = check(wiki("owner", action, PROJECT._replace(**changed)))
    assert (decision.status, decision.message) == (status, message)


def test_wiki_on_read_only_instance() -> None:
    """The text of a read-only instance is the same for wikis."""
    instance = INSTANCE._replace(read_only=1)
    text = "You can't push code to a read-only GitLab instance."
    assert check(wiki("owner", PUSH, instance=instance)).message == text


@pytest.mark.parametrize(
    ("creator", "level", "code"),
    [
        (USER, DEVELOPER, "200"),
        (USER, 20, "W"),
        (USER._replace(state="blocked"), DEVELOPER, "W"),
    ],
)
def test_wiki_push_with_deploy_key(creator: User, level: int, code: str) -> None:
    """A deploy key writes a wiki where its creator could."""
    attempted = wiki("write deploy key", PUSH)
    assert attempted.container is not None
    attempted = attempted._replace(
        actor=Actor(attempted.actor.key, creator),
        container=attempted.container._replace(access_level=level),
    )
    decision = check(attempted)
    assert (decision.status, decision.message) == ANSWERS[code]


# ------------------------------------------------------------------ snippets

READ = "You are not allowed to read this snippet."
UPDATE = "You are not allowed to update this snippet."
AUTHOR = USER._replace(id=SNIPPET.author_id)
PUBLIC_PROJECT = PROJECT._replace(visibility_level=PUBLIC)


def snippet(
    user: User | None,
    action: str,
    project: Project | None = None,
    level: int = 0,
    **members: Any,
) -> Attempt:
    """An attempt on a snippet, that may belong to a project."""
    some = SNIPPET._replace(visibility_level=members.pop("visibility", 0))
    within = container(
        "nobody", project, type="snippet", snippet=some, access_level=level
    )
    actor = members.pop("actor", Actor(None, user))
    return attempt("nobody", action, PROJECT, **members)._replace(
        actor=actor, container=within
    )


@pytest.mark.parametrize(
    ("user", "visibility", "may_read", "may_update"),
    [
        (AUTHOR, "private", True, True),
        (AUTHOR._replace(external=1), "internal", True, True),
        (ADMIN, "private", True, True),
        (USER, "private", False, False),
        (USER, "internal", True, False),
        (USER, "public", True, False),
        (EXTERNAL, "internal", False, False),
        (EXTERNAL, "public", True, False),
        (None, "internal", False, False),
        (None, "public", True, False),
    ],
)
def test_personal_snippet(
    user: User | None, visibility: str, *, may_read: bool, may_update: bool
) -> None:
    """A snippet belongs to its author; others read what is visible to them."""
    level = VISIBILITIES[visibility]
    pull = check(snippet(user, PULL, visibility=level))
    push = check(snippet(user, PUSH, visibility=level))
    assert (pull.status, pull.message) == ((200, None) if may_read else (401, READ))
    assert (push.status, push.message) == ((200, None) if may_update else (401, UPDATE))


@pytest.mark.parametrize(
    ("user", "level", "changed", "visibility", "may"),
    [
        (USER, 10, {}, "private", "read"),
        (USER, 30, {}, "private", "read"),
        (USER, 40, {}, "private", "update"),
        (AUTHOR, 0, {}, "private", "update"),
        (ADMIN, 0, {}, "private", "update"),
        (USER, 0, {}, "private", "neither"),
        (USER, 0, {}, "internal", "read"),
        (None, 0, {}, "public", "read"),
        (AUTHOR, 10, {"archived": 1}, "private", "read"),
        (ADMIN, 0, {"snippets_access_level": FEATURE_DISABLED}, "public", "neither"),
        (AUTHOR, 0, {"snippets_access_level": FEATURE_PRIVATE}, "public", "neither"),
        (USER, 10, {"snippets_access_level": FEATURE_PRIVATE}, "public", "read"),
    ],
)
def test_project_snippet(
    user: User | None, level: int, changed: dict[str, Any], visibility: str, may: str
) -> None:
    """A project's snippet is also for its members, where the project has snippets."""
    project = PUBLIC_PROJECT._replace(**changed)
    seen = VISIBILITIES[visibility]
    pull = check(snippet(user, PULL, project, level, visibility=seen))
    push = check(snippet(user, PUSH, project, level, visibility=seen))
    assert pull.message == (None if may in {"read", "update"} else READ)
    assert push.message == (None if may == "update" else UPDATE)


def test_snippet_of_unreadable_project_404() -> None:
    """Even its author does not reach a snippet in a project that they cannot read."""
    decision = check(snippet(AUTHOR, PULL, PROJECT, visibility=PUBLIC))
    assert (decision.status, decision.message) == (404, PROJECT_NOT_FOUND)


def test_snippet_without_repository_404() -> None:
    """A snippet whose repository is missing has its own text."""
    project = PUBLIC_PROJECT._replace(repository_exists=0)
    text = "The snippet repository you were looking for could not be found."
    decision = check(snippet(AUTHOR, PULL, project))
    assert (decision.status, decision.message) == (404, text)


@pytest.mark.parametrize("action", [PULL, PUSH])
def test_snippet_not_with_deploy_key(action: str) -> None:
    """Deploy keys are no way to a snippet, which is told before they expired."""
    key = attempt("write deploy key", PULL, PROJECT).actor.key
    assert key is not None
    expired = key._replace(expires_at="2020-01-01T00:00:00.000Z")
    actor = Actor(expired, AUTHOR)
    text = "The authentication mechanism is not supported."
    assert check(snippet(AUTHOR, action, actor=actor)).message == text


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        (None, True),
        ((), True),
        ((update("refs/heads/main"),), True),
        ((create("refs/heads/main"),), True),
        ((create("refs/heads/other"),), False),
        ((delete("refs/heads/main"),), False),
        ((update("refs/heads/main"), create("refs/tags/v1")), False),
    ],
)
def test_snippet_has_one_branch(
    changes: tuple[Change, ...] | None, *, may: bool
) -> None:
    """The branch of a snippet is pushed to, and no other is made or removed."""
    text = "You can not create or delete branches."
    decision = check(snippet(AUTHOR, PUSH, changes=changes))
    assert decision.message == (None if may else text)


def test_snippet_author_is_who_wrote_it() -> None:
    """Another snippet's author has no rights here."""
    other: Snippet = SNIPPET._replace(author_id=USER.id + 1)
    attempted = snippet(USER, PUSH)
    assert attempted.container is not None
    within = attempted.container._replace(snippet=other)
    assert check(attempted._replace(container=within)).message == UPDATE


# ------------------------------------------------------------------ designs

ONLY_WEB = "Designs are only accessible using the web interface"
MANAGE = "You are not allowed to manage designs of this project"


@pytest.mark.parametrize(
    ("who", "protocol", "changed", "answer"),
    [
        ("developer", "web", {}, (200, None)),
        ("admin", "web", {}, (200, None)),
        ("owner", "ssh", {}, (401, ONLY_WEB)),
        ("owner", None, {}, (401, ONLY_WEB)),
        ("non-member", "http", {}, (401, ONLY_WEB)),
        ("reporter", "web", {}, (401, MANAGE)),
        ("nobody", "web", {"visibility_level": PUBLIC}, (401, MANAGE)),
        ("write deploy key", "web", {}, (401, MANAGE)),
        ("owner", "web", {"archived": 1}, (401, MANAGE)),
        ("owner", "web", {"lfs_enabled": 0}, (401, MANAGE)),
        ("non-member", "web", {}, (404, PROJECT_NOT_FOUND)),
    ],
)
@pytest.mark.parametrize("action", [None, PULL, PUSH])
def test_designs(
    action: str | None,
    who: str,
    protocol: str | None,
    changed: dict[str, Any],
    answer: tuple[int, str | None],
) -> None:
    """Designs are reached by GitLab itself, for those who may manage them."""
    project = PROJECT._replace(**changed)
    within = container(who, project, type="design")
    decision = check(attempt(who, action, project, protocol=protocol, container=within))
    assert (decision.status, decision.message) == answer


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [("ssh", (401, ONLY_WEB)), (None, (401, ONLY_WEB)), ("web", (404, MISSING))],
)
@pytest.mark.parametrize("action", [None, PULL, PUSH])
def test_designs_of_no_project(
    action: str | None, protocol: str | None, answer: tuple[int, str]
) -> None:
    """Designs that are not there are refused as those of a project nobody may see."""
    attempted = attempt(
        "owner",
        action,
        PROJECT,
        protocol=protocol,
        container=None,
        missing_type="design",
    )
    decision = check(attempted)
    assert (decision.status, decision.message) == answer


def test_designs_not_for_blocked_users() -> None:
    """A user who may not use Git may not manage designs."""
    within = container("owner", PROJECT, type="design")
    attempted = attempt("owner", PUSH, PROJECT, protocol="web", container=within)
    blocked = Actor(None, USER._replace(state="blocked"))
    assert check(attempted._replace(actor=blocked)).message == MANAGE


# ------------------------------------------------------------------ new projects


@pytest.mark.parametrize(
    ("user", "is_personal", "level", "may"),
    [
        (USER, True, 0, True),
        (USER._replace(can_create_projects=0), True, 0, False),
        (EXTERNAL, True, 0, False),
        (USER, False, 0, False),
        (USER, False, 20, False),
        (USER, False, 30, True),
        (USER._replace(can_create_projects=0), False, 30, True),
        (ADMIN, False, 0, True),
    ],
)
def test_may_create_project(
    user: User, level: int, *, is_personal: bool, may: bool
) -> None:
    """People create projects in their own namespace, developers in their groups."""
    assert may_create_project(user, is_personal=is_personal, access_level=level) is may
