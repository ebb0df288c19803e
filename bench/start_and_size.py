"""Rows 7 and 8: how fast a server starts, and how large it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, cycle
from pathlib import Path

from bench.figures import Figure, Run, at_most, in_turn
from bench.load import Load
from bench.processes import Command, Server, gunicorn, service
from bench.worlds import (
    ALLOWED,
    PRE_RECEIVE,
    Question,
    World,
    make_token,
    shell_headers,
)
from internal_api.config import Config
from internal_api.secret_files import read_or_create

READINESS = b"GET /-/readiness HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
EMPTY_ROUTE = Question(ALLOWED, b"{}", {}).request()
STARTS_PER_SECOND = 2
SIZE_ROUNDS = 3
SETTLE_S = 0.5
LOAD_S = 1.0
VARIETY = 8192
BYTES_PER_KIB = 1024
# A million requests then add less than a tenth of the whole.
FLAT_BYTES = 4.0
MILLISECONDS = 1e3
MEBIBYTES = 1 / 1024


def start(run: Run) -> Iterator[Figure]:
    """Row 7: from the start to the first answer, without a database before it."""
    rounds = max(1, int(run.seconds * STARTS_PER_SECOND))
    folders = (run.folder / f"start-{number}" for number in count())
    sync = partial(_start_s, gunicorn("sync"), EMPTY_ROUTE)
    for what, first, goal in (
        ("/-/readiness", partial(_ready_s, folders), 1.15),
        ("/-/readiness with the seed demo", partial(_ready_s, folders, "demo"), None),
        ("the answer to a token", partial(_asked_s, folders), None),
    ):
        # What both import is read from the disk once.
        first()
        sync()
        figures = in_turn(first, sync, rounds)
        note = f"{figures.medians(MILLISECONDS)} ms"
        against = "against gunicorn sync -w 1, empty route"
        yield at_most(7, f"start to {what} {against}", figures.ratio, goal, note)


def size(run: Run) -> Iterator[Figure]:
    """Row 8: memory at the start and with what the first /allowed loads; its growth."""
    world = World(run.folder / "size")
    allowed = world.pulls(1)[0].request()
    for workers in (2, 1):
        command = service(world.data, "--workers", workers)
        sync = gunicorn("sync", workers)
        for when, request in (
            ("at the start", READINESS),
            ("after an /allowed", allowed),
        ):
            figures = in_turn(
                partial(_pss_kib, command, request),
                partial(_pss_kib, sync, EMPTY_ROUTE),
                SIZE_ROUNDS,
            )
            against = f"--workers {workers} against gunicorn sync -w {workers}, empty"
            note = f"{figures.medians(MEBIBYTES)} MiB"
            yield at_most(8, f"memory {when}, {against}", figures.ratio, 1.15, note)
    yield _growth(run, world)


def _growth(run: Run, world: World) -> Figure:
    """How memory grows; a first fifth of the requests fills what is kept."""
    questions = world.pulls_and_pushes(VARIETY)
    requests = cycle([question.request() for question in questions])
    answers, sizes = 0, []
    with Server(service(world.data), next(requests)) as server:
        before = server.pss_kib()
        while answers < run.requests:
            answers += Load(server.address, requests).run(LOAD_S).answers
            sizes.append((answers, server.pss_kib()))
    start = next(point for point in sizes if point[0] >= run.requests / 5)
    grown = (sizes[-1][1] - start[1]) * BYTES_PER_KIB
    slope = grown / max(answers - start[0], 1)
    return Figure(
        8,
        f"growth over {answers} requests, half of them writing, in bytes each",
        f"{slope:.1f}",
        f"≤ {FLAT_BYTES:.1f}",
        is_met=slope <= FLAT_BYTES,
        note=f"{before}, {start[1]}, {sizes[-1][1]} KiB after 1, {start[0]}, {answers}",
    )


def _start_s(command: Command, request: bytes) -> float:
    with Server(command, request) as server:
        return server.start_s


def _ready_s(folders: Iterator[Path], *seeds: str) -> float:
    options = (f"--seed={seed}" for seed in seeds)
    return _start_s(service(next(folders), *options), READINESS)


def _asked_s(folders: Iterator[Path]) -> float:
    data = next(folders)
    headers = shell_headers(make_token(read_or_create(Config(data))))
    body = json.dumps({"gl_repository": "project-1"}).encode()
    return _start_s(service(data), Question(PRE_RECEIVE, body, headers).request())


def _pss_kib(command: Command, request: bytes) -> float:
    with Server(command, request) as server:
        time.sleep(SETTLE_S)
        return server.pss_kib()
