"""Whether the instance is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from api import Api, Clock, MakeApi
from webtest import TestApp

from internal_api.app import create_app
from internal_api.config import Config
from internal_api.repository.database import Database
from internal_api.resources.service import Service
from internal_api.secret_files import Secrets


def test_health_200(demo: Api) -> None:
    """`/-/health` answers in plain text, to anybody."""
    answer = demo.app.get("/-/health")
    assert (answer.status_int, answer.body) == (200, b"GitLab OK")
    assert answer.content_type == "text/plain"


@pytest.mark.parametrize("path", ["/-/liveness", "/-/readiness"])
def test_probes_200(demo: Api, path: str) -> None:
    """The probes answer in JSON, to anybody."""
    answer = demo.app.get(path)
    assert (answer.status_int, answer.json) == (200, {"status": "ok"})
    assert answer.content_type == "application/json"


def test_check_200(make_api: MakeApi) -> None:
    """`check` tells what the seed says of the instance."""
    api = make_api({"settings": {"gitlab_version": "15.9.1", "gitlab_revision": "abc"}})
    answer = api.get("check")
    assert answer.status_int == 200
    assert answer.body == (
        b'{"api_version":"v4","gitlab_version":"15.9.1","gitlab_rev":"abc","redis":true}'
    )


def test_database_without_tables_503(demo: Api) -> None:
    """When the database does not answer only readiness suffers."""
    demo.app.get("/-/readiness")
    with demo.database.writing() as connection:
        connection.execute("DROP TABLE application_settings")
    answer = demo.app.get("/-/readiness", status=503)
    assert answer.json == {"status": "failed"}
    assert demo.app.get("/-/liveness").json == {"status": "ok"}
    assert demo.app.get("/-/health").body == b"GitLab OK"


def test_file_that_is_gone_503(tmp_path: Path, clock: Clock) -> None:
    """Who has the database open reads on, but the instance is not ready."""
    path = tmp_path / "internal_api.db"
    database, secrets = Database(path), Secrets(bytes(32), bytes(32))
    database.create()
    app = TestApp(create_app(Service(Config(data=tmp_path), database, clock), secrets))
    assert app.get("/-/readiness").json == {"status": "ok"}
    path.unlink()
    assert app.get("/-/readiness", status=503).json == {"status": "failed"}


def test_file_that_is_no_database_503(tmp_path: Path, clock: Clock) -> None:
    """A database file that was overwritten makes the instance not ready."""
    path = tmp_path / "internal_api.db"
    path.write_bytes(b"no database " * 1000)
    secrets = Secrets(bytes(32), bytes(32))
    app = TestApp(
        create_app(Service(Config(data=tmp_path), Database(path), clock), secrets)
    )
    assert app.get("/-/readiness", status=503).json == {"status": "failed"}
