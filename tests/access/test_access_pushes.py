"""What may be pushed to which branch and tag."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from attempts import (
    FEATURE,
    GHOST,
    INSTANCE,
    NEW,
    OLD,
    PROJECT,
    PROJECT_NOT_FOUND,
    PUSH,
    PUSH_CODE,
    REFS,
    ROLES,
    USER,
    ZEROS,
    attempt,
    create,
    delete,
    push,
    update,
)
from hypothesis import example, given
from hypothesis import strategies as st

from internal_api.access.git import check
from internal_api.access.levels import (
    DEVELOPER,
    FEATURE_DISABLED,
    MAINTAINER,
    NO_ACCESS,
    OWNER,
    PUBLIC,
    REPORTER,
)
from internal_api.access.refs import parse_changes
from internal_api.access.values import (
    Actor,
    Attempt,
    Change,
    MergeRequest,
    ProtectedBranch,
    ProtectedTag,
    Refs,
    User,
)
from internal_api.access.wildcards import matches

TO_PROTECTED = "You are not allowed to push code to protected branches on this project."
MERGE = "You are not allowed to merge code into protected branches on this project."
FORCE = "You are not allowed to force push code to a protected branch on this project."
DELETE = (
    "You are not allowed to delete protected branches from this project. Only a "
    "project maintainer or owner can delete a protected branch."
)
DELETE_WEB = "You can only delete protected branches using the web interface."
FEATURE_REF = "refs/heads/feature"
MAIN = "refs/heads/main"
MERGING = MergeRequest(1, "topic", "feature", 0, NEW)

# What is pushed where `feature` is protected, and whether each role may. The columns
# behind it: the rule lets developers push, developers merge, or no one.
PUSHES: dict[str, tuple[Change, ...] | None] = {
    "any": None,
    "new branch": (create("refs/heads/new"),),
    "master": (update("refs/heads/master"),),
    "protected": (update(FEATURE_REF),),
    "delete": (delete(FEATURE_REF),),
    "tags": (update("refs/tags/v1"), create("refs/tags/v2")),
    "both": (update("refs/heads/master"), update(FEATURE_REF)),
    "merge": (update(FEATURE_REF),),
}
RULES = {
    "maintainers": FEATURE,
    "developers push": FEATURE._replace(push_access_level=DEVELOPER),
    "developers merge": FEATURE._replace(merge_access_level=DEVELOPER),
    "no one": FEATURE._replace(
        push_access_level=NO_ACCESS, merge_access_level=NO_ACCESS
    ),
}
MATRIX = """
rule             | pushed     | admin | maintainer | developer | reporter | guest
maintainers      | any        | yes   | yes        | yes       | no       | no
maintainers      | new branch | yes   | yes        | yes       | no       | no
maintainers      | master     | yes   | yes        | yes       | no       | no
maintainers      | protected  | yes   | yes        | no        | no       | no
maintainers      | delete     | no    | no         | no        | no       | no
maintainers      | tags       | yes   | yes        | yes       | no       | no
maintainers      | both       | yes   | yes        | no        | no       | no
maintainers      | merge      | yes   | yes        | no        | no       | no
developers push  | protected  | yes   | yes        | yes       | no       | no
developers push  | delete     | no    | no         | no        | no       | no
developers push  | both       | yes   | yes        | yes       | no       | no
developers push  | merge      | yes   | yes        | yes       | no       | no
developers merge | protected  | yes   | yes        | no        | no       | no
developers merge | both       | yes   | yes        | no        | no       | no
developers merge | merge      | yes   | yes        | yes       | no       | no
no one           | any        | yes   | yes        | yes       | no       | no
no one           | protected  | no    | no         | no        | no       | no
no one           | delete     | no    | no         | no        | no       | no
no one           | both       | no    | no         | no        | no       | no
no one           | merge      | no    | no         | no        | no       | no
"""


def cells() -> list[tuple[str, str, str, bool]]:
    """The cells of the matrix: rule, what is pushed, role, and whether it may be."""
    head, *rows = (
        [cell.strip() for cell in line.split("|")] for line in MATRIX.split("\n")[1:-1]
    )
    return [
        (rule, pushed, role, cell == "yes")
        for rule, pushed, *row in rows
        for role, cell in zip(head[2:], row, strict=True)
    ]


@pytest.mark.parametrize(("rule", "pushed", "role", "may"), cells())
def test_matrix(rule: str, pushed: str, role: str, *, may: bool) -> None:
    """The role and the rule decide, as in GitLab's own matrix."""
    merge_requests = (MERGING,) if pushed == "merge" else ()
    refs = REFS._replace(
        protected_branches=(RULES[rule],),
        merge_requests=merge_requests,
        names=frozenset(("refs/tags/v1",)),
    )
    changes = PUSHES[pushed]
    attempted = attempt(role, PUSH, PROJECT, changes=changes, refs=refs)
    assert check(attempted).allowed is may


