"""Git LFS: tokens to log in with over HTTP, and the objects for Gitaly."""

from __future__ import annotations

import json
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from api import Api, Clock, MakeApi
from public_keys import ed25519

from internal_api.access.values import Actor, Key
from internal_api.lfs_token import LfsToken
from internal_api.repository import git_access, settings

OID = "ab" * 32
UNLINKED_OID = "cd" * 32
GONE_OID = "ef" * 32
SEED = {
    "settings": {"external_url": "https://gitlab.example.com/root"},
    "users": [
        {"id": 1, "username": "jane"},
        {"id": 2, "username": "blocked", "state": "blocked"},
        {"id": 3, "username": "ghost", "user_type": "ghost"},
    ],
    "keys": [
        {"id": 11, "user": "jane", "key": ed25519(1)},
        {"id": 12, "user": "jane", "key": ed25519(2), "usage_type": "signing"},
    ],
    "deploy_keys": [
        {"id": 21, "user": "jane", "key": ed25519(3)},
        {"id": 22, "key": ed25519(4)},
    ],
    "projects": [
        {"id": 3, "full_path": "Team/secret", "redirects": ["old/secret"]}
        | {"lfs_objects": [OID, GONE_OID]},
        {"id": 4, "full_path": "team/no-lfs", "lfs": False},
        {"id": 5, "full_path": "team/other", "lfs_objects": [UNLINKED_OID]},
        {"id": 6, "full_path": "team/deleted", "deleted": True},
    ],
    "snippets": [
        {"id": 1, "author": "jane", "project": "Team/secret"},
        {"id": 2, "author": "jane"},
    ],
}
NO_PROJECT = {"message": "404 Not Found"}
NO_ACTOR = {"message": "404 Not found"}
SECRET = {"project": "team/secret"}


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An API with projects with and without LFS."""
    return make_api(SEED)


def token_of(api: Api, actor: Actor) -> LfsToken:
    """What makes and verifies the tokens of an actor."""
    with api.database.reading() as connection:
        return LfsToken(actor, settings.read(connection).db_key_base)


def find(api: Api, **params: object) -> Actor:
    """Whoever these parameters name."""
    with api.database.reading() as connection:
        return git_access.find_actor(connection, params)


# ------------------------------------------------------------------ tokens


@pytest.mark.parametrize(
    ("actor", "username"),
    [
        ({"key_id": "11"}, "jane"),
        ({"user_id": "1"}, "jane"),
        ({"user_id": 1}, "jane"),
        ({"username": "JANE"}, "jane"),
        ({"identifier": "key-11"}, "jane"),
        ({"user_id": 2}, "blocked"),
        ({"key_id": 21}, "lfs+deploy-key-21"),
        ({"key_id": 22}, "lfs+deploy-key-22"),
    ],
)
def test_lfs_authenticate_200(api: Api, actor: dict[str, Any], username: str) -> None:
    """Everybody who is known gets a token: what it opens is asked later."""
    answer = api.post_json("lfs_authenticate", SECRET | actor | {"operation": "upload"})
    assert answer.status_int == 200
    assert list(answer.json) == [
        "username",
        "lfs_token",
        "repository_http_path",
        "expires_in",
    ]
    assert answer.json["username"] == username
    path = "https://gitlab.example.com/root/Team/secret.git"
    assert answer.json["repository_http_path"] == path
    lfs = token_of(api, find(api, **actor))
    assert lfs.username == username
    assert lfs.is_valid(answer.json["lfs_token"], api.clock())


@pytest.mark.parametrize(
    ("follow", "lifetime_s"), [("documentation", 1800), ("gitlab", 7200)]
)
def test_lfs_token_lifetime(make_api: MakeApi, follow: str, lifetime_s: int) -> None:
    """The lifetime is the documented one, or GitLab's own."""
    api = make_api(SEED, follow=follow)
    body = api.post("lfs_authenticate", SECRET | {"key_id": 11}).json
    assert body["expires_in"] == lifetime_s
    token, lfs = body["lfs_token"], token_of(api, find(api, key_id=11))
    claims = jwt.decode(token, options={"verify_signature": False})
    now = int(api.clock().timestamp())
    assert uuid.UUID(claims.pop("jti")).version == 4
    assert claims == {
        "data": {"actor": "jane"},
        "iat": now,
        "nbf": now - 5,
        "exp": now + lifetime_s,
    }
    assert lfs.is_valid(token, api.clock() + timedelta(seconds=lifetime_s - 0.1))
    assert not lfs.is_valid(token, api.clock() + timedelta(seconds=lifetime_s))
    assert not lfs.is_valid(token, api.clock() - timedelta(seconds=6))


