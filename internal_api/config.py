"""How an instance behaves, whichever server runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

ENVIRONMENT_PREFIX = "INTERNAL_API_"
FOLLOW = ("documentation", "gitlab")
SHELL_AUTH = ("any", "jwt")
SCIM_ERRORS = ("gitlab", "rfc")
TLS = ("auto", "mutual")
# Without `.` and `..`, which clients would resolve.
_ROOT = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")


class ConfigError(Exception):
    """Something that an instance is given cannot be used: one line that says why."""


def reason(error: ConfigError | OSError) -> str:
    """Why something cannot be used, as one line."""
    if isinstance(error, ConfigError):
        return str(error)
    named = f"{error.filename}: " if error.filename else ""
    return f"{named}{error.strerror}"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of an instance.

    Attributes:
        data: The folder of the database, the secrets, the certificates and the LFS
            objects.
        follow: Which wins where they differ, `documentation` or `gitlab`.
        shell_auth: How GitLab Shell and Gitaly may authenticate: `any`, or by `jwt`
            only, as in late GitLab 15.
        relative_url_root: The prefix of every path; a slash at its end is dropped.
        scim_errors: Whose form the errors of SCIM have: `gitlab`'s, or `rfc` 7644's.

    Raises:
        ConfigError: A value is none of these.
    """

    data: Path = Path(".internal-api")
    follow: str = "documentation"
    shell_auth: str = "any"
    relative_url_root: str = ""
    scim_errors: str = "gitlab"

    def __post_init__(self) -> None:
        """Check the values."""
        root = self.relative_url_root.rstrip("/")
        if not _ROOT.fullmatch(root):
            raise ConfigError(
                f"relative URL root {root!r}: expected a path like /gitlab"
            )
        object.__setattr__(self, "relative_url_root", root)
        for name, value, choices in (
            ("follow", self.follow, FOLLOW),
            ("shell auth", self.shell_auth, SHELL_AUTH),
            ("SCIM errors", self.scim_errors, SCIM_ERRORS),
        ):
            if value not in choices:
                raise ConfigError(f"{name} {value!r}: expected {' or '.join(choices)}")

    @property
    def database_path(self) -> Path:
        """The SQLite database."""
        return self.data / "internal_api.db"

    @property
    def snapshots_path(self) -> Path:
        """The folder of saved states of the database."""
        return self.data / "snapshots"

    @property
    def shell_secret_path(self) -> Path:
        """What GitLab Shell and Gitaly sign with: text."""
        return self.data / ".gitlab_shell_secret"

    @property
    def kas_secret_path(self) -> Path:
        """What kas signs with: Base64 of 32 bytes."""
        return self.data / ".gitlab_kas_secret"

    @property
    def tls_path(self) -> Path:
        """The folder of the certificates that `--tls` makes."""
        return self.data / "tls"

    @property
    def lfs_path(self) -> Path:
        """The LFS objects, as `aa/bb/<rest of the oid>`."""
        return self.data / "lfs"


def from_environment(environ: Mapping[str, str]) -> Config:
    """Read the settings from variables named as the options of `serve`.

    Raises:
        ConfigError: A value cannot be.
    """
    names = (field.name for field in fields(Config))
    variables = {name: ENVIRONMENT_PREFIX + name.upper() for name in names}
    settings: dict[str, Any] = {
        name: environ[variable]
        for name, variable in variables.items()
        if environ.get(variable)
    }
    if "data" in settings:
        settings["data"] = Path(settings["data"])
    return Config(**settings)