def message(attempted: Attempt) -> str | None:
    """The text of a refusal, which has always the same status."""
    decision = check(attempted)
    assert decision.status == (401 if decision.message else 200)
    return decision.message


def refs_with(*rules: ProtectedBranch, **members: Any) -> Refs:
    """Refs with these rules for branches."""
    return REFS._replace(protected_branches=rules, **members)


# ------------------------------------------------------------------ the push as such


@pytest.mark.parametrize("who", ["reporter", "guest", "developer"])
def test_nothing_changes_200(who: str) -> None:
    """A push without changes is let through, even of those who could not push."""
    assert message(push(who, refs=None)) is None


def test_nothing_changes_not_for_nobody() -> None:
    """A push without changes still needs an account, or a key that may push."""
    project = PROJECT._replace(visibility_level=PUBLIC)
    assert message(push("nobody", project=project)) is not None
    assert message(push("read deploy key", project=project)) is not None


def test_known_changes_need_refs() -> None:
    """Changes are never let through unchecked."""
    with pytest.raises(ValueError, match="refs"):
        check(push("owner", update(MAIN), refs=None))


@pytest.mark.parametrize(
    "ref", ["refs/notes/commits", "refs/merge-requests/1/head", ""]
)
def test_other_refs_need_push_ability_only(ref: str) -> None:
    """Refs that are no branch and no tag have no rules."""
    refs = refs_with(ProtectedBranch("*", NO_ACCESS, NO_ACCESS, 0))
    assert message(push("developer", update(ref), refs=refs)) is None
    assert message(push("reporter", update(ref), refs=refs)) == PUSH_CODE


def test_first_refused_change_is_told() -> None:
    """The first change that may not be ends the push, with its text."""
    changes = (update("refs/heads/x"), delete(MAIN), update(FEATURE_REF))
    text = "The default branch of a project cannot be deleted."
    assert message(push("developer", *changes, refs=refs_with(FEATURE))) == text


@pytest.mark.parametrize(
    "changed", [{"archived": 1}, {"repository_access_level": FEATURE_DISABLED}]
)
def test_closed_projects_refuse_changes(changed: dict[str, Any]) -> None:
    """Archived projects and switched off repositories take no changes from users."""
    project = PROJECT._replace(**changed)
    assert message(push("owner", update(MAIN), project=project)) == PUSH_CODE


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ("refs/heads/topic", None),
        ("refs/heads/other", PUSH_CODE),
        ("refs/tags/v1", PUSH_CODE),
    ],
)
def test_collaboration_is_for_one_branch(ref: str, text: str | None) -> None:
    """A merge request lets others push to its own branch only."""
    merge_request = MergeRequest(1, "topic", "main", 1, None)
    refs = REFS._replace(merge_requests=(merge_request,))
    project = PROJECT._replace(visibility_level=PUBLIC)
    assert message(push("non-member", update(ref), project=project, refs=refs)) == text


def test_collaboration_does_not_reach_protected_branches() -> None:
    """Who only collaborates cannot push to a protected branch."""
    refs = refs_with(
        FEATURE._replace(push_access_level=DEVELOPER),
        merge_requests=(MergeRequest(1, "feature", "main", 1, None),),
    )
    project = PROJECT._replace(visibility_level=PUBLIC)
    attempted = push("non-member", update(FEATURE_REF), project=project, refs=refs)
    assert message(attempted) == TO_PROTECTED


# ------------------------------------------------------------------ branches