@pytest.mark.parametrize(
    ("repository", "path"),
    [
        ({"project": "/Team/Secret.git"}, "Team/secret"),
        ({"project": "old/secret"}, "Team/secret"),
        ({"gl_repository": "project-3"}, "Team/secret"),
        ({"gl_repository": "project-5", "project": "nothing"}, "team/other"),
        ({"gl_repository": "wiki-3"}, "Team/secret.wiki"),
        ({"project": "team/secret.wiki"}, "Team/secret.wiki"),
    ],
)
def test_lfs_authenticate_repositories_200(
    api: Api, repository: dict[str, Any], path: str
) -> None:
    """The address is the canonical one, however the repository was named."""
    answer = api.post("lfs_authenticate", {"key_id": 11} | repository)
    url = f"https://gitlab.example.com/root/{path}.git"
    assert (answer.status_int, answer.json["repository_http_path"]) == (200, url)


@pytest.mark.parametrize(
    "repository",
    [
        {},
        {"project": None},
        {"project": ""},
        {"project": "team/no-lfs"},
        {"project": "team/nothing"},
        {"project": "team/deleted"},
        {"project": "nothing"},
        {"gl_repository": "project-99"},
        {"gl_repository": "wiki-4"},
        {"gl_repository": "snippet-1"},
        {"gl_repository": "snippet-2"},
        {"project": "snippets/2"},
        {"project": "team/secret/snippets/1"},
    ],
)
@pytest.mark.parametrize("actor", [{"key_id": 11}, {"key_id": 99}])
def test_lfs_authenticate_without_project_404(
    api: Api, repository: dict[str, Any], actor: dict[str, Any]
) -> None:
    """No project, one without LFS and a snippet are missing, before the actor is."""
    answer = api.post_json("lfs_authenticate", repository | actor)
    assert (answer.status_int, answer.json) == (404, NO_PROJECT)


@pytest.mark.parametrize(
    "actor",
    [
        {},
        {"key_id": 0},
        {"key_id": 99},
        {"key_id": 12},
        {"user_id": 99},
        {"user_id": "user-x"},
        {"username": "nobody"},
        {"identifier": "key-12"},
    ],
)
def test_lfs_authenticate_without_actor_404(api: Api, actor: dict[str, Any]) -> None:
    """Nobody is missing with a small f."""
    answer = api.post_json("lfs_authenticate", SECRET | actor)
    assert (answer.status_int, answer.json) == (404, NO_ACTOR)
    assert api.rows("SELECT id FROM keys WHERE last_used_at IS NOT NULL") == []


@pytest.mark.parametrize(
    "gl_repository", ["foo", "project-0", "project-", "", ["x"], 3]
)
def test_lfs_authenticate_400(api: Api, gl_repository: object) -> None:
    """An identifier that is none is a bad request."""
    params = {"key_id": 11, "gl_repository": gl_repository}
    answer = api.post_json("lfs_authenticate", params)
    assert answer.status_int == 400
    assert answer.json == {"message": "400 Bad request - gl_repository is invalid"}


def test_lfs_authenticate_records_the_use_of_the_key(api: Api) -> None:
    """A token is a use of the key, noted at most once a day."""
    for hours, last_used_at in ((0, "01T12"), (23, "01T12"), (1, "02T12")):
        api.clock.advance(hours=hours)
        api.post("lfs_authenticate", SECRET | {"key_id": 11})
        ((noted,),) = api.rows("SELECT last_used_at FROM keys WHERE id = 11")
        assert noted == f"2022-08-{last_used_at}:00:00.000Z"


def test_lfs_authenticate_on_a_read_only_instance(api: Api) -> None:
    """A read-only instance does not note the use."""
    with api.database.writing() as connection:
        connection.execute("UPDATE application_settings SET read_only = 1")
    assert api.post("lfs_authenticate", SECRET | {"key_id": 11}).status_int == 200
    assert api.rows("SELECT last_used_at FROM keys WHERE id = 11") == [(None,)]


def test_lfs_token_is_for_one_actor(api: Api, make_api: MakeApi) -> None:
    """Keys of one user give tokens of that user; nobody else's are taken."""
    jane, other = find(api, key_id=11), find(api, user_id=2)
    deploy_key, ghost = find(api, key_id=21), find(api, key_id=22)
    now = api.clock()
    token = token_of(api, jane).token(now, 60)
    assert token_of(api, find(api, user_id=1)).is_valid(token, now)
    for actor in (other, deploy_key, ghost):
        assert not token_of(api, actor).is_valid(token, now)
        assert not token_of(api, jane).is_valid(
            token_of(api, actor).token(now, 60), now
        )
    assert not token_of(make_api(SEED), jane).is_valid(token, now)


def test_lfs_token_of_a_deploy_key_without_user(api: Api) -> None:
    """A deploy key stands for itself; nobody has no token."""
    key = Key(21, "DeployKey", "ed25519", 256, None, None)
    assert token_of(api, Actor(key, None)).username == "lfs+deploy-key-21"
    with pytest.raises(ValueError, match="nobody"):
        token_of(api, Actor(None, None))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 9])
def test_garbage_is_no_lfs_token(api: Api, token: str) -> None:
    """What is no token is refused."""
    assert not token_of(api, find(api, user_id=1)).is_valid(token, api.clock())


# ------------------------------------------------------------------ objects

CONTENT = bytes(range(256)) * 300
WANTED = {"oid": OID, "gl_repository": "project-3"}


