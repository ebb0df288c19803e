"""`POST allowed`: what is in the answer, and what is noted on the way."""

from __future__ import annotations

import json
import operator
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from git_world import (
    ARCHIVE,
    DEVELOPER,
    GUEST,
    MAINTAINER,
    ORPHANED,
    OUTSIDER,
    PRIVATE,
    PROJECT_NOT_FOUND,
    PUBLIC,
    PULL,
    PUSH,
    PUSH_CODE,
    SHORT_LIVED,
    WRITING,
    private,
    ssh_key,
    world,
)

from internal_api.repository import pushes

if TYPE_CHECKING:
    from api import Api, Clock, MakeApi
    from webtest import TestResponse

PRIVATE_PATH = (
    "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"
)


def pull(
    api: Api, who: object = DEVELOPER, repository: str = PRIVATE, **params: Any
) -> TestResponse:
    """The answer to a fetch with a key."""
    sent = {"key_id": who, "gl_repository": repository, "action": PULL} | params
    return api.post_json("allowed", sent)


def exact(value: object) -> str:
    """A text that also differs where only the type of a number does."""
    return json.dumps(value, sort_keys=True)


SETTINGS = {
    "gitaly": {
        "address": "tcp://gitaly:8075",
        "token": "secret",
        "features": {"gitaly-feature-one": True, "gitaly-feature-two": "false"},
        "storage": "fast",
    },
    "receive_max_input_size": 2,
}


def test_allowed_payload(make_api: MakeApi) -> None:
    """The answer says all that clients read, in the JSON types that Go decodes."""
    answer = pull(make_api(world(settings=SETTINGS), follow="gitlab"), str(DEVELOPER))
    names = {"gl_repository": "project-3", "gl_project_path": "Acme/private"}
    assert exact(answer.json) == exact(
        {
            "status": True,
            **names,
            "gl_id": "user-30",
            "gl_username": "developer",
            "git_config_options": [
                "uploadpack.allowFilter=true",
                "uploadpack.allowAnySHA1InWant=true",
                "receive.maxInputSize=2097152",
            ],
            "gitaly": {
                "repository": {
                    "storage_name": "fast",
                    "relative_path": f"{PRIVATE_PATH}.git",
                    "git_object_directory": "",
                    "git_alternate_object_directories": [],
                    **names,
                },
                "address": "tcp://gitaly:8075",
                "token": "secret",
                "features": {
                    "gitaly-feature-one": "true",
                    "gitaly-feature-two": "false",
                },
            },
            "gl_console_messages": [],
            "gl_key_type": "key",
            "gl_key_id": 30,
            "gl_project_id": 3,
            "gl_root_namespace_id": 100,
            "need_audit": False,
        }
    )


@pytest.mark.parametrize(
    ("follow", "megabytes", "options"),
    [
        ("documentation", 0, []),
        ("documentation", 1, ["receive.maxInputSize=1048576"]),
        (
            "gitlab",
            0,
            ["uploadpack.allowFilter=true", "uploadpack.allowAnySHA1InWant=true"],
        ),
    ],
)
def test_allowed_git_config_options(
    make_api: MakeApi, follow: str, megabytes: int, options: Any
) -> None:
    """They are the documentation's or GitLab's; a limit of the size is in both."""
    seed = world(settings={"receive_max_input_size": megabytes})
    assert pull(make_api(seed, follow=follow)).json["git_config_options"] == options


@pytest.mark.parametrize(
    ("repository", "suffix", "path"),
    [
        ("wiki-3", ".wiki.git", "Acme/private.wiki"),
        ("design-3", ".design.git", "Acme/private.design"),
    ],
)
def test_allowed_payload_beside_code(
    make_api: MakeApi, repository: str, suffix: str, path: str
) -> None:
    """Wiki and designs lie beside the code of their project."""
    body = pull(make_api(world()), repository=repository, protocol="web").json
    gitaly = body["gitaly"]["repository"]
    assert gitaly["relative_path"] == PRIVATE_PATH + suffix
    assert body["gl_project_path"] == gitaly["gl_project_path"] == path
    assert body["gl_repository"] == gitaly["gl_repository"] == repository
    assert (body["gl_project_id"], body["gl_root_namespace_id"]) == (3, 100)


