"""Servers in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bench.load import BUFFER_BYTES, PATIENCE_S, SUCCESS

ROOT = Path(__file__).parent.parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RETRY_S = 0.001

Command = Sequence[object]


def service(data: Path, *options: object, module: str = "internal_api") -> Command:
    """The service over a data directory."""
    return "-m", module, "serve", "--data", data, *options


def same_server_empty(data: Path, *options: object) -> Command:
    """The same server over an empty Falcon route."""
    return service(data, *options, module="bench.serve_ceiling")


def gunicorn(worker_class: str, workers: int = 1) -> Command:
    """Plain gunicorn over an empty Falcon route."""
    settings = f"--no-control-socket -k {worker_class} -w {workers}".split()
    return "-m", "gunicorn", *settings, "bench.ceiling"


class Server:
    """A server, from its start to its end as a context.

    Args:
        command: For Python; the address to bind is added.
        request: What it is asked first.

    Attributes:
        address: Host and port.
        start_s: From its start to its first answer, in seconds.
    """

    def __init__(self, command: Command, request: bytes) -> None:
        self.address = _free_address()
        host, port = self.address
        words = [sys.executable, *map(str, command), "--bind", f"{host}:{port}"]
        names = (name for name in os.environ if not name.startswith("INTERNAL_API_"))
        start = time.perf_counter()
        self._process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={name: os.environ[name] for name in names},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait(request, start + PATIENCE_S)
        except BaseException:
            self._process.kill()
            raise
        self.start_s = time.perf_counter() - start

    def __enter__(self) -> Self:
        """Serve."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def pss_kib(self) -> int:
        """The memory of all its processes, shared pages in proportion, in KiB."""
        rollups = (_proc(pid, "smaps_rollup") for pid in self._pids())
        found = (re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE) for text in rollups)
        return sum(int(match[1]) for match in found if match)

    def cpu_s(self) -> float:
        """The processor time of all its processes so far, in seconds."""
        stats = (_proc(pid, "stat").rpartition(")")[2].split() for pid in self._pids())
        # utime and stime, which proc(5) numbers from before the name.
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS_PER_S

    def _pids(self) -> list[int]:
        master = self._process.pid
        workers = _proc(master, f"task/{master}/children").split()
        return [master, *map(int, workers)]

    def _wait(self, request: bytes, deadline: float) -> None:
        while self._process.poll() is None and time.perf_counter() < deadline:
            with contextlib.suppress(ConnectionError):
                with socket.create_connection(self.address, PATIENCE_S) as connection:
                    connection.sendall(request)
                    answer = connection.recv(BUFFER_BYTES)
                if answer.startswith(SUCCESS):
                    return
                raise RuntimeError(f"{self._process.args!r}: {answer!r}")
            time.sleep(RETRY_S)
        raise RuntimeError(f"{self._process.args!r}: no answer")


def _free_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address: tuple[str, int] = listener.getsockname()
    return address


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
