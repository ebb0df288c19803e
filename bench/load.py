"""Clients that cost next to nothing: one process, one connection per request."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

CLIENTS = 8
HOLD_S = 0.3
PATIENCE_S = 30.0
POLL_S = 0.02
BUFFER_BYTES = 1 << 16
# 200, or 204 where there is nothing to say.
SUCCESS = b"HTTP/1.1 20"
# The server has closed its side: then the whole answer is here.
ANSWERED = select.EPOLLRDHUP

# Host and port, or the path of a unix socket.
Address = tuple[str, int] | str


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        answers: How many requests were answered in time.
        failures: How many were not answered, or not by success.
        seconds: How long it took.
        longest_s: The longest that any request waited, in seconds.
    """

    answers: int
    failures: int
    seconds: float
    longest_s: float


class Load:
    """Clients that ask all the time, each again when it has its answer.

    Args:
        address: Of the server.
        requests: What to send, without an end.
        clients: How many ask.
        holders: How many do and then keep their socket for a while.
    """

    def __init__(
        self,
        address: Address,
        requests: Iterator[bytes],
        clients: int = CLIENTS,
        holders: int = 0,
    ) -> None:
        self._address = address
        is_path = isinstance(address, str)
        self._family = socket.AF_UNIX if is_path else socket.AF_INET
        self._requests = requests
        self._clients = clients
        self._holders = holders
        self._poll = select.epoll()
        # Sockets as they are in C: Python's own cost the client some microseconds.
        self._asked: dict[int, tuple[socket.SocketType, float, bool]] = {}
        self._held: deque[tuple[float, socket.SocketType]] = deque()
        self._failures = 0
        self._longest_s = 0.0

    def run(self, seconds: float) -> Outcome:
        """Ask for so long; those who still wait then get their answer."""
        start = time.perf_counter()
        for number in range(self._clients + self._holders):
            self._ask(holds=number >= self._clients)
        answers = 0
        while (now := time.perf_counter()) < start + seconds:
            answers += self._proceed(now)
        took = now - start
        while self._asked and now < start + seconds + PATIENCE_S:
            now = time.perf_counter()
            for number, _event in self._poll.poll(POLL_S):
                self._take(number, now).close()
        for number in tuple(self._asked):
            self._take(number, now).close()
        for _, holder in self._held:
            holder.close()
        self._poll.close()
        return Outcome(answers, self._failures, took, self._longest_s)

    def _ask(self, *, holds: bool) -> None:
        connection = socket.SocketType(self._family)
        # On this machine neither has to wait for the server.
        connection.connect(self._address)
        connection.send(next(self._requests))
        number = connection.fileno()
        self._poll.register(number, ANSWERED)
        self._asked[number] = connection, time.perf_counter(), holds

    def _proceed(self, now: float) -> int:
        """Take the answers that are there, and ask again; how many they were."""
        while self._held and self._held[0][0] <= now:
            self._held.popleft()[1].close()
            self._ask(holds=True)
        events = self._poll.poll(POLL_S)
        now = time.perf_counter()
        for number, _event in events:
            holds = self._asked[number][2]
            connection = self._take(number, now)
            if holds:
                self._poll.unregister(number)
                self._held.append((now + HOLD_S, connection))
            else:
                connection.close()
                self._ask(holds=False)
        return len(events)

    def _take(self, number: int, now: float) -> socket.SocketType:
        """The connection of an answer."""
        connection, asked, _holds = self._asked.pop(number)
        self._longest_s = max(self._longest_s, now - asked)
        try:
            answer = connection.recv(BUFFER_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            answer = b""
        self._failures += not answer.startswith(SUCCESS)
        return connection


def dial(address: tuple[str, int], number: int) -> list[socket.socket]:
    """Connections that say nothing."""
    return [socket.create_connection(address) for _ in range(number)]
