"""The instance, as far as access depends on it."""

from __future__ import annotations

from typing import NamedTuple


class Instance(NamedTuple):
    """The settings of the instance that access depends on."""

    external_url: str
    enabled_git_access_protocol: str
    read_only: int
    default_branch_protection: str
    http_upload_pack: int
    http_receive_pack: int
    ssh_key_restrictions: dict[str, int | str]
