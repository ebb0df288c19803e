"""Row 10: what a test waits for, in a thread of its own process and over HTTP."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from bench.figures import Figure, Run
from bench.processes import Server, service
from bench.start_and_size import MILLISECONDS, READINESS
from bench.worlds import CHECK
from internal_api.testing import Seed, serving

RESET = "/_standin/v1/reset"
SEED = "/_standin/v1/seed"
CHANGE = {"users": [{"username": "ada"}]}
SUCCESS = (200, 204)


def fixture(run: Run) -> Iterator[Figure]:
    """Row 10: from the start of the fixture to its first answer, and a reset."""
    folders = (run.folder / f"fixture-{number}" for number in count())
    start = "fixture in a thread, start to first answer"
    yield _at_most(run, start, partial(_start_s, folders, ()), 15)
    yield _at_most(run, f"{start}, seed demo", partial(_start_s, folders, "demo"), None)
    with serving(next(folders), "demo") as api:
        reset = partial(_reset_s, partial(api.seed, CHANGE), api.reset)
        yield _at_most(run, "reset of the seed demo, in memory", reset, 1)
    with Server(service(next(folders), "--seed", "demo"), READINESS) as server:
        ask = partial(_ask, *server.address, "POST")
        body = json.dumps(CHANGE)
        reset = partial(_reset_s, partial(ask, SEED, body), partial(ask, RESET))
        what = "reset of the seed demo, in a file, over HTTP"
        yield _at_most(run, what, reset, 20)


def _at_most(
    run: Run, what: str, measure: Callable[[], float], goal_ms: float | None
) -> Figure:
    """The median of durations in seconds."""
    # What the first one imports stays.
    measure()
    taken, end = list[float](), time.perf_counter() + run.seconds
    while not taken or time.perf_counter() < end:
        taken.append(measure() * MILLISECONDS)
    note = f"{len(taken)} times, {min(taken):.2f} to {max(taken):.2f} ms"
    took_ms = median(taken)
    goal = f"≤ {goal_ms} ms" if goal_ms else ""
    is_met = goal_ms is None or took_ms <= goal_ms
    return Figure(10, what, f"{took_ms:.2f} ms", goal, is_met=is_met, note=note)


def _start_s(folders: Iterator[Path], seed: Seed | tuple[Seed, ...]) -> float:
    data, start = next(folders), time.perf_counter()
    with serving(data, seed) as api:
        host, _, port = api.url.rpartition("/")[2].partition(":")
        _ask(host, int(port), "GET", CHECK, **api.headers())
        return time.perf_counter() - start


def _reset_s(change: Callable[[], object], reset: Callable[[], object]) -> float:
    change()
    start = time.perf_counter()
    reset()
    return time.perf_counter() - start


def _ask(
    host: str,
    port: int,
    method: str,
    path: str,
    body: str | None = None,
    **headers: str,
) -> None:
    """Send a request on a connection of its own.

    Raises:
        RuntimeError: It is refused.
    """
    with closing(http.client.HTTPConnection(host, port)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status not in SUCCESS:
        raise RuntimeError(f"{method} {path}: {answer.status} {content!r}")
