"""Greenlets on an event loop of asyncio: who waits lets the others go on.

gunicorn, Falcon and SQLite know nothing of it: what they call seems to block. In any
other greenlet or thread it does block.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, cast

from greenlet import getcurrent, greenlet

# So many wait for work at most; further ones are made when they are needed.
MOST_IDLE = 64
# An answer goes out in one piece, unless it is larger.
MOST_PENDING_BYTES = 1 << 16


class Hand(greenlet):
    """A greenlet that waits by letting its parent go on, which runs the loop.

    Attributes:
        deadline: When it stops waiting for a client, by the clock of the loop.
    """

    deadline: float | None = None

    def wait(self) -> Any:
        """Let the loop go on, until it comes back with something."""
        return cast("greenlet", self.parent).switch()


class Crew:
    """Greenlets that do a job again and again: a new one for each time costs more.

    Args:
        job: What they do.
    """

    def __init__(self, job: Callable[..., object]) -> None:
        self._job = job
        self._idle: list[Hand] = []

    def begin(self, *args: object) -> None:
        """Do the job, until it waits for the first time; to be called by the loop."""
        hand = self._idle.pop() if self._idle else Hand(self._work)
        hand.switch(args)

    def end(self) -> None:
        """Let those go who have nothing to do; to be called where the loop ran."""
        while self._idle:
            self._idle.pop().throw()

    def _work(self, args: tuple[object, ...]) -> None:
        hand = current()
        while True:
            self._job(*args)
            if len(self._idle) == MOST_IDLE:
                return
            self._idle.append(hand)
            args = hand.wait()


def current() -> Hand:
    """The greenlet that runs, which is one of a crew."""
    return cast("Hand", getcurrent())


def sleep(seconds: float) -> None:
    """Wait."""
    hand = getcurrent()
    if not isinstance(hand, Hand):
        time.sleep(seconds)
        return
    timer = asyncio.get_running_loop().call_later(seconds, hand.switch)
    try:
        hand.wait()
    finally:
        timer.cancel()


def run(*args: Any, **kwargs: Any) -> Any:
    """Run a program, as `subprocess.run` does."""
    hand, program = getcurrent(), partial(subprocess.run, *args, **kwargs)
    if not isinstance(hand, Hand):
        return program()
    loop, ended = asyncio.get_running_loop(), Future[Any]()
    is_waiting = True

    def work() -> None:
        try:
            ended.set_result(program())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            ended.set_exception(error)
        # The loop may have ended before.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(wake)

    def wake() -> None:
        if is_waiting:
            hand.switch()

    # Not one of a pool: nobody's end waits for it.
    threading.Thread(target=work, daemon=True).start()
    try:
        hand.wait()
    finally:
        is_waiting = False
    return ended.result()


class Connection:
    """The socket of a client, as gunicorn uses it.

    Args:
        client: The socket, of TLS or not; it will not block.
    """

    def __init__(self, client: socket.socket) -> None:
        client.setblocking(False)  # noqa: FBT003 - Python's
        self._client = client
        self._pending = bytearray()

    def recv(self, size: int) -> bytes:
        """Receive what there is, or what comes first; nothing after the end.

        Raises:
            OSError: The connection is broken, or the deadline has passed.
        """
        received: bytes = self._patiently(self._client.recv, size)
        return received

    def sendall(self, data: bytes) -> None:
        """Send, at the latest when it is flushed.

        Raises:
            OSError: The connection is broken.
        """
        self._pending += data
        if len(self._pending) > MOST_PENDING_BYTES:
            self.flush()

    def send(self, data: bytes) -> None:
        """Send at once.

        Raises:
            OSError: The connection is broken.
        """
        self.sendall(data)
        self.flush()

    def flush(self) -> None:
        """Send what was to be sent.

        Raises:
            OSError: The connection is broken.
        """
        pending, self._pending = memoryview(self._pending), bytearray()
        while pending:
            sent = self._patiently(self._client.send, pending, writes=True)
            pending = pending[sent:]

    def shake_hands(self, context: ssl.SSLContext) -> None:
        """Begin TLS.

        Raises:
            OSError: The client does not speak TLS, is refused, or sits.
        """
        self._client = client = context.wrap_socket(
            self._client, server_side=True, do_handshake_on_connect=False
        )
        self._patiently(client.do_handshake)

    def abandon(self) -> None:
        """Keep back what was to be sent: nobody waits any more until it is taken."""
        self._pending.clear()

    def shutdown(self, how: int) -> None:
        """End it, for the other side, too."""
        self.flush()
        self._client.shutdown(how)

    def close(self) -> None:
        """Hang up when everything was sent."""
        try:
            self.flush()
        finally:
            self._client.close()

    def gettimeout(self) -> float:
        """That of a socket that does not block."""
        return 0.0

    def _patiently(
        self, attempt: Callable[..., Any], *args: Any, writes: bool = False
    ) -> Any:
        """Attempt something until it can be done."""
        while True:
            try:
                return attempt(*args)
            except BlockingIOError:
                self._wait(writes=writes)
            except ssl.SSLWantReadError:
                self._wait(writes=False)
            except ssl.SSLWantWriteError:
                self._wait(writes=True)

    def _wait(self, *, writes: bool) -> None:
        hand, loop = current(), asyncio.get_running_loop()
        if writes:
            add, remove = loop.add_writer, loop.remove_writer
        else:
            add, remove = loop.add_reader, loop.remove_reader
        add(self._client, hand.switch)
        timer = None
        try:
            if hand.deadline:
                timer = loop.call_at(hand.deadline, cut_off, hand)
            hand.wait()
        finally:
            remove(self._client)
            if timer:
                timer.cancel()


def broken() -> ConnectionResetError:
    """What gunicorn takes for a client that left, of which it says nothing."""
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def cut_off(hand: greenlet) -> None:
    """Let the connection that a greenlet waits for break."""
    hand.throw(broken())
