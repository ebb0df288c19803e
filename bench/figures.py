"""What is measured, and how two things are measured in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench.

    Attributes:
        folder: Where files may lie; removed afterwards.
        seconds: How long each side of a ratio is measured.
        requests: How many requests the growth of memory is measured over.
    """

    folder: Path
    seconds: float
    requests: int


class Figure(NamedTuple):
    """One line of the table.

    Attributes:
        row: The number of its goal.
        what: What is measured.
        measured: The figure.
        goal: What it is to be; empty where there is none.
        is_met: Whether it is.
        note: The figures behind it.
    """

    row: int
    what: str
    measured: str
    goal: str = ""
    is_met: bool = True
    note: str = ""


class Comparison(NamedTuple):
    """What two things gave in turn."""

    pairs: list[tuple[float, float]]

    @property
    def ratio(self) -> float:
        """How many times the figure of the second that of the first is.

        The speed of a machine changes from minute to minute, so each ratio is that
        of neighbours, and their median counts.
        """
        return median(first / second for first, second in self.pairs)

    def medians(self, scale: float) -> str:
        """Both figures."""
        first, second = zip(*self.pairs, strict=True)
        return f"{median(first) * scale:.1f} and {median(second) * scale:.1f}"


def in_turn(
    first: Callable[[], float], second: Callable[[], float], rounds: int
) -> Comparison:
    """Measure two things in turn; who begins alternates."""
    pairs = []
    for number in range(max(1, rounds)):
        if number % 2:
            late = second()
            pairs.append((first(), late))
        else:
            pairs.append((first(), second()))
    return Comparison(pairs)


def at_most(row: int, what: str, ratio: float, goal: float | None, note: str) -> Figure:
    """A ratio that is to be small; without a goal it is only told."""
    if goal is None:
        return Figure(row, what, f"{ratio:.2f}x", note=note)
    text = f"≤ {goal:.2f}x"
    return Figure(row, what, f"{ratio:.2f}x", text, is_met=ratio <= goal, note=note)


def at_least(
    row: int, what: str, ratio: float, goal: float | None, note: str
) -> Figure:
    """A ratio that is to be large; without a goal it is only told."""
    if goal is None:
        return Figure(row, what, f"{ratio:.2f}x", note=note)
    text = f"≥ {goal:.2f}x"
    return Figure(row, what, f"{ratio:.2f}x", text, is_met=ratio >= goal, note=note)
