"""What is delivered: a wheel that serves from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

import pytest
from processes import CHECK, Serve, header

PROJECT = Path(__file__).parents[2]
NOT_SOURCES = (".*", "__pycache__", "build", "dist", "*.egg-info")
DATA = {"inspector.html", "py.typed", "schema.sql", "seeds/demo.yml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    ignore = shutil.ignore_patterns(*NOT_SOURCES)
    shutil.copytree(PROJECT, sources, symlinks=True, ignore=ignore)
    _python("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, sources)
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    """Schema, demo seed and types are inside, whole; tests and bench are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        schema = archive.read("internal_api/schema.sql")
    assert {f"internal_api/{name}" for name in DATA} <= names
    assert schema == (PROJECT / "schema.sql").read_bytes()
    folders = {name.partition("/")[0] for name in names}
    assert {folder for folder in folders if ".dist-info" not in folder} == {
        "internal_api"
    }


def test_wheel_brings_command_and_plugin(wheel: Path) -> None:
    """Where the package is installed there are the command and the pytest plugin."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        text = archive.read(name).decode()
    entry_points = ConfigParser()
    entry_points.read_string(text)
    assert dict(entry_points["console_scripts"]) == {
        "internal-api": "internal_api.__main__:main"
    }
    assert dict(entry_points["pytest11"]) == {
        "internal_api": "internal_api.pytest_plugin"
    }


def test_wheel_serves_from_another_folder(
    wheel: Path, tmp_path: Path, serve: Serve
) -> None:
    """Installed elsewhere, the command serves the demo seed."""
    target = tmp_path / "installed"
    _python("-m", "pip", "install", "--no-deps", "--target", target, wheel)
    env = {"PYTHONPATH": str(target)}
    where = _python("-c", "import internal_api; print(internal_api.__file__)", env=env)
    assert Path(where.strip()).is_relative_to(target)
    server = serve("--seed", "demo", env=env)
    assert server.get(CHECK, header(server.data))["gitlab_version"] == "12.3.0-pre"


def _python(*arguments: object, env: Mapping[str, str] | None = None) -> str:
    """Run Python in a folder of its own; its standard output."""
    return subprocess.run(
        (sys.executable, *map(str, arguments)),
        capture_output=True,
        check=True,
        cwd="/",
        env={**os.environ, **(env or {})},
        text=True,
        timeout=300,
    ).stdout
