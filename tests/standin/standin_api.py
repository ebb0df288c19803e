"""The control routes, called without a socket."""

from __future__ import annotations

import json
from typing import Any

from api import Api
from webtest import TestResponse

PREFIX = "/_standin/v1/"
# Where a stranger calls from.
ELSEWHERE = {"REMOTE_ADDR": "10.0.0.9", "SERVER_NAME": "0.0.0.0"}  # noqa: S104
PULL = {"key_id": "11", "project": "gnuwget/wget2", "action": "git-upload-pack"}


class StandinApi:
    """An API and its control routes."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def control(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> TestResponse:
        """The answer of a control route; `body` is sent as JSON unless it is a text."""
        text = body if isinstance(body, str) else json.dumps(body)
        app = self.api.app
        return app.request(
            PREFIX + path,
            method=method,
            body=b"" if body is None else text.encode(),
            expect_errors=True,
            **options,
        )

    def get(self, route: str, /, **params: Any) -> Any:
        """What a control route tells."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        answer = self.control("GET", f"{route}?{query}")
        assert answer.status_int == 200, answer
        return answer.json

    def pull(self, **params: Any) -> TestResponse:
        """The answer to a fetch of the demo's project by its root user."""
        return self.api.post_json("allowed", PULL | params)
