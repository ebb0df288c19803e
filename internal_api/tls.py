"""The certificates of `--tls`: a throw-away authority, a server and a client.

The program openssl makes them. A package would do so, too, but PyJWT imports
`cryptography` wherever it is installed: 17 MiB more for two workers, TLS or not.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from internal_api.certificates import Certificates, TlsError

VALID_DAYS = 365
# A server that starts now may run that long, and reads its certificate only once.
LEAST_DAYS_LEFT = 30
DAY_S = 86_400
# How clients on this machine call it.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MOST_NAME_CHARACTERS = 253
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
# Gitaly shows clients and GitLab the same certificate: each is good for both.
_CONFIG = """
[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[member]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def prepare(folder: Path, names: Iterable[str] = ()) -> Certificates:
    """Make a set of certificates, or use the one that is there.

    A set is made anew when it is damaged or soon expires. Further names change the
    server's certificate only, so that clients go on trusting servers that run. Of
    several processes that do so at the same moment, all end with the same set.

    Args:
        folder: Where they are kept; made for its owner only.
        names: Hosts and IP addresses of the server besides those of loopback.

    Raises:
        TlsError: A name is none, or openssl is missing or fails.
        OSError: A file cannot be made or read.
    """
    wanted = LOCAL_NAMES | {_normal(name) for name in names}
    files = Certificates.of(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        covered = _names_of(files)
        if covered is None:
            _make_set(folder, wanted)
        elif not wanted <= covered:
            _make_server(folder, wanted | covered)
    return files


def machine_names() -> set[str]:
    """The name of this machine, if a certificate can hold it."""
    with contextlib.suppress(TlsError):
        return {_normal(socket.gethostname())}
    return set()


def _normal(name: str) -> str:
    """A host as it stands in a certificate.

    Raises:
        TlsError: It cannot.
    """
    # The zone of a link-local address is this machine's own business.
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.partition("%")[0]))
    if len(name) > MOST_NAME_CHARACTERS or not _HOST_NAME.fullmatch(name):
        raise TlsError(f"{name!r} cannot stand in a certificate")
    return name.lower()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process after the other change a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------ what is there


def _names_of(files: Certificates) -> frozenset[str] | None:
    """The names of the server; None if the set is incomplete, damaged or too old.

    It is good if its server and its client agree to speak with each other.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        for context in (server, client):
            context.load_verify_locations(files.ca)
        server.load_cert_chain(files.server, files.server_key)
        client.load_cert_chain(files.client, files.client_key)
        # Nobody speaks with the authority's key; it must be the right one, too.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.ca, files.ca_key)
        certificate = _shake_hands(server, client)
        names = frozenset(_normal(n) for _, n in certificate.get("subjectAltName", ()))
    except (FileNotFoundError, ssl.SSLError, TlsError):
        return None
    # The authority was made first, and is the first to expire.
    ends = [
        ssl.cert_time_to_seconds(str(authority["notAfter"]))
        for authority in client.get_ca_certs()
    ]
    least = time.time() + LEAST_DAYS_LEFT * DAY_S
    return names if min(ends, default=0) > least else None


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """Let both ends speak with each other; what the server showed.

    Raises:
        ssl.SSLError: One does not accept the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for end in ends:
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    for end in ends:
        end.do_handshake()
    return ends[0].getpeercert() or {}


# ------------------------------------------------------------------ what is made


def _make_set(folder: Path, names: Iterable[str]) -> None:
    with _replacing(folder) as files:
        _make("CA", (), files.ca, files.ca_key)
        _make("server", names, files.server, files.server_key, signed_by=files)
        _make("client", LOCAL_NAMES, files.client, files.client_key, signed_by=files)


def _make_server(folder: Path, names: Iterable[str]) -> None:
    """Make the server's certificate anew, for its old key.

    Whoever loads the two meanwhile gets what fits together.
    """
    old = Certificates.of(folder)
    with _replacing(folder) as new:
        shutil.copy2(old.server_key, new.server_key)
        _make("server", names, new.server, new.server_key, signed_by=old)


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Certificates]:
    """Files to make, which then take the place of those in a folder.

    Each of them does so at once. What a process that is killed meanwhile leaves is no
    good set, and the next one makes it anew.
    """
    new = folder / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    try:
        yield Certificates.of(new)
        for path in new.iterdir():
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(new)


def _make(
    subject: str,
    names: Iterable[str],
    certificate: Path,
    key: Path,
    signed_by: Certificates | None = None,
) -> None:
    """Make a certificate, and its key unless it is there.

    Raises:
        TlsError: openssl is missing or fails.
    """
    made = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    signer = ("-CA", signed_by.ca, "-CAkey", signed_by.ca_key) if signed_by else ()
    command = (
        *("openssl", "req", "-x509", "-config", "/dev/stdin"),
        *("-extensions", "member" if signed_by else "authority", *signer),
        *(("-key", key) if key.exists() else (*made, "-keyout", key)),
        *("-subj", f"/O=internal-api/CN=throw-away {subject}"),
        *("-days", str(VALID_DAYS), "-out", certificate),
    )
    config = _CONFIG.format(names=",".join(sorted(map(_alternative, names))))
    try:
        subprocess.run(  # noqa: S603 - names are checked, files are ours
            command, input=config, capture_output=True, check=True, text=True
        )
    except FileNotFoundError as error:
        raise TlsError("openssl, which makes certificates, is not there") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().partition("\n")[0]
        raise TlsError(f"openssl cannot make a certificate: {reason}") from error


def _alternative(name: str) -> str:
    """A name as openssl reads it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"DNS:{name}"
    return f"IP:{name}"
