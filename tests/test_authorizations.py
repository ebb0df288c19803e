"""The highest role of a user, held against the same rule in plain Python."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from internal_api.access.levels import OWNER, ROLES
from internal_api.repository.authorizations import (
    namespace_level,
    project_level,
    project_users,
)
from internal_api.repository.database import Database

GROUPS = range(1, 7)
USERS = (1, 2)
# The projects of the groups, by the same numbers, and those of the users.
PERSONAL = {101: 1, 102: 2}
PROJECTS = (*GROUPS, *PERSONAL)

LEVELS = st.sampled_from(sorted(ROLES.values()))
Shares = dict[tuple[int, int], int]


class World(NamedTuple):
    """Groups in groups, projects in them, members and shares.

    Attributes:
        parents: Of each group, None for those at the top.
        members: Level and state, by kind of source, its id and the user.
        group_shares: The level, by the shared group and whom it is shared with.
        project_shares: The level, by the shared project and whom it is shared with.
    """

    parents: dict[int, int | None]
    members: dict[tuple[str, int, int], tuple[int, str]]
    group_shares: Shares
    project_shares: Shares


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Small worlds; the order in which things are made is drawn as well."""
    parents = {
        group: draw(st.sampled_from([None, *range(1, group)])) for group in GROUPS
    }
    groups, projects = st.sampled_from(GROUPS), st.sampled_from(PROJECTS)
    sources = st.tuples(st.just("Namespace"), groups) | st.tuples(
        st.just("Project"), projects
    )
    member = st.tuples(sources, st.sampled_from(USERS)).map(lambda m: (*m[0], m[1]))
    states = st.sampled_from(["active", "active", "awaiting"])
    return World(
        parents,
        draw(st.dictionaries(member, st.tuples(LEVELS, states), max_size=8)),
        draw(st.dictionaries(st.tuples(groups, groups), LEVELS, max_size=5)),
        draw(st.dictionaries(st.tuples(projects, groups), LEVELS, max_size=5)),
    )


def own_level(world: World, kind: str, source: int, user: int) -> int:
    """The level of an active member, 0 for others."""
    level, state = world.members.get((kind, source, user), (0, ""))
    return level if state == "active" else 0


def level_in_group(world: World, group: int | None, user: int) -> int:
    """The highest of one's own, of the shares' and of the level in the group above."""
    if group is None:
        return 0
    shared = [
        min(level, own_level(world, "Namespace", other, user))
        for (shared_group, other), level in world.group_shares.items()
        if shared_group == group
    ]
    above = level_in_group(world, world.parents[group], user)
    return max([own_level(world, "Namespace", group, user), above, *shared])


def level_in_project(world: World, project: int, user: int) -> int:
    """The highest of the owner's, of one's own, of the group's and of the shares'."""
    shared = [
        min(level, level_in_group(world, group, user))
        for (shared_project, group), level in world.project_shares.items()
        if shared_project == project
    ]
    owned = OWNER if PERSONAL.get(project) == user else 0
    around = 0 if project in PERSONAL else level_in_group(world, project, user)
    return max([owned, own_level(world, "Project", project, user), around, *shared])


def insert(connection: sqlite3.Connection, world: World) -> None:
    """Make the world, in its own order."""

    def put(table: str, **columns: object) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
            tuple(columns.values()),
        )

    for user in USERS:
        put("users", id=user, username=f"u{user}", name="", email=f"u{user}")
    for group, parent in world.parents.items():
        put("namespaces", id=group, type="Group", name="", parent_id=parent)
        put("projects", id=group, namespace_id=group, name="")
    for project, user in PERSONAL.items():
        put("namespaces", id=project, type="User", name="", owner_id=user)
        put("projects", id=project, namespace_id=project, name="")
    for (kind, source, user), (level, state) in world.members.items():
        put(
            "members",
            source_type=kind,
            source_id=source,
            user_id=user,
            access_level=level,
            state=state,
        )
    for (group, other), level in world.group_shares.items():
        put(
            "group_group_links",
            shared_group_id=group,
            shared_with_group_id=other,
            group_access=level,
        )
    for (project, group), level in world.project_shares.items():
        put(
            "project_group_links",
            project_id=project,
            group_id=group,
            group_access=level,
        )


class RollbackError(Exception):
    """The next example begins with nothing."""


DATABASE = Database()
DATABASE.create()
PROJECT_LEVEL = f"SELECT {project_level('p', '?1')} FROM projects p WHERE p.id = ?2"  # noqa: S608
NAMESPACE_LEVEL = f"SELECT {namespace_level('?2', '?1')}"


PROJECT_USERS = project_users("?1")


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_highest_level(world: World) -> None:
    """SQL and the rule agree on every user in every project and group."""
    with suppress(RollbackError), DATABASE.writing() as connection:
        insert(connection, world)
        for user in USERS:
            for project in PROJECTS:
                found = connection.execute(PROJECT_LEVEL, (user, project)).fetchone()
                assert found == (level_in_project(world, project, user),)
            for group in GROUPS:
                found = connection.execute(NAMESPACE_LEVEL, (user, group)).fetchone()
                assert found == (level_in_group(world, group, user),)
        raise RollbackError


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_whoever_has_a_role_is_found(world: World) -> None:
    """All with a role in a project are among its users, at their level or above."""
    with suppress(RollbackError), DATABASE.writing() as connection:
        insert(connection, world)
        for project in PROJECTS:
            levels: dict[int, int] = {}
            for user, level in connection.execute(PROJECT_USERS, (project,)):
                levels[user] = max(level, levels.get(user, 0))
            for user in USERS:
                assert levels.get(user, 0) >= level_in_project(world, project, user)
        raise RollbackError


def test_nobody_has_no_level() -> None:
    """Without a user there is no role, not even in nobody's group."""
    world = World(
        parents=dict.fromkeys(GROUPS),
        members={("Namespace", 1, 1): (OWNER, "active")},
        group_shares={(2, 1): OWNER},
        project_shares={(3, 1): OWNER},
    )
    with suppress(RollbackError), DATABASE.writing() as connection:
        insert(connection, world)
        for project in PROJECTS:
            found = connection.execute(PROJECT_LEVEL, (None, project)).fetchone()
            assert found == (0,)
        raise RollbackError
