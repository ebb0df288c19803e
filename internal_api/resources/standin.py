"""The control routes: what a test does to the stand-in itself.

GitLab has nothing like them. They lie under `/_standin/v1/`, outside of GitLab's
authentication and of the journal.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import falcon
import msgspec

from internal_api import seats
from internal_api.dates import iso_time
from internal_api.errors import write_json
from internal_api.middleware import read_body
from internal_api.repository.database import Database
from internal_api.repository.snapshots import SEEDED, Snapshots
from internal_api.standin.clock import Change
from internal_api.standin.control import Control
from internal_api.standin.faults import decode
from internal_api.standin.journal import MOST_ENTRIES, Filter
from internal_api.standin.shown import describe

# How often a waiting request looks at the journal, and for how long at most.
WAIT_INTERVAL_S = 0.002
LONGEST_WAIT_S = 60.0
DEFAULT_WAIT_S = 5.0


class ControlError(Exception):
    """A control request that cannot be done: one line that says why."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Standin:
    """The collaborators of the control routes."""

    control: Control
    database: Database
    snapshots: Snapshots


class Resource:
    """A control route."""

    def __init__(self, standin: Standin) -> None:
        self._control = standin.control
        self._database = standin.database
        self._snapshots = standin.snapshots


class Inspector(Resource):
    """`GET /_standin/`: a page that shows all this to people."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the page, which asks the other control routes."""
        from internal_api.standin import inspector  # noqa: PLC0415

        page, policy = inspector.page()
        resp.content_type = falcon.MEDIA_HTML
        resp.data = page
        resp.set_headers(
            {
                "Cache-Control": "no-cache",
                "Content-Security-Policy": policy,
                # The address may hold the token.
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            }
        )


class Reset(Resource):
    """`POST /_standin/v1/reset`: every test starts from the same state."""

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Go back to the seeded state; 204.

        Journal and faults are empty then, and the clock shows the real time.
        """
        self._snapshots.restore(SEEDED)
        self._control.reset()
        resp.status = 204


class Seed(Resource):
    """`POST /_standin/v1/seed`: more state, until the next reset."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Load a seed document, YAML or JSON; 200 counts what it held.

        Raises:
            ControlError: The document is none, or contradicts what is there.
        """
        # YAML and the checks of a seed are not needed to serve what is there.
        from internal_api import seeds  # noqa: PLC0415

        try:
            document = seeds.parse("seed", read_body(req.env))
            summary = seeds.load(self._database, [document], self._control.clock())
        except seeds.SeedError as error:
            raise ControlError(str(error)) from error
        write_json(resp, 200, {"seeded": str(summary)})


class SnapshotNames(Resource):
    """`GET /_standin/v1/snapshots`: what there is to go back to."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the names."""
        write_json(resp, 200, {"snapshots": self._snapshots.names()})


