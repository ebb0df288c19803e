"""A Git repository at hand, asked with a real git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from internal_api import git_repository
from internal_api.access.values import Change
from internal_api.git_repository import GitTimeoutError, Quarantine

History = tuple[str, str, str]
RELATIVE_PATH = "@hashed/aa/bb/repository.git"
NOWHERE = Quarantine("", ())
MISSING = "1" * 40
REF = "refs/heads/main"


class Storage:
    """A storage folder with one bare repository, and a clone to commit in."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "storage"
        self.bare = self.root / RELATIVE_PATH
        self.clone = folder / "clone"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        self.git("clone", "--quiet", self.bare, self.clone)

    def git(self, *arguments: str | Path, folder: Path | None = None) -> str:
        """Run git, without anybody's configuration."""
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        result = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=folder,
            env=environ,
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        return result.stdout.strip()

    def commit(self, message: str) -> str:
        """Make a commit on the branch that is checked out."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message, folder=self.clone)
        return self.git("rev-parse", "HEAD", folder=self.clone)

    def push(self, *refs: str) -> None:
        """Push, whatever is there."""
        self.git("push", "--quiet", "--force", "origin", *refs, folder=self.clone)

    def quarantine(self, name: str = "incoming-x") -> Quarantine:
        """Put the clone's objects where Gitaly keeps those of a push."""
        incoming = self.bare / "objects" / name
        shutil.copytree(self.clone / ".git" / "objects", incoming)
        return Quarantine(f"objects/{name}", ("objects",))

    def find(self, quarantine: Quarantine = NOWHERE) -> git_repository.GitRepository:
        """The bare repository, as the service finds it."""
        found = git_repository.find(str(self.root), RELATIVE_PATH, quarantine)
        assert found
        return found


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage folder with an empty repository."""
    return Storage(tmp_path)


@pytest.fixture
def history(storage: Storage) -> History:
    """Three commits on the server: `first`, then `second`, and `other` beside it."""
    first = storage.commit("first")
    second = storage.commit("second")
    storage.git("checkout", "--quiet", "-b", "other", first, folder=storage.clone)
    other = storage.commit("other")
    storage.push("main", "other")
    return first, second, other


# ------------------------------------------------------------------ forced or not


def test_fast_forward_is_not_forced(storage: Storage, history: History) -> None:
    """An update whose old commit is an ancestor of the new one is no force push."""
    first, second, other = history
    repository = storage.find()
    for old, new in ((first, second), (first, other), (first, first)):
        assert not repository.is_forced(Change(old, new, REF))


def test_other_history_is_forced(storage: Storage, history: History) -> None:
    """Going back, and to another branch, throws commits away."""
    first, second, other = history
    repository = storage.find()
    for old, new in ((second, first), (second, other), (other, second)):
        assert repository.is_forced(Change(old, new, REF))


@pytest.mark.parametrize(
    "commit",
    [
        MISSING,
        "main",
        "",
        "--all",
        "HEAD",
        "1" * 39,
        "G" * 40,
        f"{MISSING}\n",
        "2" * 64,
    ],
)
def test_unknown_commits_are_forced(
    storage: Storage, history: History, commit: str
) -> None:
    """Where git cannot tell, the push counts as forced; names are no commits."""
    first = history[0]
    repository = storage.find()
    assert repository.is_forced(Change(first, commit, REF))
    assert repository.is_forced(Change(commit, first, REF))
    assert repository.branches_with(commit) == ()


# ------------------------------------------------------------------ quarantine


def test_quarantine_is_looked_into(storage: Storage, history: History) -> None:
    """The new objects of a push wait outside of the repository's own."""
    _first, second, other = history
    storage.git("checkout", "--quiet", "main", folder=storage.clone)
    pushed = storage.commit("third")
    change = Change(second, pushed, REF)
    assert storage.find().is_forced(change)
    repository = storage.find(storage.quarantine())
    assert not repository.is_forced(change)
    assert repository.is_forced(Change(other, pushed, REF))
    assert repository.refs() == {REF, "refs/heads/other"}


def test_quarantine_adds_to_the_repository(storage: Storage, history: History) -> None:
    """What waits is a part only; the rest lies in the repository, named or not."""
    first, _second, other = history
    incoming = storage.bare / "objects" / "incoming-x"
    incoming.mkdir()
    change = Change(first, other, REF)
    for alternates in ((), ("objects/info", "objects"), ("objects", "../..")):
        repository = storage.find(Quarantine("objects/incoming-x", alternates))
        assert not repository.is_forced(change)


def test_alternates_are_looked_into(storage: Storage, history: History) -> None:
    """What lies neither with the push nor in the repository lies in the alternates."""
    first, second, _other = history
    change, incoming = Change(first, second, REF), "objects/incoming-x"
    (storage.bare / "objects").rename(storage.bare / "pool")
    (storage.bare / incoming).mkdir(parents=True)
    assert storage.find(Quarantine(incoming, ("objects",))).is_forced(change)
    assert not storage.find(Quarantine(incoming, ("../..", "pool"))).is_forced(change)


