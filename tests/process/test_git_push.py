"""Real pushes into a repository whose hooks ask a running server, as Gitaly does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from processes import Server

if TYPE_CHECKING:
    from processes import Serve

FORCE = "You are not allowed to force push code to a protected branch on this project."
KEYS = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICSL1Y3GcqAtbs0YGpcunHvvUayFfj4k0a6GHoM+wMoZ",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
)
# One script for both hooks: `/allowed` and `/pre_receive`, then `/post_receive`.
HOOK = """#!{python}
import base64, json, os, sys, urllib.error, urllib.request

secret = base64.b64encode(open({secret_file!r}, "rb").read()).decode()

def call(path, **params):
    request = urllib.request.Request({url!r} + "/api/v4/internal/" + path)
    request.add_header("Gitlab-Shared-Secret", secret)
    request.add_header("Content-Type", "application/json")
    request.data = json.dumps({{"gl_repository": "project-3"}} | params).encode()
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        sys.exit("GitLab: " + json.load(error)["message"])

def relative(path):
    return os.path.relpath(path, os.getcwd())

key_id, changes = os.environ["KEY_ID"], sys.stdin.read()
if sys.argv[0].endswith("pre-receive"):
    others = os.environ["GIT_ALTERNATE_OBJECT_DIRECTORIES"].split(":")
    env = {{
        "GIT_OBJECT_DIRECTORY_RELATIVE": relative(os.environ["GIT_OBJECT_DIRECTORY"]),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": [relative(it) for it in others],
    }}
    call("allowed", action="git-receive-pack", project=os.getcwd(), protocol="ssh",
         changes=changes, env=json.dumps(env), key_id=key_id)
    call("pre_receive")
else:
    answer = call("post_receive", identifier="key-" + key_id, changes=changes,
                  push_options=None)
    for message in answer["messages"]:
        print(message["message"])
"""


class Clone(NamedTuple):
    """A clone of the repository, and the repository."""

    path: Path
    origin: Path

    def git(
        self, *arguments: str, key_id: int = 40
    ) -> subprocess.CompletedProcess[str]:
        """Run git in the clone, as who has this key."""
        identity = {"NAME": "A", "EMAIL": "a@example.com"}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                "KEY_ID": str(key_id),
                **{f"GIT_AUTHOR_{name}": value for name, value in identity.items()},
                **{f"GIT_COMMITTER_{name}": value for name, value in identity.items()},
            },
            check=False,
            capture_output=True,
            encoding="utf-8",
        )

    def commit(self, message: str) -> None:
        """Make a commit without files."""
        done = self.git("commit", "--quiet", "--allow-empty", "--message", message)
        assert done.returncode == 0, done.stderr

    def pushed(self, branch: str) -> str:
        """What a branch is in the repository; empty when it is not there."""
        ref = f"refs/heads/{branch}"
        arguments = ("rev-parse", "--verify", "--quiet", ref)
        return self.git("--git-dir", str(self.origin), *arguments).stdout.strip()

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").stdout.strip()


def add_hooks(repository: Path, server: Server) -> None:
    """Let the repository ask the server."""
    for name in ("pre-receive", "post-receive"):
        hook = repository / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(
            HOOK.format(
                python=sys.executable,
                url=server.ready["url"],
                secret_file=server.ready["shell_secret_file"],
            )
        )
        hook.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path, serve: Serve) -> Clone:
    """A clone of project 3, whose repository lies in the storage of a server."""
    digest = hashlib.sha256(b"3").hexdigest()
    storage = tmp_path / "repositories"
    origin = storage / "@hashed" / digest[:2] / digest[2:4] / f"{digest}.git"
    users = [{"id": 40, "username": "maintainer"}, {"id": 30, "username": "developer"}]
    keys = [
        {"id": user["id"], "user": user["username"], "key": key}
        for user, key in zip(users, KEYS, strict=True)
    ]
    members = {user["username"]: user["username"] for user in users}
    project = {"id": 3, "full_path": "group/project", "members": members}
    seed = {
        "settings": {"gitaly": {"storage_path": str(storage)}},
        "users": users,
        "keys": keys,
        "projects": [project],
    }
    seed_file = tmp_path / "seed.json"
    seed_file.write_text(json.dumps(seed))
    clone = Clone(tmp_path / "clone", origin)
    clone.path.mkdir()
    for arguments in (
        ("init", "--quiet", "--bare", "--initial-branch=main", str(origin)),
        ("init", "--quiet", "--initial-branch=main"),
        ("remote", "add", "origin", str(origin)),
    ):
        assert clone.git(*arguments).returncode == 0
    add_hooks(origin, serve("--seed", seed_file))
    return clone


def test_push(clone: Clone) -> None:
    """Pushes land or are rejected, and git shows what GitLab says of them."""
    clone.commit("first")
    done = clone.git("push", "origin", "main", key_id=30)
    assert done.returncode != 0
    assert "remote: A default branch (e.g. main) does not yet exist" in done.stderr
    assert clone.pushed("main") == ""

    for message in ("second", "third"):
        clone.commit(message)
        done = clone.git("push", "origin", "main")
        assert done.returncode == 0, done.stderr
        assert clone.pushed("main") == clone.head()

    landed = clone.head()
    clone.git("reset", "--quiet", "--hard", "HEAD~2")
    clone.commit("instead")
    done = clone.git("push", "--force", "origin", "main")
    assert done.returncode != 0
    assert f"remote: GitLab: {FORCE}" in done.stderr
    assert "(pre-receive hook declined)" in done.stderr
    assert clone.pushed("main") == landed

    done = clone.git("push", "--force", "origin", "main:feature", key_id=30)
    assert done.returncode == 0, done.stderr
    assert "remote: To create a merge request for feature, visit:" in done.stderr
    assert clone.pushed("feature") == clone.head()