class Snapshot(Resource):
    """`PUT /_standin/v1/snapshots/NAME`: saves the state of the database."""

    def on_put(self, _req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Save it; 204. `seeded` is what a reset goes back to.

        Raises:
            SnapshotError: It cannot have this name.
        """
        self._snapshots.save(name)
        resp.status = 204


class Restore(Resource):
    """`POST /_standin/v1/snapshots/NAME/restore`: goes back to a saved state."""

    def on_post(self, _req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Restore the database, and nothing else; 204.

        Raises:
            SnapshotError: There is none of this name.
        """
        self._snapshots.restore(name)
        resp.status = 204


class World(Resource):
    """`GET /_standin/v1/world`: how much there is in the database."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer how many entries each list of `WorldList` has."""
        # Only people ask for it, so it takes no memory before.
        from internal_api.repository import overview  # noqa: PLC0415

        with self._database.reading() as connection:
            write_json(resp, 200, overview.totals(connection))


class WorldList(Resource):
    """`GET /_standin/v1/world/NAME`: what there is, without secrets."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Answer the first hundred that `search` finds, and how many it finds.

        Raises:
            ControlError: There is no such list.
        """
        from internal_api.repository import overview  # noqa: PLC0415
        from internal_api.standin import world  # noqa: PLC0415

        if name not in overview.NAMES:
            known = ", ".join(overview.NAMES)
            raise ControlError(f"{name!r} is none of {known}", status=404)
        search, now = req.get_param("search") or "", iso_time(self._control.clock())
        with self._database.reading() as connection:
            write_json(resp, 200, world.show(connection, name, search, now))


class JournalRoute(Resource):
    """A route that looks into the journal."""

    def find(self, wanted: Filter) -> list[dict[str, Any]]:
        """The entries that a filter takes, without secrets."""
        return [describe(*found) for found in self._control.journal.find(wanted)]


class Requests(JournalRoute):
    """`/_standin/v1/requests`: the last thousand requests to the GitLab routes."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer those that the filter takes, the oldest first.

        Raises:
            ControlError: A parameter cannot be read.
        """
        limit = _integer(req, "limit", MOST_ENTRIES)
        found = self.find(_filter(req))
        write_json(resp, 200, {"requests": found[-limit:] if limit else []})

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Forget them all; 204."""
        self._control.journal.clear()
        resp.status = 204


class LatestRequest(JournalRoute):
    """`GET /_standin/v1/requests/latest`: the last request that a filter takes."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer it; 404 when there is none.

        Raises:
            ControlError: A parameter cannot be read.
        """
        found = self.find(_filter(req))
        if not found:
            raise ControlError("there was no such request", status=404)
        write_json(resp, 200, found[-1])


class RequestCount(JournalRoute):
    """`GET /_standin/v1/requests/count`: how many requests a filter takes."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the number.

        Raises:
            ControlError: A parameter cannot be read.
        """
        write_json(resp, 200, {"count": len(self.find(_filter(req)))})


class RequestWait(JournalRoute):
    """`GET /_standin/v1/requests/wait`: until there are so many requests."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer 200 as soon as `count` requests are there, 504 after `timeout` s.

        Raises:
            ControlError: A parameter cannot be read.
        """
        wanted, count = _filter(req), _integer(req, "count", 1)
        timeout_s = _seconds(req, "timeout", DEFAULT_WAIT_S)
        deadline = time.monotonic() + min(timeout_s, LONGEST_WAIT_S)
        seen, found = -1, list[dict[str, Any]]()
        while True:
            last = self._control.journal.last
            if last != seen:
                seen, found = last, self.find(wanted)
            is_over = time.monotonic() >= deadline
            if len(found) >= count or is_over:
                break
            self._control.sleep(WAIT_INTERVAL_S)
        status = 200 if len(found) >= count else 504
        write_json(resp, status, {"count": len(found), "requests": found})


class Faults(Resource):
    """`/_standin/v1/faults`: which requests fail, and how."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the rules, and how often each has acted."""
        write_json(resp, 200, {"faults": self._control.faults.described()})

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Replace the rules by one or by a list; 200 answers them.

        Raises:
            FaultError: It is none, does nothing, or contradicts itself.
        """
        self._control.faults.set(decode(read_body(req.env)))
        self.on_get(req, resp)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Add one rule or a list; 200 answers all.

        Raises:
            FaultError: It is none, does nothing, or contradicts itself.
        """
        self._control.faults.add(decode(read_body(req.env)))
        self.on_get(req, resp)

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Let nothing fail any more; 204."""
        self._control.faults.clear()
        resp.status = 204


class Clock(Resource):
    """`/_standin/v1/clock`: the service's time."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer the time, and whether it stands still."""
        clock = self._control.clock
        write_json(resp, 200, {"now": iso_time(clock()), "frozen": clock.is_frozen})

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Freeze or move it; 200 answers the new time.

        Raises:
            ControlError: The body does not say how.
            ClockError: The time is out of the clock's range.
        """
        self._control.clock.set(_change(req))
        self.on_get(req, resp)

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Show the real time again; 204."""
        self._control.clock.reset()
        resp.status = 204


class SeatsRefresh(Resource):
    """`POST /_standin/v1/seats/refresh`: what GitLab does every day."""

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Count the seats of paid subscriptions, at the service's time; 200."""
        refreshed = seats.refresh(self._database, self._control.clock())
        write_json(resp, 200, {"refreshed": refreshed})


def _change(req: falcon.Request) -> Change:
    try:
        return msgspec.json.decode(read_body(req.env), type=Change)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ControlError(str(error)) from error


def _filter(req: falcon.Request) -> Filter:
    """Read a filter; `since` is an id or a time.

    Raises:
        ControlError: A parameter cannot be read.
    """
    since, after, moment = req.get_param("since") or "", 0, 0.0
    if since.isdecimal():
        after = _integer(req, "since", 0)
    elif since:
        moment = _moment(since)
    method = req.get_param("method")
    status = _integer(req, "status", 0)
    return Filter(
        req.get_param("path"),
        method.upper() if method else None,
        status or None,
        after,
        moment,
    )


def _moment(text: str) -> float:
    try:
        # A plus sign that was not encoded came as a space.
        time = datetime.fromisoformat(text.replace(" ", "+"))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ControlError(f"since {text!r}: expected an id or a time") from error


def _integer(req: falcon.Request, name: str, default: int) -> int:
    text = req.get_param(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004
        raise ControlError(f"{name} {text!r}: expected a number")
    return int(text)


def _seconds(req: falcon.Request, name: str, default: float) -> float:
    text = req.get_param(name)
    try:
        seconds = default if text is None else float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise ControlError(f"{name} {text!r}: expected seconds")
    return seconds