@pytest.mark.parametrize("protocol", ["ssh", "http", "web"])
@pytest.mark.parametrize("who", ["developer", "owner", "admin"])
def test_default_branch_stays(who: str, protocol: str) -> None:
    """Nobody can delete the default branch."""
    text = "The default branch of a project cannot be deleted."
    assert message(push(who, delete(MAIN), protocol=protocol)) == text


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("a" * 40, True),
        ("0123456789ABCDEFabcd" * 2, True),
        (f"{'a' * 40}/x", True),
        (f"{'a' * 40}-/x", True),
        (f"{'a' * 40}-x", False),
        ("a" * 41, False),
        ("g" * 40, False),
        (f"x/{'a' * 40}", False),
    ],
)
def test_hexadecimal_branch_names(name: str, *, is_refused: bool) -> None:
    """A branch cannot look like a commit, but such a branch can be deleted."""
    text = "You cannot create a branch with a 40-character hexadecimal branch name."
    expected = text if is_refused else None
    ref = f"refs/heads/{name}"
    assert message(push("developer", create(ref))) == expected
    assert message(push("developer", update(ref))) == expected
    assert message(push("developer", delete(ref))) is None


def test_force_push_refused_to_maintainers() -> None:
    """Nobody can force push to a protected branch."""
    refs = refs_with(FEATURE, is_forced=lambda _: True)
    for who in ("developer", "maintainer", "admin"):
        assert message(push(who, update(FEATURE_REF), refs=refs)) == FORCE


def test_force_push_where_allowed() -> None:
    """A rule may let those force push who may push; one of several is enough."""
    rules = (FEATURE, ProtectedBranch("f*", NO_ACCESS, NO_ACCESS, 1))
    refs = refs_with(*rules, is_forced=lambda _: True)
    assert message(push("maintainer", update(FEATURE_REF), refs=refs)) is None
    assert message(push("developer", update(FEATURE_REF), refs=refs)) == TO_PROTECTED


def test_git_is_asked_for_protected_updates_only() -> None:
    """Git is not asked whether a push is forced where it does not matter."""
    asked: list[Change] = []

    def is_forced(change: Change) -> bool:
        asked.append(change)
        return False

    refs = refs_with(FEATURE, is_forced=is_forced)
    changes = (create(FEATURE_REF), delete(FEATURE_REF), update("refs/heads/other"))
    for change in changes:
        check(push("owner", change, refs=refs))
    assert asked == []
    check(push("owner", update(FEATURE_REF), refs=refs))
    assert asked == [update(FEATURE_REF)]


CREATE = "You are not allowed to create protected branches on this project."
BASIS = (
    "You can only use an existing protected branch ref as the basis of a new protected "
    "branch."
)
CREATE_WEB = "You can only create protected branches using the web interface and API."


@pytest.mark.parametrize(
    ("who", "merge", "is_on_protected", "protocol", "text"),
    [
        ("maintainer", NO_ACCESS, False, "ssh", None),
        ("developer", MAINTAINER, True, "web", CREATE),
        ("developer", DEVELOPER, False, "web", BASIS),
        ("developer", DEVELOPER, True, "ssh", CREATE_WEB),
        ("developer", DEVELOPER, True, "http", CREATE_WEB),
        ("developer", DEVELOPER, True, "web", None),
    ],
)
def test_create_protected_branch(
    who: str, merge: int, protocol: str, text: str | None, *, is_on_protected: bool
) -> None:
    """Who may merge may make a protected branch of what is protected, in the web."""
    refs = refs_with(
        FEATURE._replace(merge_access_level=merge),
        is_on_protected_branch=lambda commit: is_on_protected and commit == NEW,
    )
    attempted = push(who, create(FEATURE_REF), refs=refs, protocol=protocol)
    assert message(attempted) == text


@pytest.mark.parametrize(
    ("who", "protocol", "text"),
    [
        ("developer", "web", DELETE),
        ("maintainer", "ssh", DELETE_WEB),
        ("owner", "http", DELETE_WEB),
        ("admin", "ssh", DELETE_WEB),
        ("maintainer", "web", None),
    ],
)
def test_delete_protected_branch(who: str, protocol: str, text: str | None) -> None:
    """Maintainers delete protected branches, in the web interface."""
    refs = refs_with(FEATURE._replace(push_access_level=DEVELOPER))
    attempted = push(who, delete(FEATURE_REF), refs=refs, protocol=protocol)
    assert message(attempted) == text