def test_allowed_payload_personal_snippet(make_api: MakeApi) -> None:
    """A personal snippet has a storage of its own and no project."""
    body = pull(make_api(world()), repository="snippet-5").json
    assert body["gl_project_path"] == "snippets/5"
    assert body["gitaly"]["repository"]["relative_path"] == (
        "@snippets/ef/2d/"
        "ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d.git"
    )
    assert not {"gl_project_id", "gl_root_namespace_id"} & body.keys()


@pytest.mark.parametrize(
    ("key", "gl_id", "username"),
    [(WRITING, "user-40", "maintainer"), (ORPHANED, "user-2", "ghost")],
)
def test_allowed_payload_deploy_key(
    make_api: MakeApi, key: int, gl_id: str, username: str
) -> None:
    """A deploy key goes by the name of who made it, or of the ghost user."""
    body = pull(make_api(world()), key).json
    assert (body["gl_id"], body["gl_username"]) == (gl_id, username)
    assert (body["gl_key_type"], body["gl_key_id"]) == ("deploy_key", key)


def test_allowed_payload_nulls(make_api: MakeApi) -> None:
    """Nulls are dropped at the top only: the token of Gitaly stays."""
    body = pull(make_api(world()), who=None, repository=PUBLIC).json
    assert None not in body.values()
    assert body["gitaly"]["token"] is None
    assert body["gl_id"] == ""


def test_allowed_denial_is_bare(make_api: MakeApi) -> None:
    """A denial has a status and a message, and no word about the repository."""
    body = pull(make_api(world()), OUTSIDER).json
    assert body == {"status": False, "message": PROJECT_NOT_FOUND}


DIRECTORY = "objects/tmp_objdir-incoming-X"
QUARANTINE = {
    "GIT_OBJECT_DIRECTORY_RELATIVE": DIRECTORY,
    "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects", "objects/../b"],
}


@pytest.mark.parametrize(
    ("env", "directory", "alternates"),
    [
        (json.dumps(QUARANTINE), DIRECTORY, ["objects", "objects/../b"]),
        (json.dumps(QUARANTINE | {"OTHER": 1}), DIRECTORY, ["objects", "objects/../b"]),
        (json.dumps({"GIT_OBJECT_DIRECTORY_RELATIVE": DIRECTORY}), DIRECTORY, []),
        (json.dumps(dict.fromkeys(QUARANTINE)), "", []),
        (json.dumps(dict.fromkeys(QUARANTINE, 5)), "", []),
        (json.dumps({name: [None] for name in QUARANTINE}), "", None),
        *(
            (env, "", [])
            for env in (None, "", " ", "{", "null", "[]", '"x"', "[" * 9999, "{}", 5)
        ),
        (QUARANTINE, "", []),
        ([QUARANTINE], "", []),
    ],
)
def test_allowed_env(
    make_api: MakeApi, env: object, directory: str, alternates: list[str] | None
) -> None:
    """Where the objects of a push wait comes back; what is no JSON text is ignored."""
    repository = pull(make_api(world()), env=env).json["gitaly"]["repository"]
    assert repository["git_object_directory"] == directory
    echoed = repository["git_alternate_object_directories"]
    assert all(isinstance(other, str) for other in echoed)
    assert alternates is None or echoed == alternates


@pytest.mark.parametrize(
    ("key", "days", "expected"),
    [
        (DEVELOPER, 0, []),
        (
            SHORT_LIVED,
            0,
            ["INFO: Your SSH key is expiring soon. Please generate a new key."],
        ),
        (SHORT_LIVED, -10, []),
    ],
)
def test_allowed_console_messages(
    make_api: MakeApi, clock: Clock, key: int, days: int, expected: Any
) -> None:
    """Whose key expires within seven days is told so."""
    clock.advance(days=days)
    assert pull(make_api(world()), key).json["gl_console_messages"] == expected


def last_used_at(api: Api, key: int) -> object:
    """When the key is said to have been used."""
    ((time,),) = api.rows("SELECT last_used_at FROM keys WHERE id = ?", key)
    return time


