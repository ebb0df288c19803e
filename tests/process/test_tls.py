"""TLS, and certificates of clients."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, suppress

import pytest
from processes import Certificates, Serve, Server, run

READINESS = "/-/readiness"


@pytest.fixture
def context(certificates: Certificates) -> ssl.SSLContext:
    """A client that trusts the server's certificate."""
    return ssl.create_default_context(cafile=certificates.ca)


@pytest.fixture(params=["greenlets", "threads"])
def server(
    request: pytest.FixtureRequest, serve: Serve, certificates: Certificates
) -> Server:
    """A server with TLS, of either kind of worker."""
    threads = ["--threads", "4"] if request.param == "threads" else []
    pair = ("--certfile", certificates.server, "--keyfile", certificates.server_key)
    return serve(*pair, *threads)


def test_tls(server: Server, context: ssl.SSLContext) -> None:
    """It serves over TLS, and says so in its URL."""
    assert server.ready["url"].startswith("https://")
    answer = server.ask(server.connect(context), "GET", READINESS)
    assert answer == {"status": "ok"}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(server: Server, context: ssl.SSLContext) -> None:
    """Nothing older than TLS 1.2 is spoken."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        server.ask(server.connect(context), "GET", READINESS)


def test_failed_handshakes_hinder_nobody(
    server: Server, context: ssl.SSLContext
) -> None:
    """Clients that say nothing or no TLS stall nobody and leave no trace."""
    untrusting = ssl.create_default_context()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(server.dial())
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\0" * 9):
            client = stack.enter_context(server.dial())
            client.sendall(greeting)
            # The server may have hung up already.
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)
        with pytest.raises(ssl.SSLCertVerificationError):
            server.ask(server.connect(untrusting), "GET", READINESS)
        for _ in range(3):
            answer = server.ask(server.connect(context), "GET", READINESS)
            assert answer == {"status": "ok"}
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_client_certificate(
    serve: Serve, certificates: Certificates, context: ssl.SSLContext
) -> None:
    """With `--client-ca` nobody is served without a certificate of it."""
    pair = ("--certfile", certificates.server, "--keyfile", certificates.server_key)
    server = serve(*pair, "--client-ca", certificates.ca)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.ask(server.connect(context), "GET", READINESS)
    context.load_cert_chain(certificates.client, certificates.client_key)
    answer = server.ask(server.connect(context), "GET", READINESS)
    assert answer == {"status": "ok"}


def test_wait_over_tls(server: Server, certificates: Certificates) -> None:
    """`wait` checks the certificate."""
    url = server.ready["url"]
    assert run("wait", url, "--ca-file", certificates.ca).returncode == 0
    result = run("wait", url, "--timeout", "0")
    assert result.returncode == 1
    assert "certificate verify failed" in result.stderr
