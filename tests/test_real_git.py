"""Where git itself is asked: a real repository in the storage folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from api import Api, MakeApi

ZEROS = "0" * 40
FORCE = "You are not allowed to force push code to a protected branch on this project."
MAINTAINER, DEVELOPER = 40, 30


class Repository:
    """A bare repository where Gitaly would have it, and what is done to it."""

    def __init__(self, storage: Path, project_id: int) -> None:
        digest = hashlib.sha256(str(project_id).encode()).hexdigest()
        name = f"{digest}.git"
        self.path = storage / "@hashed" / digest[:2] / digest[2:4] / name
        self.git("init", "--quiet", "--bare", self.path)
        tree = self.git("hash-object", "-w", "-t", "tree", "/dev/null")
        self._commit = ("commit-tree", "-m", "message", tree)
        self.first = self.git(*self._commit)
        self.second = self.commit(self.first)
        self.set("refs/heads/main", self.second)

    def git(self, *arguments: str | Path, **variables: str) -> str:
        """Run git and give what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.com",
            **variables,
        }
        if arguments[0] != "init":
            environment["GIT_DIR"] = str(self.path)
        done = subprocess.run(
            ["git", *arguments],
            env=environment,
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        return done.stdout.strip()

    def commit(self, parent: str, message: str = "next", **variables: str) -> str:
        """Make a commit on top of another."""
        arguments = (*self._commit, "-m", message, "-p", parent)
        return self.git(*arguments, **variables)

    def set(self, ref: str, commit: str) -> None:
        """Let a ref name a commit."""
        self.git("update-ref", ref, commit)

    def quarantined(self, parent: str, directory: str) -> str:
        """Make a commit whose objects wait elsewhere, as those of a push do."""
        objects = self.path / "objects"
        (self.path / directory).mkdir(parents=True)
        return self.commit(
            parent,
            directory,
            GIT_OBJECT_DIRECTORY=str(self.path / directory),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=str(objects),
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The repository of project 3, with two commits on its branch."""
    return Repository(tmp_path / "repositories", 3)


@pytest.fixture
def api(tmp_path: Path, make_api: MakeApi) -> Api:
    """An instance that has the folder of the repositories."""
    return make_api(seed(tmp_path))


def seed(folder: Path, **settings: object) -> dict[str, object]:
    """The project of the repository, with a protected default branch."""
    return {
        "settings": {"gitaly": {"storage_path": str(folder / "repositories")}},
        "users": [
            {"id": MAINTAINER, "username": "maintainer"},
            {"id": DEVELOPER, "username": "developer"},
        ],
        "projects": [
            {
                "id": 3,
                "full_path": "group/project",
                "members": {"maintainer": "maintainer", "developer": "developer"},
                **settings,
            }
        ],
    }


def push(
    api: Api, old: str, new: str, ref: str = "refs/heads/main", **params: object
) -> str | None:
    """Why a push is refused; None when it is not."""
    sent = {
        "user_id": MAINTAINER,
        "gl_repository": "project-3",
        "action": "git-receive-pack",
        "protocol": "ssh",
        "changes": f"{old} {new} {ref}\n",
    }
    answer = api.post_json("allowed", sent | params)
    message: str | None = answer.json.get("message")
    assert answer.status_int == (401 if message else 200)
    return message


def test_fast_forward(api: Api, repository: Repository) -> None:
    """What only adds to a protected branch may be pushed."""
    third = repository.commit(repository.second)
    assert push(api, repository.second, third) is None
    assert push(api, repository.first, third) is None


def test_forced(api: Api, repository: Repository) -> None:
    """What drops commits of a protected branch is refused, even to maintainers."""
    other = repository.commit(repository.first, "other")
    assert push(api, repository.second, other) == FORCE
    assert push(api, repository.second, repository.first) == FORCE


def test_forced_elsewhere(api: Api, repository: Repository) -> None:
    """A branch that nothing protects may be forced."""
    branch = "refs/heads/feature"
    repository.set(branch, repository.second)
    assert push(api, repository.second, repository.first, branch) is None


def test_forced_where_allowed(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """A rule may let a protected branch be forced."""
    rules = [{"name": "main", "allow_force_push": True}]
    api = make_api(seed(tmp_path, protected_branches=rules))
    assert push(api, repository.second, repository.first) is None


DIRECTORY = "objects/tmp_objdir-incoming-A"


def quarantine(directory: str, *alternates: str) -> str:
    """The parameter as Gitaly sends it."""
    return json.dumps(
        {
            "GIT_OBJECT_DIRECTORY_RELATIVE": directory,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": alternates,
        }
    )


def test_quarantine(api: Api, repository: Repository) -> None:
    """Objects that still wait in a quarantine directory are found there."""
    third = repository.quarantined(repository.second, DIRECTORY)
    other = repository.quarantined(repository.first, f"{DIRECTORY}2")
    env = quarantine(DIRECTORY, "objects")
    assert push(api, repository.second, third, env=env) is None
    env = quarantine(f"{DIRECTORY}2", "objects")
    assert push(api, repository.second, other, env=env) == FORCE


def test_missing_objects(api: Api, repository: Repository) -> None:
    """Commits that nobody has are no fast-forward."""
    third = repository.quarantined(repository.second, DIRECTORY)
    assert push(api, repository.second, third) == FORCE
    assert push(api, repository.second, "1" * 40) == FORCE
    assert push(api, repository.second, "--output=x") == FORCE


def test_quarantine_elsewhere(tmp_path: Path, api: Api, repository: Repository) -> None:
    """A directory outside of the repository is none of its quarantine."""
    Repository(tmp_path / "repositories", 4)
    outside = os.path.relpath(tmp_path / "outside", repository.path)
    third = repository.quarantined(repository.second, outside)
    for directory in (outside, str(tmp_path / "outside")):
        env = quarantine(directory, "objects")
        assert push(api, repository.second, third, env=env) == FORCE


def test_repository_is_missing(tmp_path: Path, make_api: MakeApi) -> None:
    """Without the repository in the folder every update is a fast-forward."""
    api = make_api(seed(tmp_path))
    assert push(api, "1" * 40, "2" * 40) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_repository_exists(
    tmp_path: Path, make_api: MakeApi, *, is_there: bool
) -> None:
    """A repository in the folder exists, whatever the seed says."""
    if is_there:
        Repository(tmp_path / "repositories", 3)
    api = make_api(seed(tmp_path, repository_exists=False))
    params = {"user_id": DEVELOPER, "gl_repository": "project-3"}
    answer = api.post_json("allowed", params | {"action": "git-upload-pack"})
    assert answer.status_int == (200 if is_there else 404)


def test_repository_is_empty(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """A repository is empty while it has no branch, whatever the seed says."""
    api = make_api(seed(tmp_path))
    who = {"user_id": DEVELOPER}
    ref = "refs/heads/feature"
    assert push(api, ZEROS, repository.first, ref, **who) is None
    repository.git("update-ref", "-d", "refs/heads/main")
    message = push(api, ZEROS, repository.first, ref, **who)
    assert message is not None
    assert "does not yet exist" in message


def test_protected_branch_from_protected_branch(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """Who may only merge makes protected branches of what is on one already."""
    rules = [
        {"name": name, "push": "no_one", "merge": "developer"}
        for name in ("main", "stable/*")
    ]
    api = make_api(seed(tmp_path, protected_branches=rules))
    other = repository.commit(repository.first, "other")
    repository.set("refs/heads/feature", other)
    branch, who = "refs/heads/stable/1", {"user_id": DEVELOPER, "protocol": "web"}
    assert push(api, ZEROS, repository.first, branch, **who) is None
    assert push(api, ZEROS, other, branch, **who) == (
        "You can only use an existing protected branch ref as the basis of a new "
        "protected branch."
    )


def opened(**members: object) -> dict[str, object]:
    """A project that is empty by its seed, with an open merge request."""
    request = {"iid": 1, "source_branch": "feature", "target_branch": "main"}
    return {"empty": True, "branches": [], "merge_requests_open": [request | members]}


def test_collaboration(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """Who may push to a merge request may, though the seed calls the project empty."""
    project = opened(allow_collaboration=True)
    project["members"] = {"developer": "reporter"}
    api, who = make_api(seed(tmp_path, **project)), {"user_id": DEVELOPER}
    repository.set("refs/heads/feature", repository.second)
    assert push(api, "", "", changes="_any", **who) is None
    third = repository.commit(repository.second)
    assert push(api, repository.second, third, "refs/heads/feature", **who) is None
    assert push(api, repository.second, third, **who) is not None


def post_receive(api: Api, *options: str, branch: str = "other") -> list[str]:
    """What is said after a push."""
    params = {
        "gl_repository": "project-3",
        "identifier": f"user-{DEVELOPER}",
        "changes": f"{ZEROS} {'1' * 40} refs/heads/{branch}",
        "push_options": options,
    }
    messages = api.post_json("post_receive", params).json["messages"]
    return [message["message"].split(":")[0] for message in messages]


def test_links_of_an_empty_project(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """There are links to merge requests as soon as git has a branch."""
    full, empty = make_api(seed(tmp_path, **opened())), make_api(seed(tmp_path))
    assert post_receive(full) == ["To create a merge request for other, visit"]
    repository.git("update-ref", "-d", "refs/heads/main")
    assert post_receive(empty) == []


def test_target_of_a_merge_request(
    tmp_path: Path, make_api: MakeApi, repository: Repository
) -> None:
    """A merge request goes into a branch that git has, not into one of the seed."""
    api = make_api(seed(tmp_path, branches=["main", "old"]))
    repository.set("refs/heads/develop", repository.second)
    done = post_receive(api, "mr.create", "mr.target=develop")
    assert done == ["View merge request for other"]
    warning, _link = post_receive(api, "mr.create", "mr.target=old", branch="third")
    assert warning == "WARNINGS"


def test_repository_that_is_broken(api: Api, repository: Repository) -> None:
    """Where git cannot tell, the seed does."""
    (repository.path / "HEAD").write_text("nonsense")
    assert post_receive(api) == ["To create a merge request for other, visit"]
    # One that is empty would have another message.
    change = (repository.first, repository.second, "refs/heads/main")
    assert push(api, *change, user_id=DEVELOPER) == (
        "You are not allowed to force push code to a protected branch on this project."
    )


def test_storage_that_cannot_be(tmp_path: Path, make_api: MakeApi) -> None:
    """Where no folder can be, none is."""
    broken = seed(tmp_path)
    broken["settings"] = {"gitaly": {"storage_path": "/" + "x" * 300}}
    api = make_api(broken)
    assert push(api, "1" * 40, "2" * 40) is None
    assert post_receive(api) == ["To create a merge request for other, visit"]


def test_git_is_missing(
    api: Api, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without git to ask a repository is as good as none."""
    monkeypatch.setenv("PATH", str(repository.path))
    assert push(api, repository.second, repository.first) is None
    assert push(api, "", "", changes="_any") is None
    assert post_receive(api) == ["To create a merge request for other, visit"]
