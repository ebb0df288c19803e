"""A clock that stands still, and the application without a socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from webtest import TestApp, TestResponse

from internal_api import seeds
from internal_api.app import create_app
from internal_api.config import Config
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets
from internal_api.standin.control import Control

SHELL_SECRET = b"shell-secret-of-the-tests-0123456789abcdef"
KAS_SECRET = bytes(range(32))
AGENT_TOKEN = "demo-agent-token"
ADMIN_TOKEN = "demo-admin-token"
PREFIX = "/api/v4/internal/"


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2022, 8, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def advance(self, **span: float) -> None:
        """Let time pass; arguments as of `timedelta`."""
        self.now += timedelta(**span)


class Api:
    """The application over a seeded database, called without a socket.

    The database is in memory unless another one is given.
    """

    def __init__(
        self,
        folder: Path,
        seed: object,
        clock: Clock,
        database: Database | None = None,
        control: Control | None = None,
        **config: Any,
    ) -> None:
        self.database = database or Database()
        self.database.create()
        self.clock = clock
        self.data = folder
        if not isinstance(seed, str):
            path = folder / "seed.json"
            path.write_text(json.dumps(seed))
            seed = str(path)
        seeds.load(self.database, [seeds.read(seed)])
        secrets = Secrets(SHELL_SECRET + b"\n", KAS_SECRET)
        service = Service(Config(data=folder, **config), self.database, clock)
        self.control = control
        app = create_app(service, secrets, control)
        self.app = TestApp(app)

    def headers(self, **claims: Any) -> dict[str, str]:
        """The header of GitLab Shell; claims may be changed, None leaves one out."""
        now = int(self.clock.now.timestamp())
        payload = {"iss": "gitlab-shell", "iat": now, "exp": now + 60} | claims
        payload = {key: value for key, value in payload.items() if value is not None}
        token = jwt.encode(payload, SHELL_SECRET, algorithm="HS256")
        return {"Gitlab-Shell-Api-Request": token}

    def shared_secret(self) -> dict[str, str]:
        """The header of GitLab Shell before 14.13."""
        return {"Gitlab-Shared-Secret": base64.b64encode(SHELL_SECRET).decode()}

    def kas_headers(
        self, agent_token: str | None = AGENT_TOKEN, **claims: Any
    ) -> dict[str, str]:
        """The headers of the agent server, for an agent; claims as for the Shell."""
        now = int(self.clock.now.timestamp())
        payload = {
            "iss": "gitlab-kas",
            "aud": ["gitlab"],
            "exp": now + 30,
            "nbf": now - 5,
            "iat": now,
        } | claims
        payload = {key: value for key, value in payload.items() if value is not None}
        token = jwt.encode(payload, KAS_SECRET, algorithm="HS256")
        headers = {"Gitlab-Kas-Api-Request": token}
        if agent_token is not None:
            headers["Authorization"] = f"Bearer {agent_token}"
        return headers

    def post(self, path: str, params: Any = "", **options: Any) -> TestResponse:
        """Post a form to an internal route."""
        options.setdefault("headers", self.headers())
        return self.app.post(PREFIX + path, params, status="*", **options)

    def post_json(self, path: str, params: Any, **options: Any) -> TestResponse:
        """Post JSON to an internal route."""
        options.setdefault("headers", self.headers())
        return self.app.post_json(PREFIX + path, params, status="*", **options)

    def put_json(self, path: str, params: Any, **options: Any) -> TestResponse:
        """Put JSON to an internal route."""
        options.setdefault("headers", self.headers())
        return self.app.put_json(PREFIX + path, params, status="*", **options)

    def get(self, path: str, params: Any = None, **options: Any) -> TestResponse:
        """Get an internal route."""
        options.setdefault("headers", self.headers())
        return self.app.get(PREFIX + path, params, status="*", **options)

    def rows(self, select: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with self.database.reading() as connection:
            return connection.execute(select, arguments).fetchall()


MakeApi = Callable[..., Api]