def store(api: Api) -> Api:
    """Let an API have two of the objects."""
    for oid in (OID, UNLINKED_OID):
        path = api.data / "lfs" / oid[:2] / oid[2:4] / oid[4:]
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT)
    return api


@pytest.fixture
def stored(api: Api) -> Api:
    """An API that has two of the objects."""
    return store(api)


def test_lfs_object_200(stored: Api) -> None:
    """The bytes of an object come as they are, with their length."""
    answer = stored.get("lfs", WANTED)
    assert (answer.status_int, answer.body) == (200, CONTENT)
    assert answer.content_type == "application/octet-stream"
    assert answer.content_length == len(CONTENT)


def test_lfs_object_with_sendfile_200(stored: Api) -> None:
    """A server in front that can is told where the bytes lie."""
    headers = stored.headers() | {"X-Sendfile-Type": "X-Sendfile"}
    answer = stored.get("lfs", WANTED, headers=headers)
    assert (answer.status_int, answer.body) == (200, b"")
    path = stored.data.absolute() / "lfs" / OID[:2] / OID[2:4] / OID[4:]
    assert answer.headers["X-Sendfile"] == str(path)


def test_lfs_object_below_any_path_with_sendfile_200(
    tmp_path: Path, clock: Clock
) -> None:
    """A header holds bytes, whatever the data directory is called."""
    folder = tmp_path / "d\u00e4t\u00e4\u65e5\udcff"
    folder.mkdir()
    api = store(Api(folder, SEED, clock))
    headers = api.headers() | {"X-Sendfile-Type": "X-Sendfile"}
    answer = api.get("lfs", WANTED, headers=headers)
    sent = answer.headers["X-Sendfile"].encode("latin-1")
    assert Path(os.fsdecode(sent)).read_bytes() == CONTENT


def test_lfs_object_with_another_sendfile_type_200(stored: Api) -> None:
    """Other ways of other servers are not spoken."""
    headers = stored.headers() | {"X-Sendfile-Type": "X-Accel-Redirect"}
    assert stored.get("lfs", WANTED, headers=headers).body == CONTENT


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, "oid is missing, gl_repository is missing"),
        ({"oid": OID}, "gl_repository is missing"),
        ({"gl_repository": "project-3"}, "oid is missing"),
        ({"oid": [OID], "gl_repository": "project-3"}, "oid is invalid"),
        ({"oid": {}, "gl_repository": []}, "oid is invalid, gl_repository is invalid"),
    ],
)
def test_lfs_object_parameters_400(
    stored: Api, params: dict[str, Any], error: str
) -> None:
    """Both parameters are required, and texts."""
    answer = stored.app.request(
        "/api/v4/internal/lfs",
        method="GET",
        headers=stored.headers() | {"Content-Type": "application/json"},
        body=json.dumps(params).encode(),
        status=400,
    )
    assert answer.json == {"error": error}


@pytest.mark.parametrize(
    "params",
    [
        {"oid": GONE_OID},
        {"oid": UNLINKED_OID},
        {"oid": "0" * 64},
        {"oid": OID.upper()},
        {"oid": ""},
        {"oid": "../../../etc/passwd"},
        {"oid": "a" * 5000},
        {"oid": "0" * 64, "gl_repository": "foo"},
        {"oid": "....", "gl_repository": "foo"},
        {"gl_repository": "project-5"},
        {"gl_repository": "project-99"},
        {"gl_repository": "project-6"},
        {"gl_repository": "wiki-3"},
        {"gl_repository": "snippet-1"},
        {"gl_repository": "design-3"},
    ],
    ids=[
        "bytes gone",
        "not linked",
        "unknown",
        "capitals",
        "empty",
        "path",
        "long",
        "unknown and no identifier",
        "no id and no identifier",
        "another project",
        "unknown project",
        "deleted project",
        "wiki",
        "snippet",
        "design",
    ],
)
def test_lfs_object_404(stored: Api, params: dict[str, Any]) -> None:
    """Only what a project has, and the data directory too, is found."""
    answer = stored.get("lfs", WANTED | params)
    assert (answer.status_int, answer.json) == (404, NO_PROJECT)


def test_lfs_object_is_below_its_folder(stored: Api) -> None:
    """Whether there are other files is not told, even to who names no repository."""
    (stored.data.parent / "x").write_bytes(CONTENT)
    wanted = {"oid": "....x", "gl_repository": "foo"}
    assert stored.get("lfs", wanted).status_int == 404


@pytest.mark.parametrize("gl_repository", ["foo", "project-0", ""])
def test_lfs_object_identifier_400(stored: Api, gl_repository: object) -> None:
    """An identifier that is none is a bad request."""
    answer = stored.get("lfs", WANTED | {"gl_repository": gl_repository})
    assert answer.status_int == 400
    assert answer.json == {"message": "400 Bad request - gl_repository is invalid"}


def test_lfs_object_identifier_null_400(stored: Api) -> None:
    """An identifier that is null is there, and is a bad request, too."""
    answer = stored.get(f"lfs?oid={OID}&gl_repository")
    assert answer.status_int == 400
    assert answer.json == {"message": "400 Bad request - gl_repository is missing"}
