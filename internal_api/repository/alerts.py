"""Alerts of projects."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Alert(NamedTuple):
    """An alert, as it is first stored; the payload is JSON."""

    title: str
    fingerprint: str | None
    payload: str


def record(connection: sqlite3.Connection, project_id: int, alert: Alert) -> None:
    """Count one more event of the alert with this fingerprint, or store a new alert.

    One that was resolved is over. Alerts without a fingerprint are never the same.
    """
    counted = connection.execute(
        """UPDATE alert_management_alerts SET events = events + 1 WHERE id = (
            SELECT min(id) FROM alert_management_alerts
            WHERE project_id = ? AND fingerprint = ? AND state <> 'resolved')""",
        (project_id, alert.fingerprint),
    ).rowcount
    if not counted:
        connection.execute(
            """INSERT INTO alert_management_alerts
            (project_id, title, fingerprint, payload) VALUES (?, ?, ?, ?)""",
            (project_id, *alert),
        )