@pytest.mark.parametrize("key", [DEVELOPER, GUEST, WRITING])
def test_allowed_last_used_at(make_api: MakeApi, clock: Clock, key: int) -> None:
    """The use of a key is noted at most once a day, also when access is denied."""
    api = make_api(world())
    times = []
    for hours in (0, 23, 2):
        clock.advance(hours=hours)
        pull(api, key)
        times.append(last_used_at(api, key))
    assert times[0] == times[1] == "2022-08-01T12:00:00.000Z"
    assert times[2] == "2022-08-02T13:00:00.000Z"


def test_nothing_is_noted_on_a_read_only_instance(make_api: MakeApi) -> None:
    """A read-only instance does not note who pulled, nor with which key."""
    api = make_api(world(settings={"read_only": True}))
    activity = "SELECT last_activity_on FROM users WHERE username = 'developer'"
    before = api.rows(activity)
    assert pull(api, DEVELOPER).status_int == 200
    assert (last_used_at(api, DEVELOPER), api.rows(activity)) == (None, before)


@pytest.mark.parametrize("repository", [None, "foo", 3])
@pytest.mark.parametrize("action", [PULL, PUSH])
def test_who_names_no_repository_is_noted(
    make_api: MakeApi, action: str, repository: object
) -> None:
    """The call is counted, and the key used, before a repository is looked for."""
    api = make_api(world(settings={"rate_limit_per_minute": 1}))
    params = {"key_id": DEVELOPER, "action": action, "gl_repository": repository}
    statuses = [api.post_json("allowed", params).status_int for _ in range(2)]
    assert statuses == [400, 429]
    assert last_used_at(api, DEVELOPER) == "2022-08-01T12:00:00.000Z"


def test_allowed_last_used_at_missing_project(make_api: MakeApi) -> None:
    """The use of a key is noted even when there is no such project."""
    api = make_api(world())
    assert pull(api, repository="project-999").status_int == 404
    assert last_used_at(api, DEVELOPER) == "2022-08-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("params", "day"),
    [
        ({}, "2022-08-01"),
        ({"action": ARCHIVE}, "2022-08-01"),
        ({"key_id": None, "username": "developer"}, "2022-08-01"),
        ({"action": PUSH, "changes": "_any"}, None),
        ({"gl_repository": "project-999"}, None),
        ({"action": "nothing"}, None),
        ({"gl_repository": "design-3", "protocol": "web"}, "2022-08-01"),
        ({"gl_repository": "design-3", "protocol": "web", "action": None}, None),
    ],
)
def test_allowed_last_activity_on(
    make_api: MakeApi, params: dict[str, Any], day: str | None
) -> None:
    """Only a fetch that is allowed makes its user active today."""
    api = make_api(world())
    pull(api, **params)
    select = "SELECT last_activity_on FROM users WHERE id = ?"
    assert api.rows(select, DEVELOPER) == [(day,)]


def moved(**params: Any) -> dict[str, Any]:
    """A fetch by a former path."""
    return {"key_id": DEVELOPER, "action": PULL, "project": "old/path.git"} | params


def after_push(
    api: Api, gl_repository: str = PRIVATE, user: str = "user-30"
) -> list[str]:
    """The messages that a push ends with."""
    params = {"gl_repository": gl_repository, "identifier": user}
    messages = api.post_json("post_receive", params).json["messages"]
    assert all(message["type"] == "basic" for message in messages)
    return [message["message"] for message in messages]


def moved_message(
    url: str, old: str = "old/path", new: str = "Acme/private", what: str = "Project"
) -> str:
    """What is said of a former path."""
    return (
        f"{what} '{old}' was moved to '{new}'.\n\nPlease update your Git remote:\n\n"
        f"  git remote set-url origin {url}\n"
    )


SSH_URL = "git@localhost:Acme/private.git"
HTTP_URL = "http://localhost:3001/Acme/private.git"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"protocol": "ssh"}, moved_message(SSH_URL)),
        ({"protocol": "http"}, moved_message(HTTP_URL)),
        ({}, moved_message(HTTP_URL)),
        ({"project": "/OLD/Path"}, moved_message(HTTP_URL, "OLD/Path")),
        ({"action": PUSH, "changes": "_any"}, moved_message(HTTP_URL)),
    ],
)
def test_allowed_moved(
    make_api: MakeApi, params: dict[str, Any], message: str | None
) -> None:
    """Who uses a former path has access, and is told of the new one, once."""
    api = make_api(world())
    assert api.post_json("allowed", moved(**params)).status_int == 200
    assert after_push(api) == [message]
    assert after_push(api) == []


