"""Who may fetch from and push to a project, whatever the branch."""

from __future__ import annotations

from typing import Any

import pytest
from attempts import (
    ARCHIVE,
    DEPLOY_KEY,
    DOWNLOAD,
    MISSING,
    PEOPLE,
    PROJECT,
    PROJECT_NOT_FOUND,
    PULL,
    PUSH,
    PUSH_CODE,
    REFS,
    ROLES,
    UPLOAD,
    VISIBILITIES,
    attempt,
    container,
)
from hypothesis import given
from hypothesis import strategies as st

from internal_api.access import policies
from internal_api.access.git import check
from internal_api.access.levels import (
    FEATURE_DISABLED,
    FEATURE_ENABLED,
    FEATURE_PRIVATE,
    OWNER,
    PUBLIC,
)
from internal_api.access.values import Decision, MergeRequest, Project

ANSWERS = {
    "200": (200, None),
    "404": (404, PROJECT_NOT_FOUND),
    "D": (401, DOWNLOAD),
    "P": (401, PUSH_CODE),
    "U": (401, UPLOAD),
    "dk": (401, DEPLOY_KEY),
}

# Pull and push, in a project of each visibility.
MATRIX = """
                   | public   | internal | private
nobody             | 200 U    | 404 404  | 404 404
non-member         | 200 P    | 200 P    | 404 404
external           | 200 P    | 404 404  | 404 404
guest              | 200 P    | 200 P    | D   P
reporter           | 200 P    | 200 P    | 200 P
developer          | 200 200  | 200 200  | 200 200
maintainer         | 200 200  | 200 200  | 200 200
owner              | 200 200  | 200 200  | 200 200
admin              | 200 200  | 200 200  | 200 200
read deploy key    | 200 dk   | 200 dk   | 200 dk
write deploy key   | 200 200  | 200 200  | 200 200
foreign deploy key | 200 dk   | 404 404  | 404 404
"""
# The same in a public project: its repository for members only, disabled, the project
# archived, its repository read-only, or not there.
SETTINGS: dict[str, dict[str, Any]] = {
    "private": {"repository_access_level": FEATURE_PRIVATE},
    "disabled": {"repository_access_level": FEATURE_DISABLED},
    "archived": {"archived": 1},
    "read-only": {"repository_read_only": 1},
    "missing": {"repository_exists": 0},
}
READ_ONLY = "The repository is temporarily read-only. Please try again later."
ANSWERS |= {
    "ro": (401, READ_ONLY),
    "no": (404, "A repository for this project does not exist yet."),
}
PUBLIC_MATRIX = """
                   | private  | disabled | archived | read-only | missing
nobody             | D   U    | D   U    | 200 U    | 200 ro    | no no
non-member         | D   P    | D   P    | 200 P    | 200 ro    | no no
external           | D   P    | D   P    | 200 P    | 200 ro    | no no
guest              | D   P    | D   P    | 200 P    | 200 ro    | no no
reporter           | 200 P    | D   P    | 200 P    | 200 ro    | no no
developer          | 200 200  | D   P    | 200 P    | 200 ro    | no no
maintainer         | 200 200  | D   P    | 200 P    | 200 ro    | no no
owner              | 200 200  | D   P    | 200 P    | 200 ro    | no no
admin              | 200 200  | D   P    | 200 P    | 200 ro    | no no
read deploy key    | 200 dk   | D   dk   | 200 dk   | 200 ro    | no no
write deploy key   | 200 200  | D   P    | 200 200  | 200 ro    | no no
foreign deploy key | D   dk   | D   dk   | 200 dk   | 200 ro    | no no
"""


def cells(table: str) -> list[tuple[str, str, str, str]]:
    """The cells of a table: who, the column, and the answers to pull and push."""
    head, *rows = table.strip("\n").splitlines()
    columns = [name.strip() for name in head.split("|")[1:]]
    return [
        (who.strip(), column, *cell.split())  # type: ignore[misc]
        for who, *row in (line.split("|") for line in rows)
        for column, cell in zip(columns, row, strict=True)
    ]