@pytest.mark.parametrize(
    ("merge_request", "text"),
    [
        (MERGING, MERGE),
        (MERGING._replace(merging_sha=OLD), TO_PROTECTED),
        (MERGING._replace(target_branch="other"), TO_PROTECTED),
        (MERGING._replace(merging_sha=None), TO_PROTECTED),
    ],
)
def test_merge_refused(merge_request: MergeRequest, text: str) -> None:
    """A push of what is being merged into the branch is refused as a merge."""
    refs = refs_with(FEATURE, merge_requests=(merge_request,))
    assert message(push("developer", update(FEATURE_REF), refs=refs)) == text


def test_one_of_several_rules_is_enough() -> None:
    """Where rules overlap, the most generous one counts for each right."""
    strict = ProtectedBranch("*", NO_ACCESS, NO_ACCESS, 0)
    rules = (strict, FEATURE._replace(push_access_level=DEVELOPER))
    assert (
        message(push("developer", update(FEATURE_REF), refs=refs_with(*rules))) is None
    )
    rules = (strict, FEATURE._replace(merge_access_level=DEVELOPER))
    refs = refs_with(*rules, merge_requests=(MERGING,))
    assert message(push("developer", update(FEATURE_REF), refs=refs)) is None
    tags = (ProtectedTag("*", NO_ACCESS), ProtectedTag("v*", DEVELOPER))
    refs = REFS._replace(protected_tags=tags)
    assert message(push("developer", create("refs/tags/v1"), refs=refs)) is None


def initial_push_text(path: str) -> str:
    """What is told to those who may not make the default branch."""
    return (
        f"\nA default branch (e.g. main) does not yet exist for {path}\n"
        "Ask a project Owner or Maintainer to create a default branch:\n\n"
        f"  http://localhost:3001/{path}/-/project_members\n\n"
    )


@pytest.mark.parametrize(
    ("who", "protection", "may"),
    [
        ("developer", "full", False),
        ("developer", "developers_push", True),
        ("developer", "none", True),
        ("maintainer", "full", True),
        ("owner", "full", True),
        ("admin", "full", True),
    ],
)
@pytest.mark.parametrize("rules", [(), (ProtectedBranch("main", 40, 40, 0),)])
def test_initial_push(
    who: str, protection: str, rules: tuple[ProtectedBranch, ...], *, may: bool
) -> None:
    """The instance says who may push to an empty repository, to whatever branch."""
    attempted = push(
        who,
        create(MAIN),
        create("refs/heads/other"),
        project=PROJECT._replace(empty_repo=1),
        instance=INSTANCE._replace(default_branch_protection=protection),
        refs=refs_with(*rules),
    )
    expected = None if may else initial_push_text("gnuwget/wget2")
    assert message(attempted) == expected


def test_initial_push_by_rule() -> None:
    """A rule that lets developers push does so in an empty repository, too."""
    refs = refs_with(ProtectedBranch("main", DEVELOPER, MAINTAINER, 0))
    project = PROJECT._replace(empty_repo=1)
    assert message(push("developer", create(MAIN), project=project, refs=refs)) is None


# ------------------------------------------------------------------ tags

V1 = "refs/tags/v1"
TAG_RULE = ProtectedTag("v*", MAINTAINER)
DELETE_TAG = (
    "You are not allowed to delete protected tags from this project. Only a project "
    "maintainer or owner can delete a protected tag."
)
DELETE_TAG_WEB = "You can only delete protected tags using the web interface."
CREATE_TAG = "You are not allowed to create this tag as it is protected."
NO_UPDATE = "Protected tags cannot be updated."


@pytest.mark.parametrize(
    ("who", "change", "protocol", "text"),
    [
        ("developer", create(V1), "ssh", CREATE_TAG),
        ("maintainer", create(V1), "ssh", None),
        ("admin", create(V1), "ssh", None),
        ("developer", create("refs/tags/other"), "ssh", None),
        ("developer", update(V1), "ssh", NO_UPDATE),
        ("admin", update(V1), "web", NO_UPDATE),
        ("developer", delete(V1), "web", DELETE_TAG),
        ("maintainer", delete(V1), "ssh", DELETE_TAG_WEB),
        ("maintainer", delete(V1), "web", None),
        ("developer", delete("refs/tags/other"), "ssh", None),
    ],
)
def test_protected_tags(
    who: str, change: Change, protocol: str, text: str | None
) -> None:
    """Protected tags are made by those of the rule, and never moved."""
    refs = REFS._replace(protected_tags=(TAG_RULE,))
    assert message(push(who, change, refs=refs, protocol=protocol)) == text


