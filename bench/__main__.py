"""Measures the service against its ceiling, in one run.

Both sides of each ratio are driven in turn, so that a machine whose speed changes
changes both. A goal that is missed is said, and is no failure.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from bench import fixtures, in_process, over_http, start_and_size
from bench.figures import Figure, Run
from internal_api.options import number

ROWS: Mapping[int, Callable[[Run], Iterator[Figure]]] = {
    1: in_process.application_alone,
    2: over_http.same_server,
    3: over_http.plain_gunicorn,
    4: over_http.large_world,
    5: over_http.sitting_clients,
    6: over_http.two_workers,
    7: start_and_size.start,
    8: start_and_size.size,
    9: over_http.writing,
    10: fixtures.fixture,
    11: over_http.control,
}
PACKAGES = ("falcon", "gunicorn", "greenlet", "PyJWT", "msgspec")


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(
        description="Measure the service against its ceiling.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--rows", type=_rows, default=list(ROWS), help="numbers, with commas"
    )
    parser.add_argument(
        "--seconds", type=_positive, default=4.0, help="for each side of a ratio"
    )
    parser.add_argument(
        "--requests",
        type=number(int, 1),
        default=100_000,
        help="that memory grows over",
    )
    options = parser.parse_args()
    measure(options.rows, options.seconds, options.requests)


def _rows(text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isdecimal() and int(word) in ROWS for word in words):
        reason = f"expected numbers of {min(ROWS)} to {max(ROWS)}"
        raise argparse.ArgumentTypeError(reason)
    return [int(word) for word in words]


def _positive(text: str) -> float:
    seconds = number(float, 0)(text)
    if not seconds:
        raise argparse.ArgumentTypeError("expected more than 0")
    return seconds


def measure(rows: list[int], seconds: float, requests: int) -> None:
    """Measure the service against its ceiling."""
    _open_many_files()
    start = time.monotonic()
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for row in rows:
            for figure in ROWS[row](Run(Path(folder), seconds, requests)):
                figures.append(figure)
                passed = time.monotonic() - start
                sys.stderr.write(
                    f"{passed:4.0f} s  {figure.row}  {figure.what}: {figure.note}\n"
                )
    _print_table(figures)
    _print_machine(time.monotonic() - start)


def _print_table(figures: list[Figure]) -> None:
    width = max(len(figure.what) for figure in figures)
    print(f"\nrow  {'what':{width}}  measured     goal")
    for row, what, measured, goal, is_met, _note in figures:
        verdict = ("ok" if is_met else "MISSED") if goal else ""
        line = f"{row:>3}  {what:{width}}  {measured:>8}  {goal:>8}  {verdict}"
        print(line.rstrip())


def _print_machine(seconds: float) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = os.getloadavg()[0]
    print(
        f"\n{len(os.sched_getaffinity(0))} CPUs, {platform.system()}"
        f" {platform.release()}, load {load:.1f}, Python {platform.python_version()},"
        f" {packages}; {seconds:.0f} s"
    )


def _open_many_files() -> None:
    """Let this process have more clients than a shell allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
