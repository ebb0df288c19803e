"""Identity providers that talk to a real server, many at once."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from processes import Serve, Server

CLIENTS = 16
HEADERS = {
    "Authorization": "Bearer demo-scim-token",
    "Content-Type": "application/scim+json",
}
USERS = "/api/scim/v2/groups/test_group/Users"


def call(
    server: Server, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    """Status and body of an answer."""
    text = json.dumps(body) if body is not None else None
    with closing(server.connect()) as connection:
        connection.request(method, path, text, HEADERS)
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, json.loads(content) if content else None


def user(number: int, uid: str) -> dict[str, Any]:
    """A user to be created; all have the same username."""
    return {
        "externalId": uid,
        "userName": "jo",
        "emails": [{"type": "work", "value": f"jo{number}@example.com"}],
        "name": {"formatted": "Jo"},
    }


def rows(data: Path, select: str) -> list[Any]:
    """What the database file holds."""
    with closing(sqlite3.connect(data / "internal_api.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return connection.execute(select).fetchall()


@pytest.mark.parametrize(
    "options", [(), ("--threads", "2")], ids=["greenlets", "threads"]
)
@pytest.mark.parametrize("root", ["", "/gitlab"])
def test_encoded_slashes(
    serve: Serve, tmp_path: Path, options: tuple[str, ...], root: str
) -> None:
    """A slash that is encoded belongs to a group's path or a user's id."""
    seed = tmp_path / "seed.yml"
    seed.write_text(
        "groups: [{full_path: a/b.c, saml: {}, scim_token: demo-scim-token}]"
    )
    server = serve("--seed", seed, "--relative-url-root", root, *options)
    users = f"{root}/api/scim/v2/groups/a%2Fb.c/Users"
    uid = "DOMAIN/jo.doe@x/ü %"
    assert call(server, "POST", users, user(1, uid))[0] == HTTPStatus.CREATED
    for encoded in (
        "DOMAIN%2Fjo.doe@x%2F%C3%BC%20%25",
        "domain%2fjo%2Edoe%40x%2f%C3%BC%20%25",
    ):
        status, found = call(server, "GET", f"{users}/{encoded}?x=%2F")
        assert (status, found["id"]) == (HTTPStatus.OK, uid)
    assert call(server, "GET", f"{users}/DOMAIN%2Fjo")[1]["detail"] == (
        "Resource DOMAIN/jo not found"
    )
    unknown = users.replace("%2F", "/")
    assert call(server, "GET", unknown) == (404, {"error": "404 Not Found"})
    assert call(server, "DELETE", f"{users}/domain%2fjo.doe@x%2f%C3%BC%20%25") == (
        HTTPStatus.NO_CONTENT,
        None,
    )


def test_one_user_once(serve: Serve) -> None:
    """The same user, sent by many at once, is one; namesakes get other names."""
    server = serve("--workers", "2", "--seed", "demo")
    with ThreadPoolExecutor(CLIENTS) as clients:
        same = list(
            clients.map(
                lambda _: call(server, "POST", USERS, user(0, "uid")), range(32)
            )
        )
        others = list(
            clients.map(
                lambda number: call(server, "POST", USERS, user(number, f"u{number}")),
                range(1, 33),
            )
        )
    assert {status for status, _ in same + others} == {HTTPStatus.CREATED}
    assert {answer["userName"] for _, answer in same} == {"jo"}
    names = {answer["userName"] for _, answer in others}
    assert names == {f"jo{number}" for number in range(1, 33)}
    select = """SELECT count(*), count(DISTINCT i.extern_uid), count(DISTINCT r.path)
        FROM users u JOIN scim_identities i ON i.user_id = u.id
        JOIN members m ON m.user_id = u.id AND m.source_id = i.group_id
        JOIN namespaces n ON n.owner_id = u.id
        JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id
            AND r.path = u.username
        WHERE u.name = 'Jo'"""
    assert rows(server.data, select) == [(33, 33, 33)]
    assert server.stderr.count("Traceback") == 0
