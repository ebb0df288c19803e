"""What `serve` tells people and programs once it serves."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from internal_api.certificates import ForClients
from internal_api.config import Config
from internal_api.listeners import Listener
from internal_api.standin.mount import PREFIX

STANDARD_OUTPUT = "-"
STANDARD_OUTPUT_DESCRIPTOR = 1
STANDARD_ERROR_DESCRIPTOR = 2


class Announcement(NamedTuple):
    """The addresses and files of an instance.

    Attributes:
        config: Of the instance.
        listeners: Where it listens, in the order of the options.
        tls: What clients need when it speaks TLS.
        seeded: Which seeds were loaded, and what they held; empty for none.
        control_token: What callers of the control routes show, if there are any.
    """

    config: Config
    listeners: Sequence[Listener]
    tls: ForClients | None
    seeded: str
    control_token: str | None

    def for_programs(self) -> str:
        """One line of JSON: where to find the server and its secrets.

        What is not used is null.
        """
        config = self.config
        ready = {
            "url": next(iter(self._urls), None),
            "socket": next(iter(self._paths), None),
            "data": str(config.data.absolute()),
            "shell_secret_file": str(config.shell_secret_path.absolute()),
            "kas_secret_file": str(config.kas_secret_path.absolute()),
            "pid": os.getppid(),
        }
        return json.dumps(ready) + "\n"

    def for_people(self) -> str:
        """Where it listens, where the secrets are, what was seeded, what to try."""
        places = [*self._urls, *(f"unix:{path}" for path in self._paths)]
        config = self.config
        lines = [
            *(f"Listening on {place}" for place in places),
            f"Secrets in {config.shell_secret_path} and {config.kas_secret_path.name}",
            *self._certificates(),
            *([f"Seeded {self.seeded}"] if self.seeded else []),
            *self._control_routes(),
            "Try:",
            f"  {self._command()}",
        ]
        return "\n".join(lines) + "\n"

    def warnings(self) -> str:
        """Which addresses others can reach, and what that means."""
        encryption = "" if self.tls else ", and the connection is not encrypted"
        return "".join(
            f"Warning: other machines can reach {listener.address}: who knows a secret"
            f" of this instance can act as any of its clients{encryption}.\n"
            for listener in self.listeners
            if listener.is_exposed
        )

    @property
    def _urls(self) -> list[str]:
        root = self.config.relative_url_root
        urls = [listener.url(self._scheme, root) for listener in self.listeners]
        return [url for url in urls if url]

    @property
    def _scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def _paths(self) -> list[str]:
        return [str(listener.path) for listener in self.listeners if listener.path]

    def _certificates(self) -> list[str]:
        """What clients trust, and what they show."""
        if self.tls is None:
            return []
        lines = [f"Certificate to trust in {self.tls.ca_file}"]
        if self.tls.certificate and self.tls.key:
            shown = f"{self.tls.certificate} and {self.tls.key.name}"
            lines.append(f"Certificate to show in {shown}")
        return lines

    def _control_routes(self) -> list[str]:
        """What the control routes ask for where other machines reach them."""
        exposed = any(listener.is_exposed for listener in self.listeners)
        if self.control_token is None or not exposed:
            return []
        token = self.control_token
        pages = [f"{url}{PREFIX}/?{urlencode({'token': token})}" for url in self._urls]
        return [
            f"Token of the control routes: {token}",
            *(f"Inspector at {page}" for page in pages),
        ]

    def _command(self) -> str:
        """A request that the new instance answers."""
        command = "internal-api"
        if not shutil.which(command):
            command = f"{shlex.quote(sys.executable)} -m internal_api"
        data = shlex.quote(str(self.config.data))
        header = f'"$({command} header --data {data} shared-secret)"'
        words = ["curl", "--header", header]
        if self.tls:
            options = ("--cacert", "--cert", "--key")
            for option, path in zip(options, self.tls, strict=True):
                words += [option, shlex.quote(str(path))] if path else []
        if self._urls:
            url = self._urls[0]
        else:
            words += ["--unix-socket", shlex.quote(self._paths[0])]
            url = f"{self._scheme}://localhost{self.config.relative_url_root}"
        return " ".join([*words, f"{url}/api/v4/internal/check"])


def say(text: str) -> None:
    """Write to standard error, if anybody still listens there."""
    _write(STANDARD_ERROR_DESCRIPTOR, text)


def prepare_ready_file(target: str) -> None:
    """Remove what an earlier run left.

    Raises:
        OSError: The file cannot be removed, or its folder is not there.
    """
    if target != STANDARD_OUTPUT:
        path = Path(target)
        path.parent.resolve(strict=True)
        path.unlink(missing_ok=True)


def write_ready_file(target: str, line: str) -> None:
    """Write the file, whole at once, or the first line on standard output."""
    if target == STANDARD_OUTPUT:
        _write(STANDARD_OUTPUT_DESCRIPTOR, line)
        return
    path = Path(target)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(line, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        say(f"Cannot write {target}: {error.strerror}\n")


def _write(descriptor: int, text: str) -> None:
    # Not through `sys`: what a closed pipe leaves in a buffer fails again at exit.
    with contextlib.suppress(OSError):
        # Names of files need not be UTF-8.
        os.write(descriptor, os.fsencode(text))
