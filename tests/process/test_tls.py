"""TLS, certificates of clients, and those that `--tls` makes."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from processes import (
    CHECK,
    TIMEOUT_S,
    Certificates,
    Serve,
    Server,
    header,
    run,
    wait_until,
)

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


# ------------------------------------------------------------------ --tls


def curl(url: str, *options: object) -> subprocess.CompletedProcess[str]:
    """Ask with curl, which speaks TLS as a program of its own."""
    return subprocess.run(
        ("curl", "--silent", "--show-error", "--noproxy", "*", *map(str, options), url),
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_S,
    )


def made(server: Server) -> Certificates:
    """The certificates in the server's data directory."""
    names = ("ca", "server", "server-key", "client", "client-key")
    return Certificates(*(server.data / "tls" / f"{name}.pem" for name in names))


def shown(server: Server, name: str) -> str:
    """The certificate that a server shows, which must be good for a name."""
    context = ssl.create_default_context(cafile=made(server).ca)
    files = made(server)
    context.load_cert_chain(files.client, files.client_key)
    with context.wrap_socket(server.dial(), server_hostname=name) as client:
        certificate = client.getpeercert(binary_form=True)
        assert certificate
        return ssl.DER_cert_to_PEM_cert(certificate)


@pytest.mark.parametrize(
    "options",
    [(), ("--threads", "4"), ("--memory",), ("--workers", "2")],
    ids=" ".join,
)
def test_made_certificates(options: tuple[str, ...], serve: Serve) -> None:
    """With `--tls auto` who trusts the authority is served, and nobody else."""
    server = serve("--tls", "auto", *options)
    ca = ("--cacert", made(server).ca)
    url = server.ready["url"] + READINESS
    assert url.startswith("https://127.0.0.1:")
    for address in (url, url.replace("127.0.0.1", "localhost")):
        assert curl(address, *ca).stdout == '{"status":"ok"}'
    untrusting = curl(url)
    # 60: the certificate of the server cannot be authenticated.
    assert (untrusting.returncode, untrusting.stdout) == (60, "")
    shows = ("--cert", made(server).client, "--key", made(server).client_key)
    assert curl(url, *ca, *shows).stdout == '{"status":"ok"}'


def test_ready_file_of_made_certificates(serve: Serve) -> None:
    """The ready file has the members that it has without TLS."""
    assert serve("--tls", "auto").ready.keys() == serve().ready.keys()


@pytest.mark.parametrize("threads", ["0", "4"])
def test_demanded_certificate(
    threads: str, serve: Serve, certificates: Certificates
) -> None:
    """With `--tls mutual` who shows a certificate of the authority is served."""
    server = serve("--tls", "mutual", "--threads", threads)
    files, url = made(server), server.ready["url"] + READINESS
    ca = ("--cacert", files.ca)
    assert curl(url, *ca).stdout == ""
    foreign = ("--cert", certificates.client, "--key", certificates.client_key)
    assert curl(url, *ca, *foreign).stdout == ""
    good = ("--cert", files.client, "--key", files.client_key)
    assert curl(url, *ca, *good).stdout == '{"status":"ok"}'
    assert server.stop() == 0
    assert "Traceback" not in server.stderr


def test_own_clients_of_a_made_certificate(
    serve: Serve, certificates: Certificates
) -> None:
    """Clients may have certificates of another authority, which `--client-ca` names."""
    server = serve("--tls", "auto", "--client-ca", certificates.ca)
    url, ca = server.ready["url"] + READINESS, ("--cacert", made(server).ca)
    assert curl(url, *ca).stdout == ""
    good = ("--cert", certificates.client, "--key", certificates.client_key)
    assert curl(url, *ca, *good).stdout == '{"status":"ok"}'


def test_every_address_is_in_the_certificate(serve: Serve) -> None:
    """Each host of `--bind` is covered, and this machine where it is all addresses."""
    machine = socket.gethostname()
    server = serve("--tls", "auto", "--bind", "0.0.0.0:0", "--bind", "127.0.0.2:0")
    for name in ("localhost", "127.0.0.1", "::1", "127.0.0.2", machine):
        assert shown(server, name)


