"""A gunicorn worker that serves every connection in a greenlet.

gunicorn's own gevent worker patches the whole standard library, and to stop it waits
for connections that sit. Here only the sockets are cooperative, and `run`, for git.
"""

from __future__ import annotations

import errno
import os
import signal
import ssl
import subprocess
import sys
import time
from functools import partial
from typing import Any

import gevent
import gevent.socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

NOTIFY_INTERVAL_S = 1.0


class Worker(AsyncWorker):
    """Serves until SIGTERM, then finishes the running requests."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._tls: ssl.SSLContext | None = None
        self._idle: set[Any] = set()

    def init_process(self) -> None:
        """Serve, after the fork."""
        gevent.reinit()
        self.take_over()
        super().init_process()

    def take_over(self) -> None:
        """Let the event loop of this thread have what the worker waits for."""
        _settle(self.cfg)
        self.stopping = Event()
        self.sockets = [
            gevent.socket.socket(fileno=listener.detach()) for listener in self.sockets
        ]

    def init_signals(self) -> None:
        """Let the event loop deliver the signals that end the worker."""
        super().init_signals()
        gevent.signal_handler(signal.SIGTERM, self.stopping.set)
        for number in (signal.SIGINT, signal.SIGQUIT):
            gevent.signal_handler(number, self.handle_quit, number, None)

    def notify(self) -> None:
        """Tell the master that this worker lives; do not outlive the master."""
        super().notify()
        if self.ppid != os.getppid():
            sys.exit(0)

    def timeout_ctx(self) -> gevent.Timeout:  # type: ignore[override]
        """How long a connection may sit before its next request."""
        return gevent.Timeout(self.cfg.keepalive, _hang_up())

    def run(self) -> None:
        """Serve until told to stop."""
        if self.cfg.is_ssl:
            self._tls = ssl_context(self.cfg)
        pool = Pool(self.worker_connections)
        servers = [
            StreamServer(listener, partial(self.handle, listener), spawn=pool)
            for listener in self.sockets
        ]
        for server in servers:
            if self.cfg.workers > 1:
                server.max_accept = 1
            server.start()
        while not self.stopping.wait(NOTIFY_INTERVAL_S):
            self.notify()
        self.alive = False
        self._drain(servers, pool)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection."""
        connection = gevent.getcurrent()
        self._idle.add(connection)
        try:
            client.settimeout(None)
            if self._tls:
                client = self._shake_hands(client, self._tls)
            super().handle(listener, client, addr)
        except OSError:
            client.close()
        finally:
            self._idle.discard(connection)

    def handle_request(
        self, listener_name: Any, req: Any, sock: Any, addr: Any
    ) -> bool:
        """Serve one request; the last ones end their connections.

        Raises:
            StopIteration: The connection ends.
            ConnectionResetError: It is cut off.
        """
        connection = gevent.getcurrent()
        self._idle.discard(connection)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except gevent.GreenletExit:
            # It took too long: the worker ends.
            raise _hang_up() from None
        if not self.alive:
            raise StopIteration
        self._idle.add(connection)
        return True

    def _shake_hands(self, client: Any, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Begin TLS.

        Raises:
            OSError: The client does not speak TLS, is refused, or sits.
        """
        tls = context.wrap_socket(
            client, server_side=True, do_handshake_on_connect=False
        )
        try:
            with self.timeout_ctx():
                tls.do_handshake()
        except OSError:
            tls.close()
            raise
        return tls

    def _drain(self, servers: list[StreamServer], pool: Pool) -> None:
        """Let the running requests finish; nobody else is waited for."""
        for server in servers:
            server.stop_accepting()
        # What was accepted last gets as far as its first read.
        gevent.sleep(0)
        for server in servers:
            server.close()
        for connection in tuple(self._idle):
            connection.kill(_hang_up(), block=False)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while not pool.join(NOTIFY_INTERVAL_S) and time.monotonic() < deadline:
            self.notify()
        pool.kill()


def _settle(config: Any) -> None:
    """Turn gunicorn's settings into plain attributes of its configuration.

    They no longer change, and looked up its way they are a sixth of a request.
    """
    for name, setting in config.settings.items():
        if not isinstance(getattr(type(config), name, None), property):
            vars(config)[name] = setting.get()


def _hang_up() -> ConnectionResetError:
    """What gunicorn takes for a client that left, of which it says nothing."""
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def run(*args: Any, **kwargs: Any) -> Any:
    """Run a program, as `subprocess.run` does, while the other greenlets go on."""
    return gevent.get_hub().threadpool.apply(subprocess.run, args, kwargs)