def test_protected_tag_of_no_one() -> None:
    """A tag that no one may create is not even created by an admin."""
    refs = REFS._replace(protected_tags=(ProtectedTag("v1", NO_ACCESS),))
    assert message(push("admin", create(V1), refs=refs)) == CREATE_TAG


def test_tag_like_default_branch() -> None:
    """A new tag cannot have the name of the default branch."""
    text = "You cannot use default branch name to create a tag"
    assert message(push("owner", create("refs/tags/main"))) == text
    assert message(push("owner", delete("refs/tags/main"))) is None


# ------------------------------------------------------------------ deploy keys


def by_key(
    creator: User | None, level: int, *changes: Change, **members: Any
) -> Attempt:
    """A push with a deploy key that may write, made by this creator."""
    attempted = push("write deploy key", *changes, **members)
    assert attempted.container is not None
    return attempted._replace(
        actor=Actor(attempted.actor.key, creator),
        container=attempted.container._replace(access_level=level),
    )


@pytest.mark.parametrize(
    ("creator", "level", "visibility", "text"),
    [
        (USER, DEVELOPER, 0, None),
        (USER, 10, 0, None),
        (USER, 0, PUBLIC, None),
        (USER, 0, 0, PUSH_CODE),
        (USER._replace(state="blocked"), OWNER, 0, PUSH_CODE),
        (GHOST, 0, PUBLIC, PUSH_CODE),
        (None, 0, PUBLIC, PUSH_CODE),
    ],
)
def test_deploy_key_needs_its_creator(
    creator: User | None, level: int, visibility: int, text: str | None
) -> None:
    """A deploy key pushes while its creator can use Git and read the project."""
    project = PROJECT._replace(visibility_level=visibility)
    change = update("refs/heads/topic")
    assert message(by_key(creator, level, change, project=project)) == text


def test_deploy_key_any_push_needs_no_creator() -> None:
    """What is not known yet is let through for a deploy key that may write."""
    assert message(attempt("write deploy key", PUSH, PROJECT)) is None


def test_deploy_key_pushes_to_archived_project() -> None:
    """An archived project takes changes of deploy keys, as in GitLab 15."""
    project = PROJECT._replace(archived=1)
    change = update("refs/heads/topic")
    assert message(by_key(USER, DEVELOPER, change, project=project)) is None


def test_deploy_key_not_where_repository_is_disabled() -> None:
    """A repository that is switched off takes nothing, of whomever."""
    project = PROJECT._replace(repository_access_level=FEATURE_DISABLED)
    assert message(by_key(USER, OWNER, update(MAIN), project=project)) == PUSH_CODE


@pytest.mark.parametrize(
    ("level", "rule", "text"),
    [
        (MAINTAINER, "feature", None),
        (DEVELOPER, "feature", TO_PROTECTED),
        # Patterns that match a whole ref refuse as if there were no right to push.
        (DEVELOPER, "*", PUSH_CODE),
        (DEVELOPER, "refs/heads/f*", PUSH_CODE),
    ],
)
def test_deploy_key_and_protected_branch(
    level: int, rule: str, text: str | None
) -> None:
    """A deploy key pushes to protected branches as its creator could."""
    refs = refs_with(FEATURE, FEATURE._replace(name=rule))
    assert message(by_key(USER, level, update(FEATURE_REF), refs=refs)) == text


@pytest.mark.parametrize(
    ("level", "text"), [(MAINTAINER, None), (DEVELOPER, PUSH_CODE)]
)
def test_deploy_key_initial_push(level: int, text: str | None) -> None:
    """The first push with a deploy key needs a creator who may do it."""
    project = PROJECT._replace(empty_repo=1)
    assert message(by_key(USER, level, create(MAIN), project=project)) == text


@pytest.mark.parametrize(("level", "may"), [(DEVELOPER, True), (REPORTER, False)])
def test_deploy_key_initial_push_without_protection(level: int, *, may: bool) -> None:
    """Where developers may make the default branch, no creator below them may."""
    pushed = by_key(
        USER,
        level,
        create(MAIN),
        project=PROJECT._replace(empty_repo=1),
        instance=INSTANCE._replace(default_branch_protection="none"),
        refs=refs_with(FEATURE._replace(name="main", push_access_level=NO_ACCESS)),
    )
    assert (message(pushed) is None) is may


