"""The certificates of a server, and what it demands of its clients."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from internal_api.config import ConfigError


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
