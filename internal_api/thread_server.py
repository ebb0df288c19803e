"""A server in a thread of a process that is somebody else's, such as a test's."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import gevent
from gevent.hub import Hub
from gevent.ssl import SSLContext

from internal_api.certificates import Tls
from internal_api.listeners import Listener
from internal_api.server import HTTP_SETTINGS, Server, tls_settings
from internal_api.standin.app import Wsgi
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
        **(tls_settings(tls, SSLContext) if tls else {}),
    }
    server = Server(settings, lambda: app)
    started: Future[tuple[Hub, ThreadWorker]] = Future()
    arguments = (server, socket.socket(fileno=listener.hand_over()), started)
    thread = threading.Thread(
        target=_serve, args=arguments, name="internal-api", daemon=True
    )
    thread.start()
    hub, worker = started.result()
    try:
        yield
    finally:
        hub.loop.run_callback_threadsafe(worker.stopping.set)
        thread.join()


class ThreadWorker(Worker):
    """A worker without a master, which leaves the process as it is."""

    def init_process(self) -> None:
        """Serve; signals, random numbers and the rest are not this worker's."""
        self.take_over()
        self.load_wsgi()
        self.run()

    def notify(self) -> None:
        """Tell nobody."""


class Log(logging.LoggerAdapter[logging.Logger]):
    """What gunicorn logs, left to the logging of the process."""

    def access(self, *_: Any) -> None:
        """Log no requests: there is the journal."""


def _serve(
    server: Server,
    listener: socket.socket,
    started: Future[tuple[Hub, ThreadWorker]],
) -> None:
    """Serve until the worker is told to stop, by the loop of this thread's hub."""
    hub = gevent.get_hub()
    log = logging.getLogger(__name__)
    # Warnings quote request lines, and these may hold a token.
    log.setLevel(logging.ERROR)
    try:
        sockets, timeout_s = [listener], server.cfg.timeout
        # Here, as it belongs to this hub.
        worker = ThreadWorker(1, 0, sockets, server, timeout_s, server.cfg, Log(log))
    except OSError as error:
        listener.close()
        started.set_exception(error)
        return
    started.set_result((hub, worker))
    try:
        worker.init_process()
    finally:
        worker.tmp.close()
        hub.destroy(destroy_loop=True)