@pytest.mark.parametrize(
    "outside",
    ["../other.git/objects", "/{other}", "objects/../../other.git/objects", ".", ".."],
)
def test_quarantine_outside_of_the_repository_is_not_used(
    storage: Storage, history: History, outside: str
) -> None:
    """Nobody reads another repository's objects by naming its folder."""
    first, second, _other = history
    other = storage.bare.parent / "other.git" / "objects"
    shutil.copytree(storage.bare / "objects", other)
    shutil.rmtree(storage.bare / "objects")
    (storage.bare / "objects" / "incoming-x").mkdir(parents=True)
    path = outside.format(other=str(other)[1:])
    change = Change(first, second, REF)
    assert storage.find(Quarantine(path, ("objects",))).is_forced(change)
    assert storage.find(Quarantine("objects/incoming-x", (path,))).is_forced(change)
    joined = f"objects{os.pathsep}{other}"
    assert storage.find(Quarantine("objects/incoming-x", (joined,))).is_forced(change)


@pytest.mark.parametrize(
    "folder", ["objects/none", "objects/\0", "x" * 300, "x/" * 9000, "objects/\udcff"]
)
def test_quarantine_that_is_not_there(
    storage: Storage, history: History, folder: str
) -> None:
    """A folder that cannot be is as none."""
    first, second, _other = history
    change = Change(first, second, REF)
    for quarantine in (
        Quarantine(folder, ("objects",)),
        Quarantine("objects/info", ("objects", folder)),
        Quarantine("objects/info", ("objects",) * 9000),
    ):
        assert not storage.find(quarantine).is_forced(change)


@pytest.mark.parametrize(
    ("env", "quarantine"),
    [
        (
            {
                "GIT_OBJECT_DIRECTORY_RELATIVE": "objects/incoming-x",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects", None, "other"],
            },
            Quarantine("objects/incoming-x", ("objects", "other")),
        ),
        (
            {
                "GIT_OBJECT_DIRECTORY_RELATIVE": "",
                "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": None,
            },
            NOWHERE,
        ),
        ({"GIT_OBJECT_DIRECTORY_RELATIVE": 1}, NOWHERE),
        ({"GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": "objects"}, NOWHERE),
        ({}, NOWHERE),
        ([], NOWHERE),
        (None, NOWHERE),
        ("objects", NOWHERE),
    ],
)
def test_quarantine_from_env(env: object, quarantine: Quarantine) -> None:
    """`env` is JSON in a text."""
    assert Quarantine.from_env(json.dumps(env)) == quarantine


@pytest.mark.parametrize("env", [None, "", " ", "{", "[" * 9000, {"a": 1}, [], 1, True])
def test_quarantine_from_what_is_no_env(env: object) -> None:
    """Whatever else `env` is, it names nothing."""
    assert Quarantine.from_env(env) == NOWHERE


# ------------------------------------------------------------------ refs


@pytest.mark.usefixtures("history")
def test_refs(storage: Storage) -> None:
    """Branches and tags are told by full names, other refs are not."""
    names = ["refs/heads/a/b", "refs/heads/é", "refs/heads/a\u2028b", "refs/tags/v1"]
    storage.push(*(f"main:{name}" for name in names), "main:refs/notes/x")
    assert storage.find().refs() == {REF, "refs/heads/other", *names}


def test_no_refs(storage: Storage) -> None:
    """A new repository has none."""
    assert storage.find().refs() == frozenset()


def test_branches_with(storage: Storage, history: History) -> None:
    """A commit is on the branches it can be reached from."""
    first, second, other = history
    repository = storage.find()
    assert repository.branches_with(first) == ("main", "other")
    assert repository.branches_with(second) == ("main",)
    assert repository.branches_with(other) == ("other",)
    assert repository.branches_with(MISSING) == ()


# ------------------------------------------------------------------ finding


def test_without_storage_there_is_none() -> None:
    """Without a storage folder there is no repository at hand."""
    for storage_path in (None, ""):
        assert git_repository.find(storage_path, RELATIVE_PATH, NOWHERE) is None


def test_folder_that_is_no_repository(storage: Storage) -> None:
    """A folder without what makes it a repository is none."""
    (storage.root / "empty").mkdir()
    for path in ("empty", "nothing", "../clone"):
        assert git_repository.find(str(storage.root), path, NOWHERE) is None


def test_surroundings_do_not_matter(
    storage: Storage, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service's own Git variables lead nowhere else."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
    first, second, _other = history
    assert not storage.find().is_forced(Change(first, second, REF))


def test_slow_git(
    storage: Storage, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of git's answers to a push together may take what GitLab lets them take."""
    clock, left = count(step=20), []
    time = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(git_repository, "time", time)

    def run(arguments: Sequence[str], timeout: float, **_options: object) -> Any:
        left.append(timeout)
        if timeout <= 0:
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        return subprocess.CompletedProcess(arguments, 0, stdout="")

    first, second, _other = history
    found = git_repository.find(str(storage.root), RELATIVE_PATH, NOWHERE, run)
    assert found
    assert not found.is_forced(Change(first, second, REF))
    assert not found.is_forced(Change(first, second, REF))
    with pytest.raises(GitTimeoutError):
        found.is_forced(Change(first, second, REF))
    assert left == [30, 10, 0]