def test_deploy_key_changes_tags_as_its_creator() -> None:
    """A deploy key moves a tag only where its creator could."""
    refs = REFS._replace(names=frozenset((V1,)))
    text = "You are not allowed to change existing tags on this project."
    assert message(by_key(USER, 20, update(V1), refs=refs)) == text
    assert message(by_key(USER, DEVELOPER, update(V1), refs=refs)) is None
    assert message(by_key(USER, 20, update(V1), refs=REFS)) is None


# ------------------------------------------------------------------ properties

LEVELS = st.sampled_from([NO_ACCESS, DEVELOPER, MAINTAINER])
NAMES = st.sampled_from(["main", "feature", "f*", "*", "*e", "v*", "other"])
BRANCH_RULES = st.builds(ProtectedBranch, NAMES, LEVELS, LEVELS, st.integers(0, 1))
TAG_RULES = st.builds(ProtectedTag, NAMES, LEVELS)
REF_NAMES = st.sampled_from(
    [MAIN, FEATURE_REF, "refs/heads/other", V1, "refs/tags/main", "refs/notes/x"]
)
IDS = st.sampled_from([ZEROS, OLD, NEW])
CHANGES = st.lists(st.builds(Change, IDS, IDS, REF_NAMES), min_size=1, max_size=4)
SOME_REFS = st.builds(
    lambda branches, tags, forced, basis: REFS._replace(
        protected_branches=tuple(branches),
        protected_tags=tuple(tags),
        is_forced=lambda _: forced,
        is_on_protected_branch=lambda _: basis,
        merge_requests=(MERGING, MergeRequest(2, "other", "main", 1, None)),
        names=frozenset((V1,)),
    ),
    st.lists(BRANCH_RULES, max_size=3),
    st.lists(TAG_RULES, max_size=3),
    st.booleans(),
    st.booleans(),
)
LADDER = ("non-member", *ROLES, "admin")
MEMBERS = st.fixed_dictionaries(
    {
        "project": st.builds(
            PROJECT._replace,
            visibility_level=st.just(PUBLIC),
            empty_repo=st.integers(0, 1),
            archived=st.integers(0, 1),
        ),
        "instance": st.builds(
            INSTANCE._replace,
            default_branch_protection=st.sampled_from(
                ["full", "developers_push", "none"]
            ),
        ),
        "protocol": st.sampled_from(["ssh", "http", "web"]),
    }
)


@given(CHANGES, SOME_REFS, MEMBERS, st.integers(0, len(LADDER) - 2))
def test_never_more_than_a_higher_role(
    changes: list[Change],
    refs: Refs,
    attempted: dict[str, Any],
    rung: int,
) -> None:
    """What a role may push, every higher one may."""
    lower, higher = (
        check(
            push(
                who,
                *changes,
                refs=refs,
                **attempted,
            )
        )
        for who in LADDER[rung : rung + 2]
    )
    assert higher.allowed or not lower.allowed


@given(st.data(), CHANGES, SOME_REFS, st.sampled_from(LADDER), st.integers(0, 1))
def test_order_of_rules_does_not_matter(
    data: st.DataObject, changes: list[Change], refs: Refs, who: str, empty: int
) -> None:
    """The answer is the same, text and all, in whatever order the rules are."""
    shuffled = refs._replace(
        protected_branches=tuple(data.draw(st.permutations(refs.protected_branches))),
        protected_tags=tuple(data.draw(st.permutations(refs.protected_tags))),
        merge_requests=tuple(data.draw(st.permutations(refs.merge_requests))),
    )
    project = PROJECT._replace(visibility_level=PUBLIC, empty_repo=empty)
    first, second = (
        check(push(who, *changes, refs=some, project=project))
        for some in (refs, shuffled)
    )
    assert first == second


@given(st.data(), CHANGES, SOME_REFS, st.sampled_from(LADDER))
def test_order_of_changes_does_not_matter(
    data: st.DataObject, changes: list[Change], refs: Refs, who: str
) -> None:
    """Whether a push is let through does not depend on the order of its changes."""
    shuffled = data.draw(st.permutations(changes))
    project = PROJECT._replace(visibility_level=PUBLIC)
    first, second = (
        check(push(who, *some, refs=refs, project=project))
        for some in (changes, shuffled)
    )
    assert first.allowed is second.allowed


