"""Pulls that are asked again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from git_world import (
    ADMIN,
    ARCHIVE,
    DEVELOPER,
    GUEST,
    OLD_KEY,
    ORPHANED,
    OUTSIDER,
    PRIVATE,
    PUBLIC,
    PULL,
    PUSH,
    READING,
    SHORT_LIVED,
    world,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from internal_api import git_commands
from internal_api.repository import git_access
from internal_api.repository.database import Connection

if TYPE_CHECKING:
    from api import Api, Clock, MakeApi

KEYS = [ADMIN, DEVELOPER, GUEST, OUTSIDER, OLD_KEY, SHORT_LIVED, READING, ORPHANED, 999]
REPOSITORIES = [
    {"gl_repository": PUBLIC},
    {"gl_repository": PRIVATE},
    {"project": "Acme/private"},
    {"project": "old/path.git"},
    {"gl_repository": "wiki-3"},
]
ENVS = [None, "", "{}", '{"GIT_OBJECT_DIRECTORY_RELATIVE": "objects/incoming"}']
CHANGES = [
    "UPDATE users SET state = 'blocked' WHERE username = 'developer'",
    "UPDATE users SET state = 'active'",
    "UPDATE keys SET expires_at = '2022-08-01T18:00:00.000Z' WHERE id = 30",
    "UPDATE keys SET expires_at = NULL",
    "UPDATE keys SET last_used_at = '2022-07-31T18:00:00.000Z'",
    "UPDATE projects SET visibility_level = 20",
    "UPDATE projects SET visibility_level = 0",
    "UPDATE application_settings SET enabled_git_access_protocol = 'http'",
    "UPDATE application_settings SET enabled_git_access_protocol = ''",
    "UPDATE application_settings SET read_only = 1, gitaly_address = 'tcp://new'",
    "UPDATE application_settings SET rate_limit_per_minute = 3",
    "UPDATE keys SET last_used_at = '9999-12-31T23:59:59.999Z'",
]
Asked = st.builds(
    lambda who, what, **others: who | what | others,
    st.sampled_from(KEYS).map(lambda key: {"key_id": key})
    | st.sampled_from(["developer", "guest"]).map(lambda name: {"username": name}),
    st.sampled_from(REPOSITORIES),
    action=st.sampled_from([PULL, PULL, ARCHIVE, PUSH, "nothing"]),
    protocol=st.sampled_from(["ssh", "http", "web", None, "other"]),
    env=st.sampled_from(ENVS),
    changes=st.just("_any"),
)
Minutes = st.sampled_from([-3000, -1, 1, 359, 361, 720, 1440])
Steps = st.lists(Asked | st.sampled_from(CHANGES) | Minutes, max_size=8)
EXPIRY, OLDER_USE, HTTP_ONLY, FUTURE_USE = (CHANGES[n] for n in (2, 4, 7, 11))
OFTEN = {"key_id": DEVELOPER, "gl_repository": PRIVATE, "action": PULL}
BY_NAME = {"username": "developer", "gl_repository": PRIVATE, "action": PULL}
IN_QUARANTINE = OFTEN | {"env": ENVS[-1]}


@pytest.fixture
def apis(make_api: MakeApi) -> tuple[Api, Api]:
    """Two that are alike."""
    return make_api(world()), make_api(world())


def left_behind(api: Api) -> list[Any]:
    """What pulls write down."""
    return [
        *api.rows("SELECT id, last_used_at FROM keys ORDER BY id"),
        *api.rows("SELECT id, last_activity_on FROM users ORDER BY id"),
        *api.rows("SELECT * FROM post_push_messages ORDER BY 1, 2, 3"),
    ]


def forget(api: Api) -> None:
    """Let nothing be remembered."""
    with api.database.reading() as connection:
        connection.forget()


def take(step: Any, apis: tuple[Api, Api], clock: Clock) -> None:
    """Ask both, of which the second remembers nothing; or write, or let time pass."""
    if isinstance(step, dict):
        # Twice, so that there is something to remember.
        for _ in range(2):
            forget(apis[1])
            first, second = (api.post_json("allowed", step) for api in apis)
            assert (first.status_int, first.body) == (second.status_int, second.body)
    elif step in CHANGES:
        for api in apis:
            with api.database.writing() as connection:
                connection.execute(step)
    else:
        clock.advance(minutes=step)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example([OFTEN, 1440, OFTEN])
@example([OFTEN, -3000, OFTEN])
@example([OFTEN, OLDER_USE, OFTEN, 361, OFTEN])
@example([OFTEN, EXPIRY, OFTEN, 361, OFTEN])
@example([OFTEN, IN_QUARANTINE, OFTEN])
@example([IN_QUARANTINE, OFTEN])
@example([HTTP_ONLY, OFTEN | {"protocol": "http"}, OFTEN | {"protocol": "ssh"}])
@example([BY_NAME, 719, BY_NAME, 2, BY_NAME])
@example([FUTURE_USE, OFTEN, -1, OFTEN])
@given(steps=Steps)
def test_memory_changes_nothing(
    apis: tuple[Api, Api], clock: Clock, steps: list[Any]
) -> None:
    """With and without it, every question has the same answer and leaves the same."""
    images, start = [api.database.image() for api in apis], clock.now
    try:
        for step in steps:
            take(step, apis, clock)
            assert left_behind(apis[0]) == left_behind(apis[1])
    finally:
        clock.now = start
        for api, image in zip(apis, images, strict=True):
            api.database.load_image(image)


def test_nothing_is_decided_twice(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull that may be repeated is decided once; what depends on git is not."""
    api = make_api(world())
    decided = []
    decide = git_commands.decide

    def count(*arguments: Any) -> Any:
        decided.append(arguments)
        return decide(*arguments)

    monkeypatch.setattr(git_commands, "decide", count)
    # The first one notes the use of the key.
    for _ in range(5):
        assert api.post_json("allowed", OFTEN).status_int == 200
    assert len(decided) == 2
    with api.database.writing() as connection:
        path = str(api.data)
        connection.execute(
            "UPDATE application_settings SET gitaly_storage_path = ?", (path,)
        )
    for _ in range(5):
        api.post_json("allowed", OFTEN)
    assert len(decided) == 7


