"""Real processes of the command, and clients for them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

COMMAND = (sys.executable, "-m", "internal_api")
CHECK = "/api/v4/internal/check"
CONTROL = "/_standin/v1/"
PRE_RECEIVE = "/api/v4/internal/pre_receive"
TIMEOUT_S = 60


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        (*options.pop("prefix", ()), *COMMAND, *map(str, arguments)),
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_S,
        **options,
    )


def header(data: Path, client: str = "shell") -> dict[str, str]:
    """The header that the command prints."""
    name, _, value = run("header", client, "--data", data).stdout.partition(": ")
    return {name: value.strip()}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("unix", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Dial the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


class Server:
    """A server that serves, with what its ready file says.

    Args:
        folder: Made for what it writes.
        options: Of `serve`.
        env: Further variables.
        wait: Until it serves.
        prefix: The words of a command that becomes the server.
    """

    def __init__(
        self,
        folder: Path,
        options: Iterable[object],
        env: Mapping[str, str] | None = None,
        *,
        wait: bool = True,
        prefix: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.data = folder.parent / "data"
        self._stderr = folder / "stderr"
        ready_file = folder / "ready.json"
        words = [str(option) for option in options]
        if wait:
            words += ["--ready-file", str(ready_file)]
        if "--bind" not in words:
            words += ["--bind", "127.0.0.1:0"]
        if "--data" not in words:
            words += ["--data", str(self.data)]
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                (*prefix, *COMMAND, "serve", *words),
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        self.ready: dict[str, Any] = {}
        if wait:
            self._wait_for(ready_file)

    def _wait_for(self, ready_file: Path) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(self.stderr)
            time.sleep(0.01)
        self.ready = json.loads(ready_file.read_text())

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return os.fsdecode(self._stderr.read_bytes())

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.ready["url"])
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def dial(self) -> socket.socket:
        """A connection that says nothing yet."""
        return socket.create_connection(self.address, TIMEOUT_S)

    def connect(
        self, context: ssl.SSLContext | None = None
    ) -> http.client.HTTPConnection:
        """A connection over TCP."""
        host, port = self.address
        if context:
            return http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_S, context=context
            )
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The answer to one request, which must be 200."""
        return self.ask(self.connect(), "GET", path, headers=headers or {})

    def post(self, path: str, body: object, headers: Mapping[str, str]) -> Any:
        """The answer to one request, which must be 200."""
        encoded, json_type = json.dumps(body), {"Content-Type": "application/json"}
        return self.ask(
            self.connect(), "POST", path, body=encoded, headers={**json_type, **headers}
        )

    def call(
        self, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> int:
        """The status of the answer to JSON, whatever it is."""
        json_type = {"Content-Type": "application/json"}
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, json.dumps(body), {**json_type, **headers})
            answer = connection.getresponse()
            answer.read()
        return answer.status

    @staticmethod
    def ask(connection: http.client.HTTPConnection, *args: Any, **kwargs: Any) -> Any:
        """The JSON of one answer."""
        with contextlib.closing(connection):
            connection.request(*args, **kwargs)
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status == http.client.OK, content
        return json.loads(content)

    def stop(self) -> int:
        """End it as an administrator does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)

    def kill(self) -> None:
        """End all of its processes at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_S)
        if self.process.stdout:
            self.process.stdout.close()


Serve = Callable[..., Server]


def control(server: Server, method: str, path: str, body: object = None) -> Any:
    """Status and JSON of a control route."""
    with contextlib.closing(server.connect()) as connection:
        connection.request(method, CONTROL + path, json.dumps(body) if body else None)
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, json.loads(content) if content else None


def check(server: Server) -> int:
    """The status of a request without a credential."""
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", CHECK)
        answer = connection.getresponse()
        answer.read()
    return answer.status


@dataclass(frozen=True)
class Certificates:
    """Who signs, and what a server and a client show."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
