"""Tokens that say what no library would sign."""

from __future__ import annotations

import base64
import hashlib
import hmac


def forge(header: bytes | str, payload: bytes | str, secret: bytes) -> str:
    """A token signed with HS256, whatever it says."""
    parts = (
        part if isinstance(part, bytes) else part.encode() for part in (header, payload)
    )
    signed = ".".join(map(_base64url, parts))
    signature = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64url(signature)}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
