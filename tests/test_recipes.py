"""The recipes of the README do what they say."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from readme import BLOCKS, PROJECT, environment

TIMEOUT_S = 60
# To compile what a test in Go needs takes a while, once.
GO_TIMEOUT_S = 300
PORT = "3001"
FILES = {block.file: block.text for block in BLOCKS if block.file}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with the command."""
    return environment(tmp_path / "programs")


@pytest.fixture
def session() -> Iterator[list[subprocess.Popen[str]]]:
    """Programs that are ended with all that they have started."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for program in started:
        # Also what has outlived the program itself.
        os.killpg(program.pid, signal.SIGKILL)


def test_pytest(pytester: pytest.Pytester) -> None:
    """Every test of the recipes for pytest passes."""
    names = [name for name in FILES if name.endswith(".py")]
    tests = [name for name in names if name.startswith("test_")]
    for name in ("conftest.py", *tests):
        (pytester.path / name).write_text(FILES[name])
    number = sum(FILES[name].count("\ndef test_") for name in tests)
    assert number >= len(tests) > 3
    # A process of their own: tests of these names are among ours, too.
    pytester.runpytest_subprocess().assert_outcomes(passed=number)


@pytest.mark.skipif(not shutil.which("go"), reason="there is no Go on this machine")
def test_go(tmp_path: Path, env: dict[str, str]) -> None:
    """The test in Go passes, and leaves no server."""
    (tmp_path / "internal_api_test.go").write_text(FILES["internal_api_test.go"])
    run = subprocess.run(
        # What has to be compiled for it is the least so.
        ("go", "test", "-v", "-vet=off", "internal_api_test.go"),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=env | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        text=True,
        timeout=GO_TIMEOUT_S,
    )
    assert "--- PASS: TestSecondAttempt" in run.stdout, run.stdout + run.stderr


def test_shell(tmp_path: Path, env: dict[str, str]) -> None:
    """The script succeeds, and removes what it has made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    run = subprocess.run(
        ("sh", "-c", FILES["discover.sh"]),
        capture_output=True,
        check=False,
        env=env | {"TMPDIR": str(folder)},
        text=True,
        timeout=TIMEOUT_S,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        '{"id":7,"username":"rubi","name":"Dede Eichmann"}',
        '{"count":1}',
    ]
    assert list(folder.iterdir()) == []


def test_shell_fails_where_nothing_serves(tmp_path: Path, env: dict[str, str]) -> None:
    """A script whose server cannot start fails at once."""
    script = FILES["discover.sh"].replace("--seed demo", "--seed missing.yml")
    run = subprocess.run(
        ("sh", "-c", script),
        capture_output=True,
        check=False,
        env=env | {"TMPDIR": str(tmp_path)},
        text=True,
        timeout=TIMEOUT_S,
    )
    assert run.returncode != 0
    assert "missing.yml: No such file" in run.stderr


def test_job_of_gitlab_ci(
    tmp_path: Path, env: dict[str, str], session: list[subprocess.Popen[str]]
) -> None:
    """The lines of the job, run as a runner does, succeed, and keep the journal."""
    # The package is there already; whether it would be found is seen here.
    pip = tmp_path / "programs" / "pip"
    pip.write_text('#!/bin/sh\ntest "$1" = install && test -f "$2/setup.cfg"\n')
    pip.chmod(0o755)
    (tmp_path / "gitlab-internal-api").symlink_to(PROJECT)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    job = yaml.safe_load(FILES[".gitlab-ci.yml"].replace(PORT, port))["integration"]
    lines = "\n".join([*job["before_script"], *job["script"]])
    with (tmp_path / "stderr").open("w+") as errors:
        runner = subprocess.Popen(
            ("bash", "-eo", "pipefail", "-c", lines),
            cwd=tmp_path,
            env=env | job["variables"],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
        session.append(runner)
        assert runner.wait(TIMEOUT_S) == 0, (tmp_path / "stderr").read_text()
    config = yaml.safe_load((tmp_path / "config.yml").read_text())
    assert config["gitlab_url"] == f"http://127.0.0.1:{port}"
    [kept] = job["artifacts"]["paths"]
    journal, deadline = tmp_path / kept, time.monotonic() + TIMEOUT_S
    while "200  GET /api/v4/internal/check" not in journal.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
