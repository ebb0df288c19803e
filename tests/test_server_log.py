"""What the server logs."""

from __future__ import annotations

import logging

import pytest

from internal_api.server_log import Log


def test_no_query_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What fails is named without its query, which may hold a token."""
    log = Log(logging.getLogger("test"))
    with caplog.at_level(logging.ERROR):
        log.error("Error handling request %s", "/lfs?secret_token=hush")
        log.error("%s: %d", "/check?secret_token=hush", 5)
    assert [record.getMessage() for record in caplog.records] == [
        "Error handling request /lfs",
        "/check: 5",
    ]
