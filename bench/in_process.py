"""Row 1: the application alone, called without a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any

from bench import ceiling
from bench.figures import Figure, Run, at_most, in_turn
from bench.worlds import Question, World, make_token
from internal_api.app import create_app
from internal_api.repository.database import Database

CALLS_PER_ROUND = 100
MICROSECONDS = 1e6
# More than the service remembers.
VARIETY = 4096

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def allowed(run: Run) -> Iterator[Figure]:
    """Row 1: `/allowed` against an empty route."""
    world = World(run.folder / "in-process")
    database = Database(world.config.database_path)
    full = create_app(world.config, database, world.secrets)
    one, many = world.pulls(1), world.pulls(VARIETY)
    tokens = [make_token(world.secrets, number) for number in range(VARIETY)]
    all_new = [
        question._replace(token=token)
        for question, token in zip(many, tokens, strict=True)
    ]
    for what, questions, goal in (
        ("a token seen before", one, 8),
        ("a new token each time", [one[0]._replace(token=t) for t in tokens], 14),
        ("a token seen before, another key and project each time", many, None),
        ("another token, key and project each time", all_new, None),
    ):
        call, empty = _caller(full, questions), _caller(ceiling.application, questions)
        empty()
        # The first calls load what the others need.
        rounds = int(run.seconds / CALLS_PER_ROUND / max(call(), call()))
        figures = in_turn(call, empty, rounds)
        note = f"{figures.medians(MICROSECONDS)} µs of CPU"
        yield at_most(1, f"/allowed in process, {what}", figures.ratio, goal, note)
    database.close()


def _caller(application: Application, questions: list[Question]) -> Callable[[], float]:
    """Calls an application some times; gives the processor time of a call, in s."""
    turns = cycle(questions)

    def call() -> float:
        start = time.process_time()
        for _ in range(CALLS_PER_ROUND):
            b"".join(application(next(turns).environ(), _start_response))
        return (time.process_time() - start) / CALLS_PER_ROUND

    return call


def _start_response(*_: Any) -> None:
    """Take status and headers."""
