"""A Git repository at hand: git itself is asked.

Source: `lib/gitlab/checks/force_push.rb`, `lib/gitlab/git/hook_env.rb` and
`app/services/.../branch_names_contains_sha` behind `lib/gitlab/checks/branch_check.rb`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from internal_api.access.values import Change

TIMEOUT_S = 50

Run = Callable[..., "subprocess.CompletedProcess[str]"]
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Quarantine(NamedTuple):
    """Where the objects of a push wait, relative to the repository."""

    object_directory: str
    alternates: tuple[str, ...]

    @classmethod
    def from_env(cls, env: object) -> Quarantine:
        """Read the parameter `env`, JSON in a text; what is none names nothing.

        Source: `lib/api/internal/base.rb` (`Gitlab::Git::HookEnv.set`).
        """
        if not isinstance(env, str) or not env:
            return NO_QUARANTINE
        try:
            values = msgspec.json.decode(env)
        except (ValueError, RecursionError):
            return NO_QUARANTINE
        if not isinstance(values, dict):
            return NO_QUARANTINE
        directory = values.get("GIT_OBJECT_DIRECTORY_RELATIVE")
        others = values.get("GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE")
        return cls(
            directory if isinstance(directory, str) else "",
            tuple(other for other in others if isinstance(other, str))
            if isinstance(others, list)
            else (),
        )


NO_QUARANTINE = Quarantine("", ())


class GitTimeoutError(Exception):
    """Git took longer than GitLab lets a check take."""


class GitRepository:
    """A bare repository in the storage folder, for as long as a push may be checked.

    Args:
        path: Its folder.
        quarantine: Where the objects of the push are.
        run: Runs a program, as `subprocess.run` does.
    """

    def __init__(self, path: Path, quarantine: Quarantine, run: Run) -> None:
        self._run = run
        self._deadline = time.monotonic() + TIMEOUT_S
        self._env = {"GIT_DIR": str(path), "PATH": os.environ.get("PATH", os.defpath)}
        own = self._inside(path, quarantine.object_directory)
        if own is not None:
            others = ("objects", *quarantine.alternates)
            folders = dict.fromkeys(self._inside(path, other) for other in others)
            self._env["GIT_OBJECT_DIRECTORY"] = own
            self._env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(
                filter(None, folders)
            )

    def refs(self) -> frozenset[str] | None:
        """The full names of all branches and tags; None when git cannot tell.

        Raises:
            GitTimeoutError: Git took too long.
        """
        arguments = ("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")
        result = self._git(*arguments)
        return frozenset(_lines(result)) if result.returncode == 0 else None

    def is_forced(self, change: Change) -> bool:
        """Whether the old commit is no ancestor of the new one, or git cannot tell.

        Raises:
            GitTimeoutError: Git took too long.
        """
        ids = change.oldrev, change.newrev
        if not all(_OBJECT_ID.fullmatch(commit) for commit in ids):
            return True
        return self._git("merge-base", "--is-ancestor", *ids).returncode != 0

    def branches_with(self, commit: str) -> tuple[str, ...]:
        """The names of the branches that a commit is on.

        Raises:
            GitTimeoutError: Git took too long.
        """
        if not _OBJECT_ID.fullmatch(commit):
            return ()
        arguments = ("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        return tuple(_lines(self._git(*arguments, f"--contains={commit}")))

    def _git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return self._run(
                ("git", *arguments),
                env=self._env,
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="replace",
                timeout=max(self._deadline - time.monotonic(), 0),
            )
        except subprocess.TimeoutExpired as error:
            raise GitTimeoutError from error

    @staticmethod
    def _inside(path: Path, relative: str) -> str | None:
        """A folder that is there within the repository; None for any other."""
        folder = os.path.normpath(path / relative)
        is_inside = path in Path(folder).parents
        # Git would see several. Unlike `Path.is_dir`, this never raises.
        is_one = os.pathsep not in relative and os.path.isdir(folder)  # noqa: PTH112
        return folder if is_inside and is_one else None


def _lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    # Not `splitlines`: a ref's name may have what Unicode calls a line separator.
    return result.stdout.split("\n")[:-1]


def find(
    storage_path: str | None,
    relative_path: str,
    quarantine: Quarantine,
    run: Run = subprocess.run,
) -> GitRepository | None:
    """The repository in the storage folder, if it is there, and git to ask.

    Source: Gitaly's `internal/gitaly/storage/repository.go` (`IsGitDirectory`).
    """
    if not storage_path:
        return None
    path = Path(os.path.normpath(Path(storage_path) / relative_path))
    # Unlike `Path.exists`, this never raises.
    is_repository = all(
        os.path.exists(path / name)  # noqa: PTH110
        for name in ("HEAD", "objects", "refs")
    )
    if not (is_repository and shutil.which("git")):
        return None
    return GitRepository(path, quarantine, run)
