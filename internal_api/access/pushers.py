"""Who may push to a project, asked of the rules for each of those who might."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from internal_api.access import git
from internal_api.access.instance import Instance
from internal_api.access.levels import NO_ACCESS, ROLE_NAMES
from internal_api.access.values import (
    Actor,
    Attempt,
    Change,
    Container,
    Refs,
    User,
)

EVERYBODY = "everybody"
# Whoever has an account: a merge request may let them push.
_STRANGER = User(0, EVERYBODY, 0, "active", "human", 0, 1, 0, 1, 1)
_NOBODY = Actor(None, None)
# Some update, for no rule asks which.
_OLD_ID, _NEW_ID = "1" * 40, "2" * 40


class Pusher(NamedTuple):
    """Somebody who may push to some branch.

    Attributes:
        name: A username, `deploy key 5` or `everybody`.
        role: What lets them: `admin`, `deploy key`, a role or `merge request`.
        branches: The protected branches that they may push to, by their rules.
    """

    name: str
    role: str
    branches: tuple[str, ...]


def pushers(
    candidates: Iterable[tuple[Actor, Container]],
    refs: Refs,
    instance: Instance,
    now: str,
) -> list[Pusher]:
    """Those of the candidates who may push, in their order.

    Args:
        candidates: Who might, and what they are to the project; nobody stands for
            everybody with an account.
        refs: The project's rules and merge requests.
        instance: The settings of the instance.
        now: The time, as UTC text.
    """
    attempts = (
        Attempt(
            Actor(None, _STRANGER) if actor == _NOBODY else actor,
            git.RECEIVE_PACK,
            instance.enabled_git_access_protocol or "ssh",
            None,
            container,
            git.PROJECT_NOT_FOUND,
            instance,
            refs,
            now,
        )
        for actor, container in candidates
    )
    return [_pusher(each, refs) for each in attempts if git.check(each).allowed]


def _pusher(attempt: Attempt, refs: Refs) -> Pusher:
    branches = tuple(
        rule.name
        for rule in refs.protected_branches
        if git.check(attempt._replace(changes=(_update(rule.name),))).allowed
    )
    return Pusher(*_name_and_role(attempt), branches)


def _update(branch: str) -> Change:
    return Change(_OLD_ID, _NEW_ID, f"refs/heads/{branch}")


def _name_and_role(attempt: Attempt) -> tuple[str, str]:
    actor, container = attempt.actor, attempt.container
    if key := actor.deploy_key:
        return f"deploy key {key.id}", "deploy key"
    name = actor.user.username if actor.user else ""
    if actor.user and actor.user.admin:
        return name, "admin"
    level = container.access_level if container else NO_ACCESS
    return name, ROLE_NAMES.get(level, "merge request")
