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

LIFETIME_S = 60


def shell(secret: bytes) -> str:
    """The token of GitLab Shell and Gitaly."""
    token = _signed({"iss": "gitlab-shell"}, secret.strip())
    return f"Gitlab-Shell-Api-Request: {token}"


def shared_secret(secret: bytes) -> str:
    """The secret itself, as GitLab Shell sent it until version 14.12."""
    encoded = base64.b64encode(secret.rstrip(b"\r\n"))
    return f"Gitlab-Shared-Secret: {encoded.decode()}"


def kas(secret: bytes) -> str:
    """The token of the agent server."""
    token = _signed({"iss": "gitlab-kas", "aud": ["gitlab"]}, secret)
    return f"Gitlab-Kas-Api-Request: {token}"


HEADERS: Mapping[str, Callable[[bytes], str]] = {
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
