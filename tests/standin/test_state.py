"""Reset, seeds and snapshots."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from standin_api import PULL, StandinApi

from internal_api.repository.snapshots import SEEDED, Snapshots

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmp0oscJqxo4AMPQjDrBFfPjvBgaDZ5tUiX8ec3UDO3"
USER = {"users": [{"id": 900, "username": "ada"}]}


def usernames(api: StandinApi) -> list[str]:
    """Who is there."""
    return [name for (name,) in api.api.rows("SELECT username FROM users ORDER BY 1")]


def fetch_as_ada(api: StandinApi) -> str | None:
    """Whom a fetch by a user knows who is not in the demo seed."""
    params = {"username": "ada", "project": "gnuwget/wget2"}
    answer = api.api.post_json("allowed", params | {"action": PULL["action"]})
    username: str | None = answer.json.get("gl_username")
    return username


def test_reset_goes_back_to_the_seeded_state(api: StandinApi) -> None:
    """After a reset the state is that of the seeds, and what is asked sees it."""
    Snapshots(api.api.database, api.api.data / "snapshots").save(SEEDED)
    before = usernames(api)
    assert api.pull().status_int == 200
    assert api.control("POST", "seed", USER).json == {"seeded": "1 user"}
    assert "ada" in usernames(api)
    assert fetch_as_ada(api) == "ada"
    answer = api.control("POST", "reset")
    assert (answer.status_int, answer.body) == (204, b"")
    assert usernames(api) == before
    assert fetch_as_ada(api) is None
    assert api.pull().status_int == 200


def test_reset_undoes_what_came_before_any_control_request(api: StandinApi) -> None:
    """The seeded state is that of the start, whenever the control routes are called."""
    Snapshots(api.api.database, api.api.data / "snapshots").save(SEEDED)
    assert api.api.post_json("pre_receive", {"gl_repository": "a"}).status_int == 200
    api.control("POST", "reset")
    assert api.api.rows("SELECT * FROM reference_counters") == []


def test_what_is_seeded_is_of_the_time_of_the_service(api: StandinApi) -> None:
    """A key that a test seeds was made when the service's clock says."""
    api.control("PUT", "clock", {"now": "2020-01-01T00:00:00Z", "frozen": True})
    key = {"id": 901, "user": "ada", "key": KEY}
    assert api.control("POST", "seed", USER | {"keys": [key]}).status_int == 200
    select = "SELECT created_at FROM keys WHERE id = 901"
    assert api.api.rows(select) == [("2020-01-01T00:00:00.000Z",)]


def test_reset_forgets_requests_faults_and_the_clock(api: StandinApi) -> None:
    """A test never sees the requests, the faults or the time of another one."""
    api.control("PUT", "faults", {"status": 500, "times": 9})
    api.control("PUT", "clock", {"advance": 3600, "frozen": True})
    assert api.pull().status_int == 500
    api.control("POST", "reset")
    assert api.get("requests") == {"requests": []}
    assert api.get("faults") == {"faults": []}
    assert api.get("clock") == {"now": "2022-08-01T12:00:00.000Z", "frozen": False}


def test_reset_of_what_was_never_seeded_is_empty(api: StandinApi) -> None:
    """A database file that no command has seeded goes back to an empty one."""
    if api.api.database.path is None:
        pytest.skip("a database in memory is always saved")
    api.control("POST", "reset")
    assert usernames(api) == []


def test_snapshots_are_saved_and_restored(api: StandinApi) -> None:
    """What is restored is the state as it was saved, as often as one likes."""
    api.control("POST", "seed", USER)
    assert api.control("PUT", "snapshots/with-ada").status_int == 204
    assert "with-ada" in api.get("snapshots")["snapshots"]
    for _ in range(2):
        api.control("POST", "reset")
        assert "ada" not in usernames(api)
        answer = api.control("POST", "snapshots/with-ada/restore")
        assert (answer.status_int, answer.body) == (204, b"")
        assert "ada" in usernames(api)


def test_restore_leaves_the_journal_alone(api: StandinApi) -> None:
    """Restoring is about the database, and nothing else."""
    api.pull()
    api.control("PUT", "snapshots/here")
    api.control("POST", "snapshots/here/restore")
    assert api.get("requests/count") == {"count": 1}


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("POST", "snapshots/nothing/restore", "there is no snapshot 'nothing'"),
        ("PUT", "snapshots/.hidden", "'.hidden' is no name"),
        ("PUT", "snapshots/" + "a" * 65, "is no name"),
        ("PUT", "snapshots/a%2Fb", "Not Found"),
    ],
)
def test_snapshot_that_cannot_be(
    api: StandinApi, method: str, path: str, error: str
) -> None:
    """A name that is none, or that nothing has, is a clear error."""
    answer = api.control(method, path)
    assert answer.status_int in {400, 404}
    assert error in answer.json["error"]


@pytest.mark.parametrize("api", ["file"], indirect=True)
def test_files_that_cannot_be_used(api: StandinApi) -> None:
    """What the disk refuses, or no database is, is told with 503."""
    folder = api.api.data / "snapshots"
    folder.mkdir()
    (folder / "junk.db").write_bytes(b"junk" * 1000)
    answer = api.control("POST", "snapshots/junk/restore")
    assert (answer.status_int, answer.json) == (
        503,
        {"error": "file is not a database"},
    )
    (folder / "junk.db").unlink()
    folder.rmdir()
    folder.write_text("")
    answer = api.control("PUT", "snapshots/a")
    assert answer.status_int == 503
    assert "File exists" in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("users: [{id: 900}]", "seed: users[0]: Object missing required field"),
        ("userz: []", "seed: Object contains unknown field `userz`"),
        ("users: [", "line "),
        ("users: !!bool maybe", "seed: a tag that does not fit its value"),
        ("- 1", "seed: Expected `object`"),
    ],
)
def test_seed_error_names_key_and_reason(
    api: StandinApi, body: str, error: str
) -> None:
    """A mistake in a seed is one line, and nothing is loaded."""
    before = usernames(api)
    answer = api.control("POST", "seed", body)
    assert answer.status_int == 400
    assert error in answer.json["error"]
    assert usernames(api) == before


def test_reset_is_safe_while_requests_run(api: StandinApi) -> None:
    """Requests beside a reset see the old state or the new one, never an error."""
    Snapshots(api.api.database, api.api.data / "snapshots").save(SEEDED)
    with ThreadPoolExecutor(4) as pool:
        seeds, pulls, resets = [], [], []
        for _ in range(20):
            seeds.append(pool.submit(api.control, "POST", "seed", USER))
            pulls += [pool.submit(fetch_as_ada, api) for _ in range(3)]
            resets.append(pool.submit(api.control, "POST", "reset"))
        assert {pull.result() for pull in pulls} <= {"ada", None}
        assert {seed.result().status_int for seed in seeds} == {200}
        assert {reset.result().status_int for reset in resets} == {204}
    api.control("POST", "reset")
    assert "ada" not in usernames(api)
