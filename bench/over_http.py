"""Rows 2 to 6, 9 and 11: servers under load, each request on its own connection."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import cycle

from bench.figures import (
    Figure,
    Run,
    at_least,
    at_most,
    in_turn,
)
from bench.load import Load, dial
from bench.processes import (
    Server,
    gunicorn,
    same_server_empty,
    service,
)
from bench.worlds import Question, World, make_kas_token, make_token

ROUND_S = 0.5
# More than a server remembers.
VARIETY = 8192
LARGE_PROJECTS = 100_000
# So many have more agents than a server remembers.
MANY_PROJECTS = 1000
# Until every page of the large database has been seen by both workers.
WARM_S = 6.0
IDLE_CLIENTS = 1000
HOLDING_CLIENTS = 100
# The server hangs up on who sits for 65 s.
LONGEST_SITTING_S = 20.0
STALL_S = 1.0
MICROSECONDS = 1e6


class Side:
    """One side of a ratio: a server and what it is asked.

    Args:
        server: The server.
        questions: Asked over and over.
        holders: How many clients keep their socket, besides the others.
        path: Of the unix socket to use instead of TCP.
    """

    def __init__(
        self,
        server: Server,
        questions: Iterable[Question],
        holders: int = 0,
        path: str | None = None,
    ) -> None:
        self._server = server
        self._address = path or server.address
        self._requests = cycle([question.request() for question in questions])
        self._holders = holders
        self._answers = 0
        self._seconds = self._server_s = self._load_s = 0.0
        self.failures = 0
        self.longest_s = 0.0

    def warm(self) -> None:
        """Ask until the server has what it asks the disk for once."""
        Load(self._address, self._requests).run(WARM_S)

    def round(self) -> float:
        """How many requests are answered in a second."""
        load = Load(self._address, self._requests, holders=self._holders)
        server_s, load_s = self._server.cpu_s(), time.process_time()
        outcome = load.run(ROUND_S)
        self._load_s += time.process_time() - load_s
        self._server_s += self._server.cpu_s() - server_s
        self._answers += outcome.answers
        self._seconds += outcome.seconds
        self.failures += outcome.failures
        self.longest_s = max(self.longest_s, outcome.longest_s)
        return outcome.answers / outcome.seconds

    def note(self, other: Side) -> str:
        """The figures of both sides."""
        load_s = (self._load_s + other._load_s) / (self._answers + other._answers)
        return (
            f"{self.per_second:.0f} and {other.per_second:.0f} a second; CPU of a"
            f" request {self.cpu_us:.0f} and {other.cpu_us:.0f} µs, of its client"
            f" {load_s * MICROSECONDS:.0f} µs"
        )

    @property
    def per_second(self) -> float:
        """How many requests were answered in a second, over all."""
        return self._answers / self._seconds

    @property
    def cpu_us(self) -> float:
        """The processor time of the server for a request, in microseconds."""
        return self._server_s / self._answers * MICROSECONDS


def compare(
    run: Run, first: Side, second: Side, *, may_fail: bool = False
) -> tuple[float, str]:
    """How many times the throughput of `second` that of `first` is, and a note.

    Raises:
        RuntimeError: A request was refused.
    """
    ratio = in_turn(first.round, second.round, int(run.seconds / ROUND_S)).ratio
    if first.failures + second.failures and not may_fail:
        raise RuntimeError(f"{first.failures} and {second.failures} requests failed")
    return ratio, first.note(second)


def same_server(run: Run) -> Iterator[Figure]:
    """Row 2: routes that read against an empty one on the same server."""
    world, other = World(run.folder / "full"), World(run.folder / "empty")
    many, one = world.pulls(VARIETY), world.pulls(1)
    info = world.agent_info(make_kas_token(world.secrets))
    empty_route = "over HTTP against an empty route on the same server"
    with (
        Server(service(world.data), one[0].request()) as full,
        Server(same_server_empty(other.data), one[0].request()) as empty,
    ):
        for what, questions, goal in (
            (f"/allowed, the same pull again, {empty_route}", one, 0.7),
            ("/allowed, another key and project each time", many, 0.7),
            (f"/agent_info {empty_route}", [info], 0.7),
        ):
            ratio, note = compare(run, Side(full, questions), Side(empty, questions))
            yield at_least(2, what, ratio, goal, note)


def plain_gunicorn(run: Run) -> Iterator[Figure]:
    """Row 3: the service as it is against the least that gunicorn can do."""
    world = World(run.folder / "default")
    questions = world.pulls(VARIETY)
    first = questions[0].request()
    with (
        Server(service(world.data), first) as full,
        Server(gunicorn("sync"), first) as empty,
    ):
        ratio, note = compare(run, Side(full, questions), Side(empty, questions))
    what = "serve, /allowed against gunicorn sync -w 1, empty route"
    yield at_least(3, what, ratio, 1, note)


def large_world(run: Run) -> Iterator[Figure]:
    """Row 4: a thousand keys against a million; any of them asks."""
    start = time.perf_counter()
    large = World(run.folder / "large", LARGE_PROJECTS)
    took = time.perf_counter() - start
    small = World(run.folder / "small")
    first = large.pull(make_token(large.secrets)), small.pull(make_token(small.secrets))
    sizes = "1 million keys and 100 thousand projects to 1:1000"
    with (
        Server(service(large.data), first[0].request()) as full,
        Server(service(small.data), first[1].request()) as empty,
    ):
        for named, by_name in (("key", False), ("user", True)):
            sides = (
                Side(empty, small.pulls(VARIETY, by_name=by_name)),
                Side(full, large.pulls(VARIETY, by_name=by_name)),
            )
            for side in sides:
                side.warm()
            # The time of a request is what its throughput is not.
            ratio, note = compare(run, *sides)
            what = f"time for a {named}, {sizes}"
            yield at_most(4, what, ratio, 1.05, f"{note}; made in {took:.0f} s")


def sitting_clients(run: Run) -> Iterator[Figure]:
    """Row 5: beside clients that say nothing, and such that keep their socket.

    The answers to those that keep it count, too.
    """
    world, other = World(run.folder / "sat_on"), World(run.folder / "alone")
    questions, others = world.pulls(VARIETY), other.pulls(VARIETY)
    short = replace(run, seconds=min(run.seconds, LONGEST_SITTING_S))
    with (
        Server(service(world.data), questions[0].request()) as sat_on,
        Server(service(other.data), others[0].request()) as alone,
    ):
        idle = dial(sat_on.address, IDLE_CLIENTS)
        side = Side(sat_on, questions, HOLDING_CLIENTS)
        ratio, note = compare(short, side, Side(alone, others))
        for client in idle:
            client.close()
    yield at_least(
        5, "throughput beside 1,000 idle, 100 holding clients", ratio, 0.9, note
    )
    yield Figure(
        5,
        "the longest that any of them waited",
        f"{side.longest_s:.2f} s",
        f"≤ {STALL_S:.2f} s",
        is_met=side.longest_s <= STALL_S,
    )


def two_workers(run: Run) -> Iterator[Figure]:
    """Row 6: two workers against one.

    The clients run on the same processors. Over a unix socket they take half of what
    they take over TCP, so there is the goal.
    """
    worlds = World(run.folder / "two"), World(run.folder / "one")
    pulls = [world.pulls(VARIETY) for world in worlds]
    mixed = [list(world.pulls_and_pushes(VARIETY)) for world in worlds]
    paths = [str(world.data / "socket") for world in worlds]
    servers = [
        service(world.data, "--workers", workers, "--bind", f"unix:{path}")
        for world, workers, path in zip(worlds, (2, 1), paths, strict=True)
    ]
    with (
        Server(servers[0], pulls[0][0].request()) as two,
        Server(servers[1], pulls[1][0].request()) as one,
    ):
        sides = Side(two, pulls[0], path=paths[0]), Side(one, pulls[1], path=paths[1])
        ratio, note = compare(run, *sides)
        yield at_least(6, "two workers against one, unix socket", ratio, 1.6, note)
        ratio, note = compare(run, Side(two, pulls[0]), Side(one, pulls[1]))
        yield at_least(6, "two workers against one, TCP", ratio, None, note)
        writing = Side(two, mixed[0])
        ratio, note = compare(run, writing, Side(one, mixed[1]), may_fail=True)
        what = "two workers against one, TCP, every second request writes"
        yield at_least(6, what, ratio, None, note)
    failures = writing.failures
    what = "answers of the two but 200"
    yield Figure(6, what, str(failures), "0", is_met=not failures)


def writing(run: Run) -> Iterator[Figure]:
    """Row 9: writing on every request against reading only.

    What is read is more than a server remembers: else nothing would be read.
    """
    world = World(run.folder / "written", MANY_PROJECTS)
    other = World(run.folder / "read", MANY_PROJECTS)
    pulls, token = other.pulls(VARIETY), make_token(world.secrets)
    pushes = [world.push(token) for _ in range(VARIETY)]
    token = make_kas_token(world.secrets)
    metrics = [world.usage_metrics(token) for _ in range(VARIETY)]
    token = make_kas_token(other.secrets)
    infos = [other.agent_info(token) for _ in range(VARIETY)]
    with (
        Server(service(world.data), pushes[0].request()) as written,
        Server(service(other.data), pulls[0].request()) as read,
    ):
        ratio, note = compare(run, Side(written, pushes), Side(read, pulls))
        yield at_least(9, "/pre_receive against /allowed", ratio, 0.85, note)
        ratio, note = compare(run, Side(written, metrics), Side(read, infos))
        yield at_least(9, "/usage_metrics against /agent_info", ratio, 0.85, note)
    world.limit_rate()
    counted = world.pulls(VARIETY)
    with (
        Server(service(world.data), counted[0].request()) as written,
        Server(service(other.data), pulls[0].request()) as read,
    ):
        ratio, note = compare(run, Side(written, counted), Side(read, pulls))
    yield at_least(9, "/allowed with a rate limit against without", ratio, None, note)


def control(run: Run) -> Iterator[Figure]:
    """Row 11: journal and reasons against a service without them."""
    worlds = World(run.folder / "journal"), World(run.folder / "no-journal")
    many, same = (world.pulls(VARIETY) for world in worlds)
    with (
        Server(service(worlds[0].data), many[0].request()) as full,
        Server(service(worlds[1].data, "--no-control"), same[0].request()) as bare,
    ):
        ratio, note = compare(run, Side(full, many), Side(bare, same))
    what = "serve, /allowed against serve --no-control"
    yield at_least(11, what, ratio, 0.95, note)
