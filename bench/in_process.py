"""Row 1: the application alone, called without a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any

from bench import ceiling
from bench.figures import Figure, Run, at_most, in_turn
from bench.worlds import (
    Question,
    World,
    kas_headers,
    make_kas_token,
    make_token,
    shell_headers,
)
from internal_api.app import create_app
from internal_api.repository.database import Database
from internal_api.resources.service import Service

CALLS_PER_ROUND = 100
MICROSECONDS = 1e6
# More than the service remembers.
VARIETY = 4096

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application_alone(run: Run) -> Iterator[Figure]:
    """Row 1: each route against an empty one."""
    world = World(run.folder / "in-process")
    database = Database(world.config.database_path)
    full = create_app(Service(world.config, database), world.secrets)
    for what, questions, goal in (*_allowed(world), *_kubernetes(world)):
        call, empty = _caller(full, questions), _caller(ceiling.application, questions)
        empty()
        # The first calls load what the others need.
        rounds = int(run.seconds / CALLS_PER_ROUND / max(call(), call()))
        figures = in_turn(call, empty, rounds)
        note = f"{figures.medians(MICROSECONDS)} µs of CPU"
        yield at_most(1, what, figures.ratio, goal, note)
    database.close()


def _allowed(world: World) -> Iterator[tuple[str, list[Question], float]]:
    one, many = world.pulls(1), world.pulls(VARIETY)
    headers = [
        shell_headers(make_token(world.secrets, number)) for number in range(VARIETY)
    ]
    new_tokens = [one[0]._replace(headers=new) for new in headers]
    all_new = [
        question._replace(headers=new)
        for question, new in zip(many, headers, strict=True)
    ]
    again, other = (
        f"/allowed in process, {pull}"
        for pull in ("the same pull again", "another key and project each time")
    )
    yield f"{again}, a token seen before", one, 8
    yield f"{again}, a new token each time", new_tokens, 14
    yield f"{other}, a token seen before", many, 8
    yield f"{other}, a new token each time", all_new, 14


def _kubernetes(world: World) -> Iterator[tuple[str, list[Question], float | None]]:
    token = make_kas_token(world.secrets)
    one, metrics = world.agent_info(token), world.usage_metrics(token)
    new_tokens = [
        one._replace(headers={**one.headers, **kas_headers(new)})
        for new in (make_kas_token(world.secrets, number) for number in range(VARIETY))
    ]
    yield "/agent_info in process, a token seen before", [one], 8
    yield "/agent_info in process, a new token each time", new_tokens, 14
    yield "/usage_metrics in process, which writes", [metrics], None


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
