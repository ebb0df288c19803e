"""The README, its fenced blocks, and the programs that they call."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from internal_api.config import ENVIRONMENT_PREFIX

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PROGRAMS = {
    "internal-api": "-m internal_api",
    "waitress-serve": "-m waitress",
    "python3": "",
}


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str

    @property
    def file(self) -> str:
        """The name that its first line gives it, or an empty text."""
        named = re.match(r"(?:#|//) ([\w.-]*\.\w+)\n", self.text)
        return named[1] if named else ""


BLOCKS = [
    Block(language, text)
    for language, text in re.findall(
        r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
]


def environment(folder: Path) -> dict[str, str]:
    """An environment in which the README's programs are those of this project.

    Args:
        folder: For the programs; made.
    """
    folder.mkdir()
    python = shlex.quote(sys.executable)
    for name, arguments in PROGRAMS.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {python} {arguments} "$@"\n')
        program.chmod(0o755)
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENVIRONMENT_PREFIX)
    }
    return own | {"PATH": f"{folder}:{os.environ['PATH']}", "NO_PROXY": "*"}