def test_allowed_moved_wiki(make_api: MakeApi) -> None:
    """A wiki moves with its project, and has its own message."""
    api = make_api(world())
    api.post_json("allowed", moved(project="old/path.wiki", protocol="ssh"))
    assert after_push(api) == []
    url = "git@localhost:Acme/private.wiki.git"
    path = "Acme/private.wiki"
    assert after_push(api, "wiki-3") == [
        moved_message(url, "old/path.wiki", path, "Project wiki")
    ]


@pytest.mark.parametrize(
    ("params", "pusher", "minutes"),
    [
        ({"project": "ACME/private"}, "user-30", 0),
        ({"project": "Acme/private"}, "user-30", 0),
        ({"key_id": OUTSIDER}, f"user-{OUTSIDER}", 0),
        ({"key_id": None}, "user-30", 0),
        ({}, f"user-{MAINTAINER}", 0),
        ({}, "user-30", 5),
    ],
)
def test_allowed_not_moved(
    make_api: MakeApi, clock: Clock, params: dict[str, Any], pusher: str, minutes: int
) -> None:
    """Another case is no move; a message is for who fetched, within five minutes."""
    api = make_api(world())
    api.post_json("allowed", moved(**params))
    clock.advance(minutes=minutes)
    assert after_push(api, user=pusher) == []


def create(
    api: Api, path: str | None = "outsider/fresh.git", **params: Any
) -> TestResponse:
    """The answer to a push to a project that is not there."""
    sent = {"key_id": OUTSIDER, "project": path, "action": PUSH, "changes": "_any"}
    return api.post_json("allowed", sent | params)


def projects(api: Api) -> set[str]:
    """All paths that there are."""
    return {path for (path,) in api.rows("SELECT path FROM routes")}


@pytest.mark.parametrize(
    ("protocol", "url"),
    [
        ("ssh", "git@localhost:outsider/fresh.git"),
        ("http", "http://localhost:3001/outsider/fresh.git"),
    ],
)
def test_allowed_creates_project(make_api: MakeApi, protocol: str, url: str) -> None:
    """A push makes a private, empty project in one's own namespace, and says so."""
    api = make_api(world())
    body = create(api, "/OUTSIDER/fresh.git", protocol=protocol).json
    assert body["status"] is True
    assert body["gl_project_path"] == "outsider/fresh"
    number = body["gl_project_id"]
    assert body["gl_repository"] == f"project-{number}"
    assert api.rows(
        """SELECT visibility_level, empty_repo, archived, root_namespace_id
        FROM projects WHERE id = ?""",
        number,
    ) == [(0, 1, 0, body["gl_root_namespace_id"])]
    assert pull(api, DEVELOPER, f"project-{number}").status_int == 404
    assert after_push(api, f"project-{number}", f"user-{OUTSIDER}") == [
        (
            "\nThe private project outsider/fresh was successfully created.\n\n"
            f"To configure the remote, run:\n  git remote add origin {url}\n\n"
            "To view the project, visit:\n  http://localhost:3001/outsider/fresh\n\n"
        )
    ]
    assert create(api).json == body


def test_allowed_created_project_is_pushed_to(make_api: MakeApi) -> None:
    """Who made a project by a push then pushes its first branch."""
    api = make_api(world())
    repository = create(api).json["gl_repository"]
    change = f"{'0' * 40} {'1' * 40} refs/heads/main\n"
    push = {"gl_repository": repository, "changes": change}
    gitaly = push | {"key_id": str(OUTSIDER), "action": PUSH, "protocol": "ssh"}
    assert api.post_json("allowed", gitaly).status_int == 200
    api.post_json("post_receive", push | {"identifier": f"key-{OUTSIDER}"})
    select = "SELECT empty_repo FROM projects WHERE id = ?"
    assert api.rows(select, int(repository.partition("-")[2])) == [(0,)]


