"""The headers with which clients authenticate, signed as they sign.

Sources: `client/gitlabnet.go` of GitLab Shell, `internal/gitlab/api/` of kas.
"""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Callable, Mapping

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from internal_api.secret_files import Secrets

LIFETIME_S = 60


def shell(secrets: Secrets) -> str:
    """The token of GitLab Shell and Gitaly."""
    token = _signed({"iss": "gitlab-shell"}, secrets.shell.strip())
    return f"Gitlab-Shell-Api-Request: {token}"


def shared_secret(secrets: Secrets) -> str:
    """The secret itself, as GitLab Shell sent it until version 14.12."""
    encoded = base64.b64encode(secrets.shell.rstrip(b"\r\n"))
    return f"Gitlab-Shared-Secret: {encoded.decode()}"


def kas(secrets: Secrets) -> str:
    """The token of the agent server."""
    token = _signed({"iss": "gitlab-kas", "aud": ["gitlab"]}, secrets.kas)
    return f"Gitlab-Kas-Api-Request: {token}"


HEADERS: Mapping[str, Callable[[Secrets], str]] = {
    "shell": shell,
    "shared-secret": shared_secret,
    "kas": kas,
}


def _signed(claims: Mapping[str, object], key: bytes) -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + LIFETIME_S}
    with warnings.catch_warnings():
        # A secret that is there is used whatever its length, as the clients do.
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.encode({**claims, **times}, key, algorithm="HS256")