def test_memory_is_of_one_edition(make_api: MakeApi) -> None:
    """Applications on one database each answer as the edition that they follow."""
    first = make_api(world())
    second = make_api({}, database=first.database, follow="gitlab")
    options = [
        [
            api.post_json("allowed", OFTEN).json["git_config_options"]
            for api in (first, second)
        ]
        for _ in range(3)
    ]
    assert options[0][0] != options[0][1]
    assert options[1:] == options[:1] * 2


def test_memory_is_bounded(make_api: MakeApi) -> None:
    """However many protocols are made up, only answers of real ones are kept."""
    api = make_api(world())
    for number in range(50):
        api.post_json("allowed", OFTEN | {"protocol": f"protocol-{number}"})
        api.post_json("allowed", OFTEN | {"protocol": "ssh"})
    assert len(git_access.ask(api.database, OFTEN).answers) == 1


@pytest.mark.parametrize("named", [{"username": "x" * 2000}, {"project": "x" * 2000}])
def test_what_is_long_is_not_remembered(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch, named: dict[str, Any]
) -> None:
    """However long the names are that somebody makes up, no memory holds them."""
    kept = []
    learn = Connection.learn

    def record(connection: Connection, question: Any, *arguments: Any) -> Any:
        kept.append(arguments)
        return learn(connection, question, *arguments)

    monkeypatch.setattr(Connection, "learn", record)
    api = make_api(world())
    for route in ("allowed", "two_factor_config", "post_receive"):
        api.post_json(route, {"action": PULL, "project": "a/b"} | named)
    assert "x" * 2000 not in str(kept)
    api.post_json("allowed", OFTEN)
    assert PRIVATE in str(kept)
