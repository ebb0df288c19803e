"""The server in a thread: it speaks as `serve` does, and leaves its process alone."""

from __future__ import annotations

import http.client
import json
import logging
import os
import random
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processes import CHECK, TIMEOUT_S, Certificates, UnixConnection

from internal_api.certificates import CertificateError, Tls
from internal_api.listeners import ListenError
from internal_api.seed_document import SeedError
from internal_api.testing import InternalApi, serving

PRE_RECEIVE = "/api/v4/internal/pre_receive"
ALL_SIGNALS = sorted(signal.valid_signals())
# A server that is stopped waits for nobody; a slow machine may take its time.
STOP_S = 10


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InternalApi]:
    """A server of the demo seed."""
    with serving(tmp_path_factory.mktemp("data"), "demo") as api:
        yield api


def dial(api: InternalApi) -> http.client.HTTPConnection:
    """A connection to a port."""
    return http.client.HTTPConnection(api.url.partition("//")[2], timeout=TIMEOUT_S)


def ask(
    connection: http.client.HTTPConnection, api: InternalApi, path: str = CHECK
) -> int:
    """The status of a request, whose connection stays open."""
    connection.request("GET", path, headers=api.headers())
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_port(api: InternalApi) -> None:
    """A client keeps its connection, for requests with and without a body."""
    with closing(dial(api)) as connection:
        assert ask(connection, api) == 200
        first = connection.sock
        body = json.dumps({"gl_repository": "project-3"}).encode()
        # An iterator is sent in chunks.
        for content in (body, iter([body[:5], body[5:]])):
            headers = api.headers() | {"Content-Type": "application/json"}
            connection.request("POST", PRE_RECEIVE, content, headers)
            assert json.load(connection.getresponse()) == {
                "reference_counter_increased": True
            }
        assert connection.sock is first


def test_many_clients(api: InternalApi) -> None:
    """Requests of several threads are answered, whoever comes first."""

    def asked(_: int) -> int:
        with closing(dial(api)) as connection:
            return ask(connection, api)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(asked, range(40))) == {200}


def test_socket(tmp_path: Path) -> None:
    """A server on a socket answers there, and removes it in the end."""
    path = tmp_path / "api.sock"
    with serving(tmp_path / "data", bind=f"unix:{path}") as api:
        with closing(UnixConnection(str(path))) as connection:
            assert ask(connection, api) == 200
        assert api.socket_path == path
        assert api.url == f"http+unix://{str(path).replace('/', '%2F')}"
    assert not path.exists()


@pytest.mark.parametrize("demands", [False, True])
def test_tls(tmp_path: Path, certificates: Certificates, demands: bool) -> None:  # noqa: FBT001
    """With a certificate it speaks TLS, and may demand one of its clients."""
    client_ca = certificates.ca if demands else None
    tls = Tls(certificates.server, certificates.server_key, client_ca)
    context = ssl.create_default_context(cafile=certificates.ca)
    with serving(tmp_path / "data", tls=tls) as api:
        assert api.url.startswith("https://127.0.0.1:")
        address = api.url.partition("//")[2]

        def asked() -> int:
            connection = http.client.HTTPSConnection(
                address, timeout=TIMEOUT_S, context=context
            )
            with closing(connection):
                return ask(connection, api)

        if demands:
            with pytest.raises(OSError):  # noqa: PT011 - whichever side ends it first
                asked()
            context.load_cert_chain(certificates.client, certificates.client_key)
        assert asked() == 200


def test_process_is_left_alone(tmp_path: Path) -> None:
    """Signals, random numbers, the mask of files, threads and descriptors stay."""
    with serving(tmp_path / "first"):
        pass

    def state() -> list[Any]:
        umask = os.umask(0)
        os.umask(umask)
        signals = [signal.getsignal(number) for number in ALL_SIGNALS]
        files = list(Path("/proc/self/fd").iterdir())
        return [signals, random.getstate(), umask, files]

    before, threads = state(), threading.active_count()
    with serving(tmp_path / "second") as api, closing(dial(api)) as connection:
        assert ask(connection, api) == 200
        assert state()[:3] == before[:3]
    assert threading.active_count() == threads
    assert len(state()[3]) == len(before[3])


def test_several_servers(tmp_path: Path) -> None:
    """Two servers of one process know nothing of each other."""
    with serving(tmp_path / "one") as one, serving(tmp_path / "two") as two:
        with closing(dial(one)) as connection:
            connection.request("GET", CHECK, headers=two.headers())
            assert connection.getresponse().status == 401
        assert (len(one.requests()), two.requests()) == (1, [])


def test_stop_waits_for_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients that keep their connection or wait for an answer are hung up on."""
    with serving(tmp_path / "data") as api:
        idle, waiting = dial(api), dial(api)
        assert ask(idle, api) == 200
        api.fail(path=CHECK, times=1, delay=600)
        waiting.request("GET", CHECK)
        deadline = time.monotonic() + TIMEOUT_S
        while not api._control.faults.described()[0]["acted"]:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        start = time.monotonic()
    assert time.monotonic() - start < STOP_S
    with closing(waiting), pytest.raises(ConnectionError):
        waiting.getresponse()
    with closing(idle), pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(idle, api)
    assert not caplog.get_records("call")


def test_what_clients_do_wrong_is_not_logged(
    api: InternalApi, caplog: pytest.LogCaptureFixture
) -> None:
    """A request line may hold a token, so it goes into no log."""
    with caplog.at_level(logging.DEBUG), closing(dial(api)) as connection:
        connection.connect()
        connection.sock.sendall(b"GET /?secret_token=x HTTP/99\r\n\r\n")
        assert b" 400 " in connection.sock.recv(1000)
    assert "secret_token" not in caplog.text


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"bind": "nowhere"}, ListenError),
        ({"seed": "missing.yml"}, SeedError),
        ({"seed": {"users": [{"name": "?"}]}}, SeedError),
        ({"tls": Tls(Path(__file__))}, CertificateError),
        ({"tls": Tls(Path("missing.pem"))}, FileNotFoundError),
    ],
)
def test_what_cannot_be_served(
    tmp_path: Path, options: Any, error: type[Exception]
) -> None:
    """What cannot be used is said at once, and no thread is left."""
    threads = threading.active_count()
    with pytest.raises(error), serving(tmp_path / "data", **options):
        pass
    assert threading.active_count() == threads
