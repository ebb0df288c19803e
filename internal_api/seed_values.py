"""The forms of the texts in a seed file."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, date, datetime
from typing import ClassVar, Self
from urllib.parse import urlsplit

from internal_api.dates import iso_time
from internal_api.ssh_keys import PublicKey, parse

# What RFC 4226 wants at least, and pyotp with it.
OTP_SECRET_BYTES = 14

_PATH_PART = r"(?!-)[A-Za-z0-9_.-]{1,255}(?<![.])(?<!\.git)(?<!\.atom)"


class Text(str):
    """A text of a certain form; `read` raises a ValueError for any other.

    No error shows the text: it may be a secret in the wrong place.
    """

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of what a file holds."""
        if not (isinstance(value, str) and cls.pattern.fullmatch(value)):
            raise ValueError(f"not {cls.expected}")
        return cls(value)


class Url(Text):
    """The address of the instance; a slash at its end is dropped."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of what a file holds."""
        text = value.rstrip("/") if isinstance(value, str) else ""
        try:
            parts = urlsplit(text)
            is_complete = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_complete = False
        if not is_complete or parts.scheme not in {"http", "https"}:
            raise ValueError("not a URL like http://localhost:3001")
        return cls(text)


class Username(Text):
    """The name of a user, and the path of the personal namespace."""

    pattern = re.compile(_PATH_PART)
    expected = "a username"


class FullPath(Text):
    """The path of a group or a project, with those above it."""

    pattern = re.compile(f"{_PATH_PART}(/{_PATH_PART})*")
    expected = "a path"

    @property
    def parent(self) -> str:
        """The path above, or an empty text."""
        return self.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part."""
        return self.rpartition("/")[2]

    @property
    def depth(self) -> int:
        """How many are above."""
        return self.count("/")


class AgentName(Text):
    """The name of an agent within its project."""

    pattern = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
    expected = "an agent's name: small letters, digits and - between them"


class RefName(Text):
    """The name of a branch or a tag, or a pattern of them with `*`."""

    pattern = re.compile(r"[^\x00-\x20\x7f]+")
    expected = "the name of a ref"


class Sha256(Text):
    """A SHA-256 in hex."""

    pattern = re.compile(r"[0-9a-f]{64}")
    expected = "a SHA-256 in hex"


class Fingerprint(Text):
    """The SHA-256 fingerprint of a key: Base64 without padding."""

    pattern = re.compile(r"[A-Za-z0-9+/]{43}")
    expected = "the SHA-256 fingerprint of a key"

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of what a file holds, with or without `SHA256:`."""
        return super().read(
            value.removeprefix("SHA256:") if isinstance(value, str) else value
        )


class OtpSecret(Text):
    """The Base32 secret of an authenticator app."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of what a file holds."""
        text = value.replace(" ", "").upper() if isinstance(value, str) else ""
        try:
            secret = base64.b32decode(text + "=" * (-len(text) % 8))
        except binascii.Error:
            secret = b""
        if len(secret) < OTP_SECRET_BYTES:
            raise ValueError(f"not a secret of {OTP_SECRET_BYTES} bytes, in Base32")
        return cls(text)


class Date(Text):
    """A date as `YYYY-MM-DD`."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of a date in ISO 8601."""
        try:
            return cls(date.fromisoformat(str(value)).isoformat())
        except ValueError as error:
            raise ValueError("not a date") from error


class Time(Text):
    """A time as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of a time in ISO 8601; without an offset it is in UTC."""
        return cls(iso_time(_moment(value)))


class Timestamp(Text):
    """A time as `YYYY-MM-DDTHH:MM:SS+00:00`, the form of a policy's."""

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of a time in ISO 8601; without an offset it is in UTC."""
        return cls(_moment(value).isoformat(timespec="seconds"))


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("not a time") from error


class SshKey(Text):
    """A line of an `authorized_keys` file; `parsed` is what it says."""

    __slots__ = ("parsed",)
    parsed: PublicKey

    @classmethod
    def read(cls, value: object) -> Self:
        """Make one of what a file holds."""
        key = cls(value)
        key.parsed = parse(key)
        return key
