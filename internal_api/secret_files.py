"""The two secrets that an instance shares with its clients.

Source: `lib/gitlab/shell.rb` and `lib/gitlab/kas.rb`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import NamedTuple

from internal_api.config import Config, ConfigError

KAS_SECRET_BYTES = 32
SHELL_SECRET_BYTES = 32


class SecretError(ConfigError):
    """A secret file that cannot be used."""


class Secrets(NamedTuple):
    """The content of the secret files.

    Attributes:
        shell: Of GitLab Shell and Gitaly: the file as it is.
        kas: Of kas: the 32 bytes that the file holds as Base64.
    """

    shell: bytes
    kas: bytes

    def __repr__(self) -> str:
        """Without the secrets."""
        return "Secrets()"


def read_shell(config: Config) -> bytes:
    """Read the secret of GitLab Shell and Gitaly.

    Raises:
        SecretError: The file is empty.
        OSError: It cannot be read.
    """
    shell = config.shell_secret_path.read_bytes()
    if not shell.strip():
        raise SecretError(f"{config.shell_secret_path}: the secret is empty")
    return shell


def read_kas(config: Config) -> bytes:
    """Read the secret of kas.

    Raises:
        SecretError: The file does not hold what kas expects.
        OSError: It cannot be read.
    """
    path = config.kas_secret_path
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != KAS_SECRET_BYTES:
        raise SecretError(f"{path}: expected Base64 of {KAS_SECRET_BYTES} bytes")
    return secret


def read_or_create(config: Config) -> Secrets:
    """Read the secrets; make the data directory and the files that are missing.

    Raises:
        SecretError: A file is empty, or not what its client expects.
        OSError: Something cannot be made or read.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    kas = base64.b64encode(secrets.token_bytes(KAS_SECRET_BYTES))
    _create(config.shell_secret_path, secrets.token_hex(SHELL_SECRET_BYTES).encode())
    _create(config.kas_secret_path, kas)
    return Secrets(read_shell(config), read_kas(config))


def _create(path: Path, content: bytes) -> None:
    """Make a file for its owner only, whole at once, unless it is there.

    Of several processes that do so at the same moment, one wins.
    """
    if path.exists():
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)