@pytest.mark.parametrize(
    ("protection", "rules"),
    [
        ("full", [("main", 40, 40, 0)]),
        ("developers_push", [("main", 30, 40, 0)]),
        ("none", []),
    ],
)
def test_allowed_created_project_is_protected(
    make_api: MakeApi, protection: str, rules: list[tuple[object, ...]]
) -> None:
    """The instance says what protects the default branch of a new project."""
    api = make_api(world(settings={"default_branch_protection": protection}))
    number = create(api).json["gl_project_id"]
    select = """SELECT name, push_access_level, merge_access_level, allow_force_push
        FROM protected_branches WHERE project_id = ?"""
    assert api.rows(select, number) == rules


GROUPS = [
    {
        "full_path": "team/sub",
        "members": {"developer": "developer", "reporter": "reporter"},
    },
    {
        "full_path": "other",
        "members": {"awaiting": {"access_level": "owner", "state": "awaiting"}},
        "shared_with": {"team/sub": "maintainer"},
    },
]


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"key_id": DEVELOPER}, "team/sub/fresh"),
        ({"key_id": DEVELOPER}, "other/fresh"),
        ({"key_id": 1}, "team/fresh"),
        ({"key_id": 1}, "outsider/fresh"),
        ({"key_id": None, "username": "developer"}, "team/sub/fresh"),
    ],
)
def test_allowed_creates_project_of_others(
    make_api: MakeApi, params: dict[str, Any], path: str
) -> None:
    """Developers of a group make projects in it, admins everywhere."""
    answer = create(make_api(world(groups=GROUPS)), path, **params)
    assert answer.json["gl_project_path"] == path


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"action": PULL}, "outsider/fresh"),
        ({"changes": f"{'0' * 40} {'1' * 40} refs/heads/main"}, "outsider/fresh"),
        ({"changes": ""}, "outsider/fresh"),
        ({"key_id": DEVELOPER}, "outsider/fresh"),
        ({"key_id": 61}, "external/fresh"),
        ({"key_id": 63}, "blocked/fresh"),
        ({"key_id": 62}, "other/fresh"),
        ({"key_id": WRITING}, "maintainer/fresh"),
        ({"key_id": None}, "outsider/fresh"),
        ({"key_id": DEVELOPER}, "team/fresh"),
        ({"key_id": 20}, "team/sub/fresh"),
        ({"key_id": 1}, "nowhere/fresh"),
        ({"key_id": 1}, "team/nowhere/fresh"),
        ({"key_id": 1}, "Acme/private/fresh"),
        ({"key_id": 1}, "team/sub"),
        ({"key_id": 1}, "team"),
        ({}, "outsider/fresh.wiki"),
        ({}, "outsider/fresh.design.git"),
        ({}, "outsider/notexist/snippets/notexist.git"),
        ({}, "snippets/notexist.git"),
        ({"project": None, "gl_repository": "project-999"}, None),
    ],
)
def test_allowed_creates_nothing(
    make_api: MakeApi, params: dict[str, Any], path: str
) -> None:
    """No project is made by others, elsewhere, or by anything but a first push."""
    api = make_api(world(groups=GROUPS))
    before = projects(api)
    answer = create(api, path, **params)
    assert answer.status_int in {401, 404}
    assert answer.json["status"] is False
    assert projects(api) == before


SPECIAL = (
    "Path must not start or end with a special character and must not contain "
    "consecutive special characters."
)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cannot_end_with_dot.", SPECIAL),
        ("a..b", SPECIAL),
        ("_", SPECIAL),
        ("raw", "Path raw is a reserved name"),
    ],
)
def test_allowed_impossible_name_422(
    make_api: MakeApi, name: str, message: str | None
) -> None:
    """A name that no project can have is refused in words."""
    api = make_api(world())
    before = projects(api)
    answer = create(api, f"outsider/{name}")
    assert answer.status_int == 422
    assert answer.json == {
        "status": False,
        "message": f"Could not create project: {message}",
    }
    assert projects(api) == before


def test_allowed_creates_project_once(make_api: MakeApi) -> None:
    """Of pushes at the same time one makes the project and all go to it."""
    api = make_api(world())
    with ThreadPoolExecutor(8) as pool:
        answers = [answer.json for answer in pool.map(create, [api] * 16)]
    assert {answer["gl_project_path"] for answer in answers} == {"outsider/fresh"}
    assert len({answer["gl_project_id"] for answer in answers}) == 1


