"""What the instance is.

Source: documentation, "Instance information".
"""

from __future__ import annotations

import falcon

from internal_api.auth import Scheme
from internal_api.errors import write_json
from internal_api.repository import settings
from internal_api.resources.service import Service


class Check:
    """`GET /internal/check`: what the instance is."""

    authentication = Scheme.SHELL

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer version and revision; there is no Redis that could fail."""
        with self._database.reading() as connection:
            instance = settings.read(connection)
        body = {
            "api_version": "v4",
            "gitlab_version": instance.gitlab_version,
            "gitlab_rev": instance.gitlab_revision,
            "redis": True,
        }
        write_json(resp, 200, body)