@given(CHANGES, SOME_REFS, st.sampled_from(LADDER))
def test_push_is_all_or_nothing(changes: list[Change], refs: Refs, who: str) -> None:
    """A push is let through exactly when each of its changes would be."""
    project = PROJECT._replace(visibility_level=PUBLIC)
    each = [
        check(push(who, change, refs=refs, project=project)).allowed
        for change in changes
    ]
    whole = check(push(who, *changes, refs=refs, project=project))
    assert whole.allowed is all(each)


@given(CHANGES, SOME_REFS, st.sampled_from(["nobody", "non-member", "external"]))
def test_unreadable_project_is_as_if_missing(
    changes: list[Change], refs: Refs, who: str
) -> None:
    """No push tells that a project exists which one may not read."""
    decision = check(push(who, *changes, refs=refs))
    assert (decision.status, decision.message) == (404, PROJECT_NOT_FOUND)


# ------------------------------------------------------------------ names and lines


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("main", "main", True),
        ("main", "Main", False),
        ("main", "main2", False),
        ("*", "", True),
        ("*", "a/b", True),
        ("v*", "v", True),
        ("*-stable", "1-0-stable", True),
        ("*-stable", "1-0-stable2", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*b*b*", "b", False),
        ("re.ease/*", "release/1", False),
        ("**", "x", True),
    ],
)
def test_wildcards(pattern: str, name: str, *, fits: bool) -> None:
    """A star stands for any text, everything else for itself."""
    assert matches(pattern, name) is fits


@example("*a*b*", "ba")
@example("*a*ab*", "aab")
@given(st.text("ab/*", max_size=8), st.text("ab/", max_size=12))
def test_wildcards_as_pattern(pattern: str, name: str) -> None:
    """A star matches as `.*` does."""
    parts = map(re.escape, pattern.split("*"))
    assert matches(pattern, name) is bool(re.fullmatch(".*".join(parts), name))


@pytest.mark.parametrize(
    ("changes", "parsed"),
    [
        ("_any", None),
        ("", ()),
        (" \n\t\n", ()),
        (f"{OLD} {NEW} {MAIN}", (update(MAIN),)),
        (f"  {OLD}\t{NEW}  {MAIN} rest\r\n", (update(MAIN),)),
        (f"{ZEROS} {NEW} a\n\n{OLD} {ZEROS} b\n", (create("a"), delete("b"))),
        ([f"{OLD} {NEW} a", f" {OLD} {NEW} b\n", ""], (update("a"), update("b"))),
        ([], ()),
        (f"{OLD} {NEW} refs/heads/a\u00a0b", (update("refs/heads/a\u00a0b"),)),
        (f"{OLD} {NEW} a\u2028b", (update("a\u2028b"),)),
        (OLD, (Change(OLD, "", ""),)),
        (f"{OLD} {NEW}", (Change(OLD, NEW, ""),)),
        ("_any ", (Change("_any", "", ""),)),
        (["_any"], (Change("_any", "", ""),)),
    ],
)
def test_parse_changes(changes: object, parsed: tuple[Change, ...] | None) -> None:
    """Changes are lines of three words; blank ones and further words do not count."""
    assert parse_changes(changes) == parsed


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (None, "changes is missing"),
        (7, "changes is invalid"),
        ({}, "changes is invalid"),
        ([None], "changes is invalid"),
        (["a b c", ["d"]], "changes is invalid"),
    ],
)
def test_parse_changes_of_other_kinds(changes: object, error: str) -> None:
    """What are no lines is refused as such."""
    with pytest.raises(ValueError, match=f"^{error}$"):
        parse_changes(changes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(JSON | st.text("0a \n\t_"))
def test_parse_changes_raises_nothing_else(changes: Any) -> None:
    """Whatever is sent, it is read or refused; and no line is read as two."""
    with contextlib.suppress(ValueError):
        parsed = parse_changes(changes)
        lines = changes.split("\n") if isinstance(changes, str) else changes
        assert len(parsed or ()) <= len(lines)


@pytest.mark.parametrize("length", [40, 64])
def test_blank_ids(length: int) -> None:
    """No object has an id of zeros, of SHA-1 as of SHA-256 repositories."""
    blank, some = "0" * length, "1" * length
    assert Change(blank, some, MAIN).is_creation
    assert not Change(blank, some, MAIN).is_deletion
    assert Change(some, blank, MAIN).is_deletion
    assert not Change(some, blank, MAIN).is_creation
