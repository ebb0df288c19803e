"""A server in a thread of a process that is somebody else's, such as a test's."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

from internal_api.certificates import Tls
from internal_api.listeners import Listener
from internal_api.server import HTTP_SETTINGS, Server
from internal_api.server_log import Log
from internal_api.standin.mount import Wsgi
from internal_api.worker import Worker

# Nobody waits for the answers that are still to come.
GRACEFUL_TIMEOUT_S = 0
# gunicorn sets the mask of the process for a moment.
UMASK = 0o077


@contextlib.contextmanager
def serving(app: Wsgi, listener: Listener, tls: Tls | None = None) -> Iterator[None]:
    """Serve an application in a thread, with the worker of `serve`.

    Args:
        app: The application.
        listener: Where it listens; it is closed in the end.
        tls: How it speaks TLS, if it does.

    Raises:
        CertificateError: A file is not what it should be.
        OSError: A file cannot be read.
    """
    settings = HTTP_SETTINGS | {
        "graceful_timeout": GRACEFUL_TIMEOUT_S,
        "umask": UMASK,
        **(tls.settings() if tls else {}),
    }
    server = Server(settings, lambda: app)
    log = Log(logging.getLogger(__name__))
    sockets = [socket.socket(fileno=listener.hand_over())]
    timeout_s = server.cfg.timeout
    worker = ThreadWorker(1, 0, sockets, server, timeout_s, server.cfg, log)
    thread = threading.Thread(
        target=worker.init_process, name="internal-api", daemon=True
    )
    # Who connects before it accepts waits in the queue of the socket.
    thread.start()
    try:
        yield
    finally:
        worker.end()
        thread.join()


class ThreadWorker(Worker):
    """A worker without a master, which leaves the process as it is."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.take_over()

    def init_process(self) -> None:
        """Serve; signals, random numbers and the rest are not this worker's."""
        try:
            self.load_wsgi()
            self.run()
        finally:
            for listener in self.sockets:
                listener.close()
            self.tmp.close()

    def end_signals(self) -> None:
        """Leave them to the process."""

    def notify(self) -> None:
        """Tell nobody."""

    def end(self) -> None:
        """Let it end soon, if it has not; from another thread."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.stop)
