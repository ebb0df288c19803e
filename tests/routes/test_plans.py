"""How SQLite finds what requests ask for: by a search, however much there is."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
from api import MakeApi
from test_export import CHANGES, answers, use

from internal_api.repository.git_access import _SELECTS

# Of these there are few, or all of them are asked for.
FEW = {
    *("application_settings", "broadcast_messages"),
    *("namespaces_storage_limit_exclusions", "e"),
}
# Names that a statement gives to what it has found by a search.
FOUND = {"groups", "hierarchy", "invited", "own_projects", "source"}
SCANNED = re.compile(r"SCAN ([a-z]\w*)")
# The plan of an INSERT has scans that only run after a foreign key was violated.
PLANNED = re.compile(r"\s*(?:SELECT|UPDATE|DELETE|WITH)\b")
ACTORS: list[dict[str, Any]] = [
    {},
    {"key_id": 7},
    {"user_id": 7},
    {"username": "rubi"},
    {"identifier": "key-7"},
    {"identifier": "user-7"},
]
REPOSITORIES = [
    {"gl_repository": "project-3"},
    {"gl_repository": "wiki-3"},
    {"gl_repository": "snippet-1"},
    {"project": "gnuwget/wget2"},
    {"project": "gnuwget/wget2.wiki"},
    {"project": "gnuwget/moved"},
    {"project": "snippets/1"},
]
COMMANDS = [
    {"action": "git-upload-pack"},
    {"action": "git-receive-pack", "changes": "_any"},
    {"action": "git-receive-pack", "changes": CHANGES},
]


def test_requests_search(make_api: MakeApi) -> None:
    """No statement of any route goes through all keys, users, projects or the like."""
    api, statements = make_api(), set[str]()
    connection = api.database.acquire("BEGIN")
    connection.set_trace_callback(statements.add)
    api.database.release(connection, "BEGIN")
    use(api)
    answers(api)
    for actor in ACTORS:
        api.get("discover", actor)
        for repository, command in product(REPOSITORIES, COMMANDS):
            api.post_json("allowed", actor | repository | command)
    with api.database.writing() as connection:
        connection.execute("UPDATE application_settings SET rate_limit_per_minute = 9")
    api.post_json("allowed", ACTORS[1] | REPOSITORIES[0] | COMMANDS[0])
    connection.set_trace_callback(None)
    asked = [statement for statement in statements if PLANNED.match(statement)]
    assert len(asked) > 100
    scans = {
        (match[1], statement)
        for statement in asked
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        if (match := SCANNED.match(step)) and match[1] not in FEW | FOUND
    }
    assert not scans


@pytest.mark.parametrize("select", _SELECTS.values(), ids=map("-".join, _SELECTS))
def test_paths_are_found_in_an_index_alone(make_api: MakeApi, select: str) -> None:
    """The path of a project leads to its row without a look at the table of paths."""
    plan = make_api().rows(f"EXPLAIN QUERY PLAN {select}", 1, "a/b")
    covering = "SEARCH r USING COVERING INDEX index_routes_on_lower_path"
    is_found = any(step.startswith(covering) for *_, step in plan)
    assert is_found == ("lower(r.path)" in select)