def answer(decision: Decision) -> tuple[int, str | None]:
    """What the client gets to know of a decision."""
    return decision.status, decision.message


@pytest.mark.parametrize(("who", "visibility", "pull", "push"), cells(MATRIX))
def test_matrix(who: str, visibility: str, pull: str, push: str) -> None:
    """The role and the visibility decide, as in GitLab's own matrix."""
    project = PROJECT._replace(visibility_level=VISIBILITIES[visibility])
    assert answer(check(attempt(who, PULL, project))) == ANSWERS[pull]
    assert answer(check(attempt(who, ARCHIVE, project))) == ANSWERS[pull]
    assert answer(check(attempt(who, PUSH, project))) == ANSWERS[push]


@pytest.mark.parametrize(("who", "setting", "pull", "push"), cells(PUBLIC_MATRIX))
def test_settings_matrix(who: str, setting: str, pull: str, push: str) -> None:
    """What a public project has switched off is refused, with the right text."""
    project = PROJECT._replace(visibility_level=PUBLIC, **SETTINGS[setting])
    assert answer(check(attempt(who, PULL, project))) == ANSWERS[pull]
    assert answer(check(attempt(who, PUSH, project))) == ANSWERS[push]


@pytest.mark.parametrize("who", PEOPLE)
def test_allowed_means_200_without_message(who: str) -> None:
    """A decision allows exactly where it has status 200 and no message."""
    for action in (PULL, PUSH):
        decision = check(attempt(who, action, PROJECT))
        assert decision.allowed is (answer(decision) == ANSWERS["200"])
        assert decision.reason


@pytest.mark.parametrize(
    ("who", "action", "reason"),
    [
        ("developer", PUSH, "developers may push"),
        ("reporter", PUSH, "reporters may not push"),
        ("non-member", PULL, "non-members may not read 'gnuwget/wget2'"),
        ("write deploy key", PULL, "deploy key 11 may download"),
    ],
)
def test_reason_names_role(who: str, action: str, reason: str) -> None:
    """The reason tells a developer what decided."""
    assert check(attempt(who, action, PROJECT)).reason == reason


def test_missing_container_404() -> None:
    """Where there is no repository, the text that comes with the attempt is told."""
    decision = check(attempt("owner", PULL, PROJECT, container=None))
    assert answer(decision) == (404, MISSING)


@pytest.mark.parametrize("who", ["guest", "owner"])
def test_missing_repository_before_role(who: str) -> None:
    """A repository that is not there is told to a guest who could not fetch it."""
    project = PROJECT._replace(repository_exists=0)
    assert answer(check(attempt(who, PULL, project))) == ANSWERS["no"]


def test_missing_repository_not_told_to_strangers() -> None:
    """Whether an unreadable project has a repository is not told."""
    project = PROJECT._replace(repository_exists=0)
    assert answer(check(attempt("non-member", PULL, project))) == ANSWERS["404"]


def test_empty_repository_can_be_pulled() -> None:
    """A repository that is there but empty may be fetched from."""
    project = PROJECT._replace(empty_repo=1)
    assert check(attempt("reporter", PULL, project)).allowed


COLLABORATION = MergeRequest(1, "feature", "main", 1, None)


@pytest.mark.parametrize(
    ("who", "merge_request", "changed", "answer_"),
    [
        ("non-member", COLLABORATION, {}, "200"),
        ("guest", COLLABORATION, {}, "200"),
        ("non-member", COLLABORATION._replace(allow_collaboration=0), {}, "P"),
        ("nobody", COLLABORATION, {}, "U"),
        ("foreign deploy key", COLLABORATION, {}, "dk"),
        ("non-member", COLLABORATION, {"archived": 1}, "P"),
        ("non-member", COLLABORATION, {"empty_repo": 1}, "P"),
        (
            "non-member",
            COLLABORATION,
            {"repository_access_level": FEATURE_DISABLED},
            "P",
        ),
        (
            "non-member",
            COLLABORATION,
            {"repository_access_level": FEATURE_PRIVATE},
            "P",
        ),
        ("guest", COLLABORATION, {"repository_access_level": FEATURE_PRIVATE}, "200"),
    ],
)
def test_collaboration(
    who: str, merge_request: MergeRequest, changed: dict[str, Any], answer_: str
) -> None:
    """A merge request that lets others collaborate lets them push."""
    project = PROJECT._replace(visibility_level=PUBLIC, **changed)
    refs = REFS._replace(merge_requests=(merge_request,))
    assert answer(check(attempt(who, PUSH, project, refs=refs))) == ANSWERS[answer_]


