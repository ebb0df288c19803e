"""Whether the instance is there.

Source: GitLab's documentation, "Health check".
"""

from __future__ import annotations

import logging
import sqlite3

import falcon

from internal_api.auth import Scheme
from internal_api.errors import write_json
from internal_api.resources.service import Service

logger = logging.getLogger(__name__)


class Health:
    """`GET /-/health`: the server answers."""

    authentication = Scheme.NONE

    def __init__(self, _service: Service) -> None:
        pass

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 `GitLab OK`."""
        resp.content_type = "text/plain"
        resp.data = b"GitLab OK"


class Liveness:
    """`GET /-/liveness`: the server answers, as JSON."""

    authentication = Scheme.NONE

    def __init__(self, _service: Service) -> None:
        pass

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200."""
        write_json(resp, 200, {"status": "ok"})


class Readiness:
    """`GET /-/readiness`: the database answers too."""

    authentication = Scheme.NONE

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200, or 503 when the database does not."""
        try:
            self._database.check()
        except (sqlite3.Error, OSError) as error:
            logger.error("database: %s", error)  # noqa: TRY400 - no traceback
            write_json(resp, 503, {"status": "failed"})
        else:
            write_json(resp, 200, {"status": "ok"})