def test_allowed_creates_project_in_one_transaction(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push that makes its project writes all that follows from it, or nothing."""
    api = make_api(world(settings={"rate_limit_per_minute": 9}))
    written = (
        "SELECT count(*) FROM rate_limits",
        "SELECT count(*) FROM projects",
        "SELECT count(*) FROM post_push_messages",
        "SELECT count(last_used_at) FROM keys",
    )
    before = [api.rows(query) for query in written]

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(pushes, "queue_message", fail)
        assert create(api).status_int == 503
    assert [api.rows(query) for query in written] == before
    assert create(api).status_int == 200
    after = [api.rows(query) for query in written]
    assert not any(map(operator.eq, before, after))


def test_allowed_not_allowed_to_create(make_api: MakeApi) -> None:
    """Who may not create projects gets the text for a missing project."""
    seed = world()
    seed["users"][6]["can_create_projects"] = False
    answer = create(make_api(seed))
    assert (answer.status_int, answer.json["message"]) == (404, PROJECT_NOT_FOUND)


def test_allowed_creates_nothing_when_archived(make_api: MakeApi) -> None:
    """A project that is there is not made again, whatever refuses the push."""
    api = make_api(private(archived=True))
    answer = create(api, "Acme/private", key_id=MAINTAINER)
    assert (answer.status_int, answer.json["message"]) == (401, PUSH_CODE)


def test_allowed_snippet_by_former_path(make_api: MakeApi) -> None:
    """A snippet is found by a former path of its project, and the user is told."""
    api = make_api(
        {
            "users": [{"username": "rubi", "id": 30}],
            "projects": [
                {
                    "full_path": "acme/new",
                    "visibility": "public",
                    "redirects": ["old/path"],
                }
            ],
            "snippets": [
                {
                    "id": 6,
                    "author": "rubi",
                    "project": "acme/new",
                    "visibility": "public",
                }
            ],
        }
    )
    params = {"user_id": 30, "project": "old/path/snippets/6"}
    answer = api.post_json("allowed", params | {"action": "git-upload-pack"})
    assert answer.json["gl_project_path"] == "acme/new/snippets/6"
    params = {"gl_repository": "snippet-6", "identifier": "user-30"}
    (message,) = api.post_json("post_receive", params).json["messages"]
    assert message["message"].startswith(
        "Project snippet 'old/path/snippets/6' was moved to 'acme/new/snippets/6'."
    )


FORMER = {
    "users": [
        {"username": "rubi", "id": 30},
        {"username": "guest", "id": 31},
        {"username": "gone", "id": 32, "state": "blocked"},
    ],
    "deploy_keys": [
        {"id": 5, "user": "rubi", "key": ssh_key(5), "projects": {"acme/new": "read"}}
    ],
    "projects": [
        {
            "full_path": "acme/new",
            "id": 3,
            "redirects": ["old/path"],
            "members": {"rubi": "developer", "guest": "guest", "gone": "developer"},
        }
    ],
}


@pytest.mark.parametrize(
    ("who", "user_id", "status", "told"),
    [
        ({"user_id": 30}, 30, 200, 1),
        ({"user_id": 31}, 31, 401, 1),
        ({"user_id": 32}, 32, 401, 0),
        ({"key_id": 5}, 30, 200, 0),
    ],
)
def test_allowed_moved_is_told_who_finds_it(
    make_api: MakeApi, who: dict[str, int], user_id: int, status: int, told: int
) -> None:
    """Who may read a moved project is told, allowed or not; a deploy key is nobody."""
    api = make_api(FORMER)
    params = {**who, "project": "old/path", "action": "git-upload-pack"}
    assert api.post_json("allowed", params).status_int == status
    params = {"gl_repository": "project-3", "identifier": f"user-{user_id}"}
    messages = api.post_json("post_receive", params).json["messages"]
    assert len(messages) == told


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"user_id": 30, "changes": 5}, 400),
        ({"user_id": 32, "changes": 5}, 401),
        ({"changes": 5}, 404),
        ({"user_id": 30, "gl_repository": "wiki-3"}, 200),
    ],
)
def test_allowed_looks_at_changes_last(
    make_api: MakeApi, params: dict[str, object], status: int
) -> None:
    """What is wrong with changes is told to those who might push, where they count."""
    named = {"gl_repository": "project-3", "action": "git-receive-pack"}
    assert make_api(FORMER).post_json("allowed", named | params).status_int == status