# ------------------------------------------------------------------ properties

FLAGS = st.integers(0, 1)
FEATURES = st.sampled_from([FEATURE_DISABLED, FEATURE_PRIVATE, FEATURE_ENABLED])
PROJECTS = st.builds(
    PROJECT._replace,
    visibility_level=st.sampled_from(list(VISIBILITIES.values())),
    archived=FLAGS,
    repository_access_level=FEATURES,
    wiki_access_level=FEATURES,
    repository_exists=FLAGS,
    empty_repo=FLAGS,
    repository_read_only=FLAGS,
)
LADDER = ("non-member", *ROLES, "admin")


@given(
    PROJECTS,
    st.sampled_from([PULL, ARCHIVE, PUSH]),
    st.sampled_from(["project", "wiki"]),
    st.integers(0, len(LADDER) - 2),
)
def test_never_more_than_a_higher_role(
    project: Project, action: str, kind: str, rung: int
) -> None:
    """What a role may do, every higher one may."""
    lower, higher = (
        check(
            attempt(who, action, project, container=container(who, project, type=kind))
        )
        for who in LADDER[rung : rung + 2]
    )
    assert higher.allowed or not lower.allowed


@given(
    PROJECTS,
    st.sampled_from(PEOPLE),
    st.sampled_from([PULL, ARCHIVE, PUSH, "git-other", None]),
    st.sampled_from(["ssh", "http", "web", None]),
)
def test_unreadable_project_is_as_if_missing(
    project: Project, who: str, action: str | None, protocol: str | None
) -> None:
    """Who may not read a project gets the answer of one that does not exist."""
    there = attempt(who, action, project, protocol=protocol)
    gone = there._replace(container=None, missing=PROJECT_NOT_FOUND)
    assert there.container is not None
    may_read = policies.may_read_project(
        None if there.actor.deploy_key else there.actor.user,
        project,
        there.container.access_level,
        there.container.deploy_key_can_push,
    )
    if not may_read:
        assert answer(check(there)) == answer(check(gone))


@given(PROJECTS, st.sampled_from(["ssh", "http", "web", "SSH", "", None]))
def test_deploy_key_has_no_rights_of_its_creator(
    project: Project, protocol: str | None
) -> None:
    """A foreign deploy key may no more than nobody, however high its creator is."""
    key = attempt("foreign deploy key", PULL, project, protocol=protocol)
    assert key.container is not None
    high = key._replace(container=key.container._replace(access_level=OWNER))
    nobody = attempt("nobody", PULL, project, protocol=protocol)
    assert answer(check(high)) == answer(check(nobody))


@pytest.mark.parametrize(
    ("who", "visibility", "repository", "readable"),
    [
        ("nobody", "public", FEATURE_ENABLED, True),
        ("nobody", "public", FEATURE_PRIVATE, False),
        ("nobody", "public", FEATURE_DISABLED, False),
        ("nobody", "internal", FEATURE_ENABLED, False),
        ("nobody", "private", FEATURE_ENABLED, False),
    ],
)
def test_download_without_login(
    who: str, visibility: str, repository: int, *, readable: bool
) -> None:
    """Only what is public may be fetched without being logged in."""
    project = PROJECT._replace(
        visibility_level=VISIBILITIES[visibility], repository_access_level=repository
    )
    assert policies.may_download_code(None, project, 0) is readable
    assert check(attempt(who, PULL, project)).allowed is readable
