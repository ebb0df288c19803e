"""Greenlets on the event loop: who waits lets the others go on."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from greenlet import GreenletExit, getcurrent

from internal_api.greenlets import (
    MOST_IDLE,
    MOST_PENDING_BYTES,
    Connection,
    Crew,
    Hand,
    current,
    cut_off,
    run,
    sleep,
)

TIMEOUT_S = 30
LARGE = bytes(range(256)) * (1 << 13)


class Stage:
    """A loop, some greenlets on it, and what they have noted in turn."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.notes: list[Any] = []
        self.hands: list[Hand] = []
        self._running = 0
        self.crew = Crew(self._act)

    def play(self, *acts: Callable[[], object]) -> list[Any]:
        """Let every act begin, in turn, and end; the notes."""
        self._running += len(acts)
        for act in acts:
            self.loop.call_soon(self.crew.begin, act)
        self.loop.call_later(TIMEOUT_S, self.loop.stop)
        self.loop.run_forever()
        assert not self._running
        return self.notes

    def _act(self, act: Callable[[], object]) -> None:
        self.hands.append(current())
        try:
            self.notes.append(act())
        except (OSError, GreenletExit) as error:
            self.notes.append(error)
        self._running -= 1
        if not self._running:
            self.loop.stop()


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A loop for greenlets."""
    stage = Stage()
    yield stage
    assert not stage.loop._selector.get_map().keys() - {stage.loop._ssock.fileno()}  # type: ignore[attr-defined]
    stage.loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the socket of its client."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(TIMEOUT_S)
    with ours, theirs:
        yield Connection(ours), theirs


Pair = tuple[Connection, socket.socket]


def test_who_receives_lets_others_go_on(stage: Stage, pair: Pair) -> None:
    """What another greenlet sends later is received; then the end."""
    connection, client = pair

    def speak() -> str:
        client.send(b"hello")
        client.shutdown(socket.SHUT_WR)
        return "spoken"

    def listen() -> bytes:
        first = connection.recv(100)
        assert connection.recv(100) == b""
        return first

    assert stage.play(listen, speak) == ["spoken", b"hello"]


def test_answer_is_one_piece(stage: Stage, pair: Pair) -> None:
    """What is sent goes out when it is flushed, or at once by `send`."""
    connection, client = pair
    client.settimeout(0)

    def answer() -> None:
        connection.sendall(b"head")
        with pytest.raises(BlockingIOError):
            client.recv(100)
        connection.sendall(b"body")
        connection.flush()
        assert client.recv(100) == b"headbody"
        connection.send(b"more")
        assert client.recv(100) == b"more"
        connection.sendall(bytes(MOST_PENDING_BYTES + 1))
        assert client.recv(100)

    assert stage.play(answer) == [None]


def test_slow_reader_stalls_nobody(stage: Stage, pair: Pair) -> None:
    """More than a socket holds is sent whole while others go on."""
    connection, client = pair[0], Connection(pair[1])
    received = bytearray()

    def write() -> str:
        connection.sendall(LARGE)
        connection.close()
        return "written"

    def read() -> str:
        while piece := client.recv(100_000):
            received.extend(piece)
            sleep(0)
        return "read"

    assert stage.play(write, read) == ["written", "read"]
    assert received == LARGE


def test_deadline(stage: Stage, pair: Pair) -> None:
    """Who waits for a client beyond the deadline finds the connection broken."""
    connection, client = pair

    def listen() -> bytes:
        current().deadline = time.monotonic() + 0.01
        return connection.recv(100)

    def listen_in_time() -> bytes:
        current().deadline = time.monotonic() + TIMEOUT_S
        client.send(b"early")
        return connection.recv(100)

    assert isinstance(stage.play(listen)[0], ConnectionResetError)
    assert stage.play(listen_in_time)[1] == b"early"


def test_cut_off(stage: Stage, pair: Pair) -> None:
    """A connection that is cut off is broken for whoever waits for it."""
    connection, _client = pair

    def listen() -> bytes:
        stage.loop.call_soon(cut_off, current())
        return connection.recv(1)

    assert isinstance(stage.play(listen)[0], ConnectionResetError)


def test_closing_sends_what_is_left(stage: Stage, pair: Pair) -> None:
    """Nothing that was sent is lost when the connection is closed."""
    connection, client = pair

    def answer() -> None:
        connection.sendall(b"last words")
        connection.close()

    assert stage.play(answer) == [None]
    assert client.recv(100) == b"last words"
    assert client.recv(100) == b""


def test_closing_a_broken_connection(stage: Stage, pair: Pair) -> None:
    """A client that left is told of by an exception, and the socket is closed."""
    connection, client = pair
    client.close()

    def answer() -> None:
        connection.sendall(b"anybody there?")
        connection.close()

    assert isinstance(stage.play(answer)[0], BrokenPipeError)
    assert connection._client.fileno() == -1


@pytest.mark.parametrize("wait", ["recv", "sleep", "run"])
def test_killed_while_it_waits(stage: Stage, pair: Pair, wait: str) -> None:
    """A greenlet that is killed where it waits is not woken any more."""
    connection, client = pair
    program = (sys.executable, "-c", "")
    waits = {
        "recv": lambda: connection.recv(1),
        "sleep": lambda: sleep(0.01),
        "run": lambda: run(program, check=True),
    }

    def begin() -> object:
        stage.loop.call_soon(current().throw)
        return waits[wait]()

    def go_on() -> str:
        sleep(0.01)
        client.send(b"x")
        sleep(0.05)
        return "gone on"

    ended, gone_on = stage.play(begin, go_on)
    assert isinstance(ended, GreenletExit)
    assert gone_on == "gone on"


def test_sleepers_wake_in_the_order_of_their_times(stage: Stage) -> None:
    """Who sleeps lets the others go on."""

    def sleeper(seconds: float) -> Callable[[], float]:
        def nap() -> float:
            sleep(seconds)
            return seconds

        return nap

    naps = [sleeper(seconds) for seconds in (0.05, 0.0, 0.02)]
    assert stage.play(*naps) == [0.0, 0.02, 0.05]


def test_programs_run_beside_greenlets(stage: Stage) -> None:
    """While a program runs others go on; what it fails with is raised."""

    def ask(code: str) -> Callable[[], object]:
        def answer() -> object:
            try:
                program = (sys.executable, "-c", code)
                done = run(program, check=True, text=True, capture_output=True)
            except subprocess.CalledProcessError as error:
                return error.returncode
            return done.stdout

        return answer

    printing, failing = "print('done')", "raise SystemExit(3)"
    notes = stage.play(ask(printing), ask(failing), lambda: "meanwhile")
    assert notes[0] == "meanwhile"
    assert sorted(map(str, notes[1:])) == ["3", "done\n"]


def test_outside_of_greenlets() -> None:
    """Elsewhere sleeping and running programs just blocks."""
    assert not isinstance(getcurrent(), Hand)
    start = time.monotonic()
    sleep(0.01)
    assert time.monotonic() - start >= 0.01
    assert run((sys.executable, "-c", ""), check=True).returncode == 0


def test_nobody_is_kept_for_ever(stage: Stage) -> None:
    """Greenlets that have nothing to do end with the loop."""
    stage.play(*[lambda: sleep(0.001)] * 3)
    assert not any(hand.dead for hand in stage.hands)
    stage.crew.end()
    assert all(hand.dead for hand in stage.hands)
    assert not stage.crew._idle


def test_programs_are_waited_for_by_nobody_else(stage: Stage) -> None:
    """Neither the end of a greenlet nor that of Python waits for its program."""
    program = (sys.executable, "-c", "import time; time.sleep(0.05)")
    before = set(threading.enumerate())

    def begin() -> object:
        stage.loop.call_later(0.01, current().throw)
        return run(program, check=True)

    def go_on() -> bool:
        mine = set(threading.enumerate()) - before
        sleep(0.3)
        return len(mine) == 1 and all(thread.daemon for thread in mine)

    ended, is_daemon = stage.play(begin, go_on)
    assert isinstance(ended, GreenletExit)
    assert is_daemon


def test_abandoned_connection(stage: Stage, pair: Pair) -> None:
    """What was to be sent is kept back from a client that is given up."""
    connection, client = pair

    def answer() -> None:
        connection.sendall(b"too late")
        connection.abandon()
        connection.close()

    assert stage.play(answer) == [None]
    assert client.recv(100) == b""


def test_greenlets_are_kept(stage: Stage) -> None:
    """A greenlet that is done does the next job; only so many are kept."""
    stage.play(*[lambda: sleep(0.001)] * (MOST_IDLE + 10))
    assert len(set(map(id, stage.hands))) == MOST_IDLE + 10
    assert len(stage.crew._idle) == MOST_IDLE
    first = {id(hand) for hand in stage.hands}
    stage.hands.clear()
    stage.play(*[lambda: None] * 5)
    assert {id(hand) for hand in stage.hands} <= first
    assert len(stage.crew._idle) == MOST_IDLE
