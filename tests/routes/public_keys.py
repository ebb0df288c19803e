"""SSH public keys for seeds."""

from __future__ import annotations

import base64


def ed25519(number: int) -> str:
    """The line `<type> <Base64>` of a key that is another one for every number."""
    name = b"ssh-ed25519"
    point = number.to_bytes(32, "big")
    parts = (len(part).to_bytes(4, "big") + part for part in (name, point))
    return f"ssh-ed25519 {base64.b64encode(b''.join(parts)).decode()}"
