"""SSH public keys: what ssh-keygen makes is read, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from internal_api import ssh_keys

KINDS = [
    (["-t", "rsa", "-b", "1024"], "rsa", 1024),
    (["-t", "rsa", "-b", "2048"], "rsa", 2048),
    (["-t", "ecdsa", "-b", "256"], "ecdsa", 256),
    (["-t", "ecdsa", "-b", "384"], "ecdsa", 384),
    (["-t", "ecdsa", "-b", "521"], "ecdsa", 521),
    (["-t", "ed25519"], "ed25519", 256),
]


def blob(*strings: bytes) -> bytes:
    """The strings as an SSH blob."""
    return b"".join(struct.pack(">I", len(each)) + each for each in strings)


def line(declared: str, *strings: bytes) -> str:
    """A key line whose blob says `declared` and then the strings."""
    content = blob(declared.encode(), *strings)
    return f"{declared} {base64.b64encode(content).decode()}"


ED25519 = line("ssh-ed25519", bytes(range(32)))
POINT = b"\x04" + bytes(64)


def digest(content: bytes) -> str:
    """The SHA-256 as Base64 without padding."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


@pytest.mark.parametrize(("options", "name", "bits"), KINDS)
def test_reads_what_ssh_keygen_makes(
    tmp_path: Path, options: list[str], name: str, bits: int
) -> None:
    """Type, size and fingerprint are those that ssh-keygen tells."""
    path = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", *options, "-N", "", "-C", "a comment", "-f", str(path)],
        check=True,
    )
    public = path.with_suffix(".pub")
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(public)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    key = ssh_keys.parse(public.read_text())
    assert (key.type, key.bits, key.comment) == (name, bits, "a comment")
    assert [str(key.bits), f"SHA256:{key.fingerprint_sha256}"] == told[:2]
    assert f"{key.text} a comment" == public.read_text().strip()


@pytest.mark.parametrize(
    ("text", "name", "bits"),
    [
        (line("ssh-dss", b"\0\x80" + bytes(127), b"\1", b"\1", b"\1"), "dsa", 1024),
        (
            line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
            "ed25519_sk",
            256,
        ),
        (
            line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:"),
            "ecdsa_sk",
            256,
        ),
    ],
)
def test_reads_the_types_that_need_a_device(text: str, name: str, bits: int) -> None:
    """DSA keys and those of security keys are read, too."""
    assert ssh_keys.parse(text)[:2] == (name, bits)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected `<type> <Base64>"),
        ("ssh-ed25519", "expected `<type> <Base64>"),
        (ED25519.split()[1], "expected `<type> <Base64>"),
        ("restrict " + ED25519, "unknown type 'restrict'"),
        ("ssh-foo AAAA", "unknown type 'ssh-foo'"),
        ("ssh-rsa A", "the ssh-rsa blob is not Base64"),
        ("ssh-rsa AA-_", "the ssh-rsa blob is not Base64"),
        ("ssh-rsa ====", "the ssh-rsa blob is not Base64"),
        ("ssh-rsa é", "the ssh-rsa blob is not Base64"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa", 1), "the blob is no ssh-rsa key"),
        (ED25519[:-4], "the blob is no ssh-ed25519 key"),
        (line("ssh-ed25519"), "the blob is no"),
        (line("ssh-ed25519", bytes(31)), "the blob is no"),
        (line("ssh-ed25519", bytes(32), b"more"), "the blob is no"),
        (line("ssh-rsa", b"\x03", b""), "the blob is no"),
        (line("ssh-rsa", b"\x03", b"\xff"), "the blob is no"),
        (line("ecdsa-sha2-nistp384", b"nistp256", POINT), "the blob is no"),
        (line("ecdsa-sha2-nistp256", b"nistp256", POINT[:-1]), "the blob is no"),
        (line("ecdsa-sha2-nistp256", b"nistp256", b"\x02" + POINT[1:]), "the blob is"),
        (line("ecdsa-sha2-nistp256", b"\xff", POINT), "the blob is no"),
        (line("ecdsa-sha2-nistp256", b"", POINT), "the blob is no"),
    ],
)
def test_refuses_what_is_no_key(text: str, reason: str) -> None:
    """A line that is no key is a ValueError that says what is wrong."""
    with pytest.raises(ValueError, match=reason) as raised:
        ssh_keys.parse(text)
    assert str(raised.value).startswith("not an SSH public key: ")
    assert "\n" not in str(raised.value)


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"ssh-(rsa|dss|ed25519) [A-Za-z0-9+/]*"))
def test_parse_raises_nothing_but_value_errors(text: str) -> None:
    """Whatever the line, it is a key or a ValueError."""
    with suppress(ValueError):
        assert ssh_keys.parse(text).bits > 0


@settings(deadline=None)
@given(content=st.binary(max_size=80), padded=st.booleans(), spaced=st.booleans())
def test_fingerprint_of_a_blob(content: bytes, *, padded: bool, spaced: bool) -> None:
    """A blob has one fingerprint, padded or not, with spaces in it or without."""
    text = base64.b64encode(content).decode()
    if not padded:
        text = text.rstrip("=")
    if spaced:
        text = f" {text[:5]}\n{text[5:]} "
    assert ssh_keys.fingerprint(text) == digest(content)


@pytest.mark.parametrize(
    "text", [ED25519, f"{ED25519} me@host", f"  {ED25519}\n", f"{ED25519} a comment"]
)
def test_fingerprint_of_a_line(text: str) -> None:
    """A whole key line has the fingerprint of its blob."""
    assert ssh_keys.fingerprint(text) == ssh_keys.parse(ED25519).fingerprint_sha256


@settings(deadline=None)
@given(st.text(max_size=80))
def test_fingerprint_of_anything(text: str) -> None:
    """Every text has a fingerprint: what is not Base64 is skipped."""
    assert len(ssh_keys.fingerprint(text)) == len(digest(b""))


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", b""),
        ("whatever!", base64.b64decode("whatever")),
        ("QUJD!RA", b"ABCD"),
        ("QUJDR", b"ABC"),
        ("QUI=QUJD", b"AB"),
    ],
)
def test_fingerprint_decodes_like_ruby(text: str, content: bytes) -> None:
    """Odd Base64 is decoded as Ruby's `Base64.decode64` does."""
    assert ssh_keys.fingerprint(text) == digest(content)
