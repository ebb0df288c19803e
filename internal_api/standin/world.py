"""What the database holds, as the inspector shows it."""

from __future__ import annotations

from typing import Any

from internal_api.access.pushers import pushers
from internal_api.access.values import Refs
from internal_api.repository import git_access, overview, refs, settings
from internal_api.repository.database import Connection
from internal_api.repository.world.columns import level_name

# Of each project so many are asked whether they may push.
MOST_CANDIDATES = 100


def show(connection: Connection, name: str, search: str, now: str) -> dict[str, Any]:
    """The beginning of a list, and how many entries the whole has.

    Args:
        connection: In a transaction.
        name: One of `overview.NAMES`.
        search: Finds what has this text in a name, a path or the like.
        now: The time, as UTC text.
    """
    page = overview.find(connection, name, search)
    if name == "projects":
        for project in page.entries:
            project.update(_pushes(connection, project["id"], now))
    return {"total": page.total, name: page.entries}


def _pushes(connection: Connection, project_id: int, now: str) -> dict[str, Any]:
    """What protects the branches of a project, and who may push to it."""
    rules = refs.rules(connection, project_id)
    # Nobody knows the commits: every update counts as a fast-forward.
    known = Refs(*rules, frozenset(), lambda _change: False, lambda _commit: True)
    found = git_access.candidates(connection, project_id, MOST_CANDIDATES + 1)
    nobody_and_candidates = found[: MOST_CANDIDATES + 1]
    instance = settings.read(connection).instance
    who = pushers(nobody_and_candidates, known, instance, now)
    return {
        "protected_branches": [
            {
                "name": rule.name,
                "push": level_name("push_access_level", rule.push_access_level),
                "merge": level_name("merge_access_level", rule.merge_access_level),
                "allow_force_push": bool(rule.allow_force_push),
            }
            for rule in rules.protected_branches
        ],
        "pushers": [pusher._asdict() for pusher in who],
        "more_pushers": len(found) > len(nobody_and_candidates),
    }