def test_another_bind_leaves_running_servers_trusted(serve: Serve) -> None:
    """A second server with further names has a certificate of the same authority."""
    first = serve("--tls", "mutual")
    before = shown(first, "127.0.0.1")
    second = serve("--tls", "mutual", "--bind", "127.0.0.3:0")
    assert shown(second, "127.0.0.3") != before
    assert shown(first, "127.0.0.1") == before


def test_restart_uses_the_same_certificates(serve: Serve) -> None:
    """A restart shows the same certificate; after damage there is a new set."""
    server = serve("--tls", "auto")
    before = shown(server, "localhost")
    assert server.stop() == 0
    server = serve("--tls", "auto")
    assert shown(server, "localhost") == before
    assert server.stop() == 0
    made(server).client.unlink()
    assert shown(serve("--tls", "auto"), "localhost") != before


def test_expired_certificates_are_renewed(serve: Serve) -> None:
    """What has expired while nobody served is made anew on start."""
    server = serve("--tls", "auto")
    before, files = shown(server, "localhost"), made(server)
    assert server.stop() == 0
    key = ("-signkey", files.ca.with_name("ca-key.pem"))
    subprocess.run(
        ("openssl", "x509", "-in", files.ca, *key, "-days", "-1", "-out", files.ca),
        check=True,
        capture_output=True,
    )
    assert shown(serve("--tls", "auto"), "localhost") != before


def test_servers_that_start_together(serve: Serve) -> None:
    """Servers that make the certificates at the same time show those of one set."""
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    with ThreadPoolExecutor(len(hosts)) as starts:
        servers = list(
            starts.map(
                lambda host: serve("--tls", "auto", "--bind", f"{host}:0"), hosts
            )
        )
    for server, host in zip(servers, hosts, strict=True):
        assert shown(server, host)


@pytest.mark.parametrize(
    "options",
    [("--bind", "127.0.0.1:0"), ("--bind", "unix:s")],
    ids=["TCP", "socket"],
)
@pytest.mark.parametrize("mode", ["auto", "mutual"])
def test_greeting_over_tls(mode: str, options: tuple[str, ...], serve: Serve) -> None:
    """The greeting names the certificates, and the command that it shows works."""
    server = serve("--tls", mode, *options)
    wait_until(lambda: "curl" in server.stderr)
    greeting, folder = server.stderr, server.data / "tls"
    assert f"Certificate to trust in {folder}/ca.pem\n" in greeting
    to_show = f"Certificate to show in {folder}/client.pem and client-key.pem\n"
    assert (to_show in greeting) == (mode == "mutual")
    command = greeting[greeting.index("curl") :]
    result = subprocess.run(
        ("bash", "-c", command),
        capture_output=True,
        check=True,
        env={**os.environ, "NO_PROXY": "*"},
        timeout=TIMEOUT_S,
    )
    assert json.loads(result.stdout)["api_version"] == "v4"


def test_tls_from_the_environment(serve: Serve) -> None:
    """`INTERNAL_API_TLS` is the option; clients are configured for it alike."""
    env = {"INTERNAL_API_TLS": "auto"}
    server = serve(env=env)
    host, port = server.address
    command = ("config", "gitlab-shell", "--data", server.data)
    bind = ("--bind", f"{host}:{port}")
    told = run(*command, *bind, env={**os.environ, **env}).stdout
    assert f"gitlab_url: {server.ready['url']}\n" in told
    ca_file = json.loads(told.partition("ca_file: ")[2])
    name, value = header(server.data).popitem()
    answer = curl(
        server.ready["url"] + CHECK, "--cacert", ca_file, "--header", f"{name}: {value}"
    )
    assert json.loads(answer.stdout)["redis"] is True
    assert run("wait", server.ready["url"], "--ca-file", ca_file).returncode == 0


def test_made_certificates_are_not_exported(serve: Serve) -> None:
    """What `export` prints has nothing of the certificates and their keys."""
    server = serve("--tls", "auto", "--seed", "demo")
    exported = run("export", "--data", server.data).stdout
    assert "gnuwget/wget2" in exported
    assert "PRIVATE KEY" in made(server).server_key.read_text()
    assert "PRIVATE KEY" not in exported
    assert "BEGIN CERTIFICATE" not in exported
