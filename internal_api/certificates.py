"""The certificates of a server and of its clients: which files they are in."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple, Self

from internal_api.config import ConfigError

MUTUAL = "mutual"


class CertificateError(ConfigError):
    """A file that is no certificate, or not with its key."""


class Tls(NamedTuple):
    """How a server speaks TLS.

    Attributes:
        certfile: Its certificate, as PEM.
        keyfile: Its key; None when it is in the same file.
        client_ca: Who must have signed the certificates of clients; None demands none.
    """

    certfile: Path
    keyfile: Path | None = None
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What every connection begins with.

        Raises:
            CertificateError: A file is not what it should be.
            OSError: A file cannot be read.
        """
        for path in self:
            if path:
                path.open("rb").close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # Nobody is there to be asked for a passphrase.
            context.load_cert_chain(self.certfile, self.keyfile, lambda: "")
        except ssl.SSLError as error:
            names = " and ".join(str(path) for path in self[:2] if path)
            message = f"{names}: no certificate with its key: {error}"
            raise CertificateError(message) from error
        if self.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                message = f"{self.client_ca}: no certificate: {error}"
                raise CertificateError(message) from error
        return context

    def settings(self) -> dict[str, object]:
        """Settings of gunicorn.

        Raises:
            CertificateError: A file is not what it should be.
            OSError: A file cannot be read.
        """
        context = self.context()
        return {
            "certfile": str(self.certfile),
            "ssl_context": lambda _config, _default: context,
        }


class TlsError(ConfigError):
    """Certificates that cannot be made, or options that contradict `--tls`."""


class Certificates(NamedTuple):
    """The files of one set, as PEM.

    Attributes:
        ca: Whom clients trust, and who signed the other two certificates.
        ca_key: Signs further certificates.
        server: Of the server, for its names.
        server_key: Its key.
        client: Of a client on this machine, such as Gitaly.
        client_key: Its key.
    """

    ca: Path
    ca_key: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Name the files in a folder, whether they are there or not."""
        names = (field.replace("_", "-") for field in cls._fields)
        return cls(*(folder / f"{name}.pem" for name in names))


class ForClients(NamedTuple):
    """What a client is given for TLS.

    Attributes:
        ca_file: Whom it trusts.
        certificate: What it shows; None where nobody asks.
        key: The key of that.
    """

    ca_file: Path
    certificate: Path | None = None
    key: Path | None = None


def for_clients(
    folder: Path, tls: str | None, certfile: Path | None
) -> ForClients | None:
    """What clients need, as the options of `serve` say; None without TLS.

    Args:
        folder: Of the certificates that `--tls` makes.
        tls: What `--tls` says: `auto`, `mutual` or nothing.
        certfile: What `--certfile` says.

    Raises:
        TlsError: Both say something.
    """
    if tls is None:
        return ForClients(certfile) if certfile else None
    refuse_files(tls, certfile=certfile)
    files = Certificates.of(folder)
    if tls == MUTUAL:
        return ForClients(files.ca, files.client, files.client_key)
    return ForClients(files.ca)


def refuse_files(tls: str, **files: Path | None) -> None:
    """Refuse options that name files which `--tls` makes.

    Args:
        tls: What `--tls` says: `auto` or `mutual`.
        **files: What the options of these names say.

    Raises:
        TlsError: One of them says something.
    """
    for name, path in files.items():
        if path:
            option = f"--{name.replace('_', '-')}"
            raise TlsError(f"--tls {tls} makes its own certificates: no {option}")
