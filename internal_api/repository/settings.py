"""The settings of the instance."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from internal_api.access.instance import Instance
from internal_api.repository.database import Connection


class Settings(NamedTuple):
    """The row of `application_settings`; sizes in MB, rates per minute.

    `instance` is the part that access depends on.
    """

    gitlab_version: str
    gitlab_revision: str
    gitaly_address: str
    gitaly_token: str | None
    gitaly_features: dict[str, str]
    gitaly_storage: str
    gitaly_storage_path: str | None
    receive_max_input_size: int
    error_tracking_enabled: int
    error_tracking_access_token: str | None
    rate_limit_per_minute: int
    merge_request_links: int
    environment: str
    gitlab_com: int
    licensed_features: Literal["all"] | list[str]
    db_key_base: str
    instance: Instance

    def is_licensed(self, feature: str) -> bool:
        """Whether the license of the instance has a feature."""
        return self.licensed_features == "all" or feature in self.licensed_features


_COLUMNS = (*Settings._fields[:-1], *Instance._fields)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM application_settings"  # noqa: S608


def read(connection: Connection) -> Settings:
    """The settings as they are now."""
    return connection.remember(_select)


def _select(connection: Connection) -> Settings:
    row = connection.execute(_SELECT).fetchone()
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    for name in ("gitaly_features", "licensed_features", "ssh_key_restrictions"):
        values[name] = msgspec.json.decode(values[name])
    instance = Instance._make(values.pop(name) for name in Instance._fields)
    return Settings(**values, instance=instance)
