"""A gunicorn worker that serves every connection in a greenlet.

gunicorn's own one for greenlets is that of gevent, which patches the standard library,
waits in the end for connections that sit, and takes 10 MiB.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import ssl
import sys
import time
from typing import Any

from greenlet import GreenletExit
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

from internal_api.greenlets import Connection, Crew, Hand, broken, current, cut_off

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
NOTIFY_INTERVAL_S = 1.0
# Who has not asked anything for so long makes room where there is none.
LONG_SILENCE_S = 1.0
# When clients are accepted again after there were too many.
REST_S = 0.1
# So many are served before the loop looks who else has something to say.
MOST_AT_ONCE = 4


class Worker(AsyncWorker):
    """Serves until SIGTERM, then finishes the running requests.

    Attributes:
        app: A `Server`, which knows whether there is a master.
    """

    app: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._tls: ssl.SSLContext | None = None
        self._crew = Crew(self._serve)
        self._patience = Patience(self.cfg.keepalive)
        # Those that serve a client, and since when which of them has not been asked
        # anything, the longest first.
        self._serving: set[Hand] = set()
        self._idle: dict[Hand, float] = {}

    def init_process(self) -> None:
        """Serve, after the fork."""
        self.take_over()
        super().init_process()

    def take_over(self) -> None:
        """Let an event loop have what the worker waits for."""
        self.loop = asyncio.SelectorEventLoop()
        self.sockets = [
            socket.socket(fileno=listener.detach()) for listener in self.sockets
        ]

    def init_signals(self) -> None:
        """Let the event loop deliver the signals that end the worker."""
        super().init_signals()
        self.loop.add_signal_handler(signal.SIGTERM, self.stop)
        for number in (signal.SIGINT, signal.SIGQUIT):
            self.loop.add_signal_handler(number, self.handle_quit, number, None)

    def end_signals(self) -> None:
        """Take no more: the worker ends, and the loop could not deliver them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        signal.set_wakeup_fd(-1)

    def timeout_ctx(self) -> Patience:  # type: ignore[override]
        """How long a connection may sit before its next request."""
        return self._patience

    def run(self) -> None:
        """Serve until told to stop."""
        if self.cfg.is_ssl:
            self._tls = ssl_context(self.cfg)
        for listener in self.sockets:
            listener.setblocking(False)  # noqa: FBT003 - Python's
            self._listen(listener)
        if self.app.life:
            self._live_no_longer_than_the_master(*self.app.life)
        self._beat()
        try:
            self.loop.run_forever()
        finally:
            self._crew.end()
            self.end_signals()
            self.loop.close()

    def stop(self) -> None:
        """Let the running requests finish; nobody else is waited for."""
        if not self.alive:
            return
        self.alive = False
        for listener in self.sockets:
            self.loop.remove_reader(listener)
            listener.close()
        for hand in tuple(self._idle):
            cut_off(hand)
        self._end_if_done()
        self.loop.call_later(self.cfg.graceful_timeout, self._give_up)

    def handle_request(
        self, listener_name: Any, req: Any, sock: Any, addr: Any
    ) -> bool:
        """Serve one request; the last ones end their connections.

        Raises:
            StopIteration: The connection ends.
            OSError: It is cut off, or the client has left.
        """
        hand = current()
        self._idle.pop(hand, None)
        try:
            super().handle_request(listener_name, req, sock, addr)
            sock.flush()
        except GreenletExit:
            # It took too long: the worker ends.
            sock.abandon()
            raise broken() from None
        if not self.alive:
            raise StopIteration
        self._idle[hand] = self.loop.time()
        return True

    def _live_no_longer_than_the_master(self, read: int, write: int) -> None:
        """End when it is killed, and at once: who starts anew wants its addresses."""
        os.close(write)
        self.loop.add_reader(read, sys.exit)

    def _beat(self) -> None:
        self.notify()
        self.loop.call_later(NOTIFY_INTERVAL_S, self._beat)

    def _listen(self, listener: socket.socket) -> None:
        if self.alive:
            self.loop.add_reader(listener, self._accept, listener)

    def _make_room(self, listener: socket.socket) -> None:
        """Hang up on who says nothing; else leave clients where they wait a moment."""
        hand, since = next(iter(self._idle.items()), (None, 0.0))
        if hand and self.loop.time() - since > LONG_SILENCE_S:
            cut_off(hand)
        else:
            self._rest(listener)

    def _rest(self, listener: socket.socket) -> None:
        """Leave clients where they wait, for a moment."""
        self.loop.remove_reader(listener)
        self.loop.call_later(REST_S, self._listen, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Begin to serve the clients who wait, unless another worker was faster."""
        for number in range(MOST_AT_ONCE):
            if len(self._serving) >= self.worker_connections:
                # Only of the first is it known that somebody waits.
                if number == 0:
                    self._make_room(listener)
                return
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno == errno.EMFILE:
                    self._make_room(listener)
                else:
                    self._rest(listener)
                return
            self._crew.begin(listener, client, address)

    def _serve(self, listener: Any, client: socket.socket, address: Any) -> None:
        """Serve one connection."""
        hand = current()
        connection: Any = Connection(client)
        self._serving.add(hand)
        self._idle[hand] = self.loop.time()
        try:
            if self._tls:
                with self._patience:
                    connection.shake_hands(self._tls)
            self.handle(listener, connection, address)
        except OSError:
            connection.close()
        finally:
            self._idle.pop(hand, None)
            self._serving.discard(hand)
            self._end_if_done()

    def _end_if_done(self) -> None:
        if not (self.alive or self._serving):
            self.loop.stop()

    def _give_up(self) -> None:
        """End the requests that take too long."""
        for hand in tuple(self._serving):
            hand.throw()
        self.loop.stop()


class Patience:
    """A context in which a greenlet waits for its client, but not for ever.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        """Begin to wait."""
        current().deadline = time.monotonic() + self._seconds

    def __exit__(self, *_: object) -> None:
        """From now on, wait as long as it takes."""
        current().deadline = None
