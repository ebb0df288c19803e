"""Who asks for which repository, and what they are to each other.

One SELECT answers it for nearly every request, since every Git command asks.

Source: `lib/api/support/git_access_actor.rb`, `lib/gitlab/repo_path.rb`,
`lib/gitlab/gl_repository.rb`, `app/models/concerns/routable.rb` and
`lib/gitlab/project_authorizations.rb`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, NamedTuple

from internal_api.access import paths
from internal_api.access.git import PROJECT_NOT_FOUND
from internal_api.access.parameters import InvalidParameter
from internal_api.access.values import (
    Actor,
    Container,
    Key,
    Project,
    Snippet,
    User,
)
from internal_api.params import present, to_id
from internal_api.repository import settings
from internal_api.repository.authorizations import project_level, project_users
from internal_api.repository.database import Connection, Database
from internal_api.repository.settings import Settings

NAMESPACE_NOT_FOUND = "The namespace you were looking for could not be found."
WIKI_NOT_FOUND = "The wiki you were looking for could not be found."
SNIPPET_NOT_FOUND = "The snippet you were looking for could not be found."

_SNIPPET_PATH = re.compile(r"(?:(?P<project>.+)/)?snippets/(?P<id>[0-9]+)")


class Target(NamedTuple):
    """What a request names as its repository.

    Attributes:
        container: None when there is none.
        missing: The message that then tells so.
        missing_type: What it would be, as the type of a container.
        path: The path as requested, without a leading `/` and `.git`; None where
            the repository was named by its identifier.
        redirected: Whether `path` is a former one of the project.
    """

    container: Container | None
    missing: str = PROJECT_NOT_FOUND
    path: str | None = None
    redirected: bool = False
    missing_type: str = "project"


class Access(NamedTuple):
    """The instance, the one who asks and what is asked for.

    Attributes:
        answers: What was answered from it, by all else that the answer depends on.
    """

    settings: Settings
    actor: Actor
    target: Target
    answers: dict[object, Any]


# Which column names the actor, and its value.
_NamedActor = tuple[str, int | str | None]
# No project has a longer path, and nobody a longer name.
LONGEST_REMEMBERED = 1024
# Those that name the actor, the strongest first.
ACTOR_PARAMS = ("key_id", "user_id", "username", "identifier")
_OPTIONAL_TEXT = (str, NoneType)
_IDENTIFIED = {"user": "user_id", "key": "key_user"}

# ------------------------------------------------------------------ one SELECT

# A deploy key acts for its creator, or for the ghost user.
_CREATOR = """CASE WHEN k.id THEN
    coalesce(k.user_id, (SELECT id FROM users WHERE user_type = 'ghost')) END"""
# A condition that is false as such would be told of every key.
_NO_KEY = "LEFT JOIN keys k ON k.id = NULL"
_ACTORS = {
    "key_id": f"""LEFT JOIN keys k ON k.id = ?1 AND k.usage_type <> 'signing'
        LEFT JOIN users u ON u.id = {_CREATOR}""",
    "user_id": f"{_NO_KEY} LEFT JOIN users u ON u.id = ?1",
    "username": f"{_NO_KEY} LEFT JOIN users u ON u.username = ?1",
    # `key-N` as an identifier means the user behind that key.
    "key_user": f"""{_NO_KEY} LEFT JOIN users u ON u.id =
        (SELECT user_id FROM keys WHERE id = ?1 AND usage_type <> 'signing')""",  # noqa: S608
}
_PROJECTS = {
    "id": """LEFT JOIN projects p ON p.id = ?2 AND NOT p.pending_delete
        LEFT JOIN routes r ON r.source_type = 'Project' AND r.source_id = p.id""",
    "path": """LEFT JOIN routes r ON r.source_type = 'Project'
        AND lower(r.path) = lower(?2)
        LEFT JOIN projects p ON p.id = r.source_id AND NOT p.pending_delete""",
}
_COLUMNS = ", ".join(
    [
        *(f"k.{name}" for name in Key._fields),
        *(f"u.{name}" for name in User._fields),
        *(f"p.{name}" if name != "full_path" else "r.path" for name in Project._fields),
        project_level("p", "u.id"),
        """CASE k.type WHEN 'DeployKey' THEN (SELECT can_push FROM deploy_keys_projects
            WHERE project_id = p.id AND deploy_key_id = k.id) END""",
    ]
)
_SELECTS = {
    (by_actor, by_project): (
        f"SELECT {_COLUMNS} FROM (SELECT 1) {actor} {project}"  # noqa: S608
    )
    for by_actor, actor in _ACTORS.items()
    for by_project, project in _PROJECTS.items()
}
_USER = len(Key._fields)
_PROJECT = _USER + len(User._fields)
_LEVEL = _PROJECT + len(Project._fields)


class _Row(NamedTuple):
    """What the one SELECT finds, still without a name for the container."""

    settings: Settings
    actor: Actor
    project: Project | None
    access_level: int
    deploy_key_can_push: int | None

    def container(self, kind: str, snippet: Snippet | None = None) -> Container:
        """What belongs to the project of this row, or the personal snippet."""
        return Container(
            kind, self.project, snippet, self.access_level, self.deploy_key_can_push
        )


def _select(
    connection: Connection,
    actor: _NamedActor,
    by_project: str,
    project: int | str | None,
) -> _Row:
    by_actor, argument = actor
    select = _SELECTS[by_actor, by_project]
    return _read(connection, connection.execute(select, (argument, project)).fetchone())


def _read(connection: Connection, row: tuple[Any, ...]) -> _Row:
    key = None if row[0] is None else Key._make(row[:_USER])
    user = None if row[_USER] is None else User._make(row[_USER:_PROJECT])
    found = None if row[_PROJECT] is None else Project._make(row[_PROJECT:_LEVEL])
    current = settings.read(connection)
    return _Row(current, Actor(key, user), found, row[_LEVEL], row[_LEVEL + 1])


# First nobody, then admins and deploy keys that may push, then the highest roles.
_CANDIDATES = f"""SELECT {_COLUMNS}
    FROM (
        SELECT key_id, user_id FROM (
            SELECT NULL AS key_id, NULL AS user_id, 1000 AS level
            UNION ALL SELECT deploy_key_id, NULL, 100 * can_push
            FROM deploy_keys_projects WHERE project_id = ?1
            UNION ALL SELECT NULL, id, 100 FROM users WHERE admin
            UNION ALL SELECT NULL, user_id, level FROM ({project_users("?1")})
        ) GROUP BY key_id, user_id ORDER BY max(level) DESC, key_id, user_id LIMIT ?2
    ) candidate
    JOIN projects p ON p.id = ?1
    JOIN routes r ON r.source_type = 'Project' AND r.source_id = p.id
    LEFT JOIN keys k ON k.id = candidate.key_id
    LEFT JOIN users u ON u.id = coalesce(candidate.user_id, {_CREATOR})"""  # noqa: S608


def candidates(
    connection: Connection, project_id: int, most: int
) -> list[tuple[Actor, Container]]:
    """Nobody, and those who may have rights in a project, as they come to it.

    Args:
        connection: In a transaction.
        project_id: Of a project that is there.
        most: How many besides nobody, those with the most rights first.
    """
    rows = connection.execute(_CANDIDATES, (project_id, most + 1)).fetchall()
    found = [_read(connection, row) for row in rows]
    return [(row.actor, row.container("project")) for row in found]


# ------------------------------------------------------------------ what is named


def _named_actor(params: Mapping[str, Any]) -> _NamedActor:
    """Which column names the actor, and its value.

    The first parameter that is present decides, whatever it resolves to.
    """
    if present(key_id := params.get("key_id")):
        return "key_id", to_id(key_id)
    if present(user_id := params.get("user_id")):
        return "user_id", to_id(user_id)
    if present(username := params.get("username")):
        return "username", username if isinstance(username, str) else None
    kind, _, number = str(params.get("identifier")).partition("-")
    if kind in _IDENTIFIED and number.isascii() and number.isdecimal():
        return _IDENTIFIED[kind], to_id(number)
    return "user_id", None


def find(connection: Connection, params: Mapping[str, Any]) -> Access:
    """Who asks for what: the actor and the repository that a request names.

    `gl_repository` wins over `project`; with neither there is no container.

    Raises:
        InvalidParameter: `gl_repository` or `project` is malformed.
    """
    named = _named(params)
    if _is_long(*named):
        return _find(connection, *named)
    return connection.remember(_find, *named)


def ask(database: Database, params: Mapping[str, Any]) -> Access:
    """The same, where nothing else is asked.

    Raises:
        InvalidParameter: As above.
    """
    named = _named(params)
    if _is_long(*named):
        with database.reading() as connection:
            return _find(connection, *named)
    return database.ask(_find, *named)


def _named(params: Mapping[str, Any]) -> tuple[_NamedActor, str | None, str | None]:
    identifier, path = params.get("gl_repository"), params.get("project")
    if not isinstance(identifier, _OPTIONAL_TEXT):
        raise InvalidParameter("gl_repository is invalid")
    if identifier is None and not isinstance(path, _OPTIONAL_TEXT):
        raise InvalidParameter("project is invalid")
    path = path if isinstance(path, str) else None
    return _named_actor(params), identifier, path


def _is_long(actor: _NamedActor, identifier: str | None, path: str | None) -> bool:
    length = len(identifier or "") + len(path or "")
    if isinstance(actor[1], str):
        length += len(actor[1])
    return length > LONGEST_REMEMBERED


def find_actor(connection: Connection, params: Mapping[str, Any]) -> Actor:
    """The actor that a request names; both members are None when there is none."""
    named = {name: params.get(name) for name in ACTOR_PARAMS}
    return find(connection, named).actor


def _find(
    connection: Connection,
    actor: _NamedActor,
    identifier: str | None,
    path: str | None,
) -> Access:
    if identifier is not None:
        row, target = _by_identifier(connection, actor, identifier, path)
    elif path is not None:
        row, target = _by_path(connection, actor, paths.normalize(path))
    else:
        row, target = _select(connection, actor, "id", None), Target(None)
    return Access(row.settings, row.actor, target, {})


def _by_identifier(
    connection: Connection, actor: _NamedActor, identifier: str, path: str | None
) -> tuple[_Row, Target]:
    kind, any_number = paths.parse_gl_repository(identifier)
    number = to_id(any_number)
    if kind == "snippet":
        return _snippet(connection, actor, number)
    row = _select(connection, actor, "id", number)
    if row.project:
        return row, Target(row.container(kind))
    if kind == "wiki":
        return row, Target(None, WIKI_NOT_FOUND, missing_type=kind)
    parsable = paths.namespace_parsable(paths.normalize(path or ""))
    if kind == "project" and not parsable:
        return row, Target(None, NAMESPACE_NOT_FOUND)
    return row, Target(None, missing_type=kind)


def _snippet(
    connection: Connection, actor: _NamedActor, number: int | None
) -> tuple[_Row, Target]:
    found = connection.execute(
        "SELECT id, author_id, project_id, visibility_level FROM snippets WHERE id = ?",
        (number,),
    ).fetchone()
    snippet = Snippet._make(found) if found else None
    row = _select(connection, actor, "id", snippet.project_id if snippet else None)
    if snippet is None or (snippet.project_id is not None and row.project is None):
        return row, Target(None, SNIPPET_NOT_FOUND, missing_type="snippet")
    return row, Target(row.container("snippet", snippet))


def _by_path(
    connection: Connection, actor: _NamedActor, path: str
) -> tuple[_Row, Target]:
    """A project of this path wins over a wiki, a snippet or a design."""
    row = _select(connection, actor, "path", path)
    if row.project:
        return row, Target(row.container("project"), path=path)
    if project_id := _redirect(connection, path):
        return _redirected(connection, actor, "project", project_id, path)
    for kind in ("wiki", "snippet", "design"):
        found = _other_by_path(connection, actor, kind, path)
        if found is not None:
            return found
    parsable = paths.namespace_parsable(path)
    missing = PROJECT_NOT_FOUND if parsable else NAMESPACE_NOT_FOUND
    return row, Target(None, missing, path)


def _snippet_by_path(
    connection: Connection, actor: _NamedActor, path: str
) -> tuple[_Row, Target] | None:
    match = _SNIPPET_PATH.fullmatch(path)
    if match is None:
        return None
    row, target = _snippet(connection, actor, to_id(match["id"]))
    if target.container is None:
        return None
    owner, project = match["project"], row.project
    if (owner or "").lower() == (project.full_path if project else "").lower():
        return row, target._replace(path=path)
    if owner and project and _redirect(connection, owner) == project.id:
        return row, target._replace(path=path, redirected=True)
    return None


def _other_by_path(
    connection: Connection, actor: _NamedActor, kind: str, path: str
) -> tuple[_Row, Target] | None:
    if kind == "snippet":
        return _snippet_by_path(connection, actor, path)
    if not path.endswith(f".{kind}"):
        return None
    owner = path.removesuffix(f".{kind}")
    row = _select(connection, actor, "path", owner)
    if row.project:
        return row, Target(row.container(kind), path=path)
    if project_id := _redirect(connection, owner):
        return _redirected(connection, actor, kind, project_id, path)
    return None


def _redirect(connection: Connection, path: str) -> int | None:
    row = connection.execute(
        "SELECT project_id FROM redirect_routes WHERE path = ?", (path,)
    ).fetchone()
    return row[0] if row else None


def _redirected(
    connection: Connection,
    actor: _NamedActor,
    kind: str,
    project_id: int,
    path: str,
) -> tuple[_Row, Target]:
    row = _select(connection, actor, "id", project_id)
    container = row.container(kind) if row.project else None
    return row, Target(container, path=path, redirected=container is not None)
