"""SSH public keys: their types, sizes and fingerprints.

Source: `lib/gitlab/ssh_public_key.rb`, `lib/gitlab/insecure_key_fingerprint.rb`
and RFC 4253, 5656 and 8709 for what a blob holds.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

# What gitlab-shell may send as a key's type -> GitLab's name of it, and the names
# of what follows the type in the blob.
_TYPES = {
    "ssh-rsa": ("rsa", ("e", "n")),
    "ssh-dss": ("dsa", ("p", "q", "g", "y")),
    "ecdsa-sha2-nistp256": ("ecdsa", ("curve", "point")),
    "ecdsa-sha2-nistp384": ("ecdsa", ("curve", "point")),
    "ecdsa-sha2-nistp521": ("ecdsa", ("curve", "point")),
    "ssh-ed25519": ("ed25519", ("point",)),
    "sk-ecdsa-sha2-nistp256@openssh.com": (
        "ecdsa_sk",
        ("curve", "point", "application"),
    ),
    "sk-ssh-ed25519@openssh.com": ("ed25519_sk", ("point", "application")),
}
_CURVE_BITS = {b"nistp256": 256, b"nistp384": 384, b"nistp521": 521}
_ED25519_BITS = 256
_ED25519_BYTES = 32
_UNCOMPRESSED_POINT = 0x04
_LENGTH_BYTES = 4
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


class PublicKey(NamedTuple):
    """An SSH public key.

    Attributes:
        type: GitLab's name: `rsa`, `dsa`, `ecdsa`, `ed25519`, `ecdsa_sk` or
            `ed25519_sk`.
        bits: The size as `ssh-keygen -l` tells it.
        text: `<type> <Base64>`, without the comment.
        comment: What follows the Base64, maybe nothing.
        fingerprint_sha256: Base64 without padding.
    """

    type: str
    bits: int
    text: str
    comment: str
    fingerprint_sha256: str


def parse(line: str) -> PublicKey:
    """Read a line `<type> <Base64> [comment]`, as in an `authorized_keys` file.

    Raises:
        ValueError: It is no such line, or its blob is no key of that type.
    """
    declared, encoded, comment, *_ = [*line.split(None, 2), "", "", ""]
    if not encoded:
        raise ValueError("not an SSH public key: expected `<type> <Base64> [comment]`")
    if declared not in _TYPES:
        raise ValueError(f"not an SSH public key: unknown type {declared!r}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise ValueError(
            f"not an SSH public key: the {declared} blob is not Base64"
        ) from error
    return PublicKey(
        type=_TYPES[declared][0],
        bits=_bits(declared, blob),
        text=f"{declared} {encoded}",
        comment=comment.strip(),
        fingerprint_sha256=_digest(blob),
    )


def fingerprint(text: str) -> str:
    """The SHA-256 fingerprint, Base64 without padding, of what OpenSSH passes on.

    Args:
        text: The blob in Base64, padded or not, or a whole key line around it.
            Characters that are not Base64 are skipped, as Ruby's `Base64.decode64`
            does: whatever the text, it has a fingerprint.
    """
    words = text.split()
    if len(words) > 1 and words[0] in _TYPES:
        text = words[1]
    digits = _NOT_BASE64.sub("", text.partition("=")[0])
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return _digest(base64.b64decode(digits + "=" * (-len(digits) % 4)))


def _digest(blob: bytes) -> str:
    digest = hashlib.sha256(blob).digest()
    return base64.b64encode(digest).rstrip(b"=").decode("ascii")


def _bits(declared: str, blob: bytes) -> int:
    """The size of a key; a ValueError when the blob is not of the declared type."""
    named, *parts = _strings(blob) or [b""]
    names = _TYPES[declared][1]
    bits = None
    if named == declared.encode("ascii") and len(parts) == len(names):
        bits = _size(declared, dict(zip(names, parts, strict=True)))
    if bits is None:
        raise ValueError(f"not an SSH public key: the blob is no {declared} key")
    return bits


def _size(declared: str, parts: dict[str, bytes]) -> int | None:
    """The size in bits; None when the parts do not make a key."""
    if "curve" in parts:
        bits = _CURVE_BITS.get(parts["curve"])
        coordinate = ((bits or 0) + 7) // 8
        fits = (
            f"-{parts['curve'].decode('ascii', 'replace')}" in declared
            and len(parts["point"]) == 1 + 2 * coordinate
            and parts["point"][0] == _UNCOMPRESSED_POINT
        )
        return bits if fits else None
    if "point" in parts:
        return _ED25519_BITS if len(parts["point"]) == _ED25519_BYTES else None
    # RSA or DSA: positive numbers, the modulus is the size.
    numbers = {
        name: int.from_bytes(part, "big", signed=True) for name, part in parts.items()
    }
    if min(numbers.values()) <= 0:
        return None
    return numbers["n" if "n" in numbers else "p"].bit_length()


def _strings(blob: bytes) -> list[bytes] | None:
    """The length-prefixed strings that a blob is made of, or None."""
    strings = []
    while blob:
        end = _LENGTH_BYTES + int.from_bytes(blob[:_LENGTH_BYTES], "big")
        if len(blob) < max(end, _LENGTH_BYTES):
            return None
        strings.append(blob[_LENGTH_BYTES:end])
        blob = blob[end:]
    return strings
