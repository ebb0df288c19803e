"""Faults that a test asks for: what a client does when GitLab fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from internal_api.access.wildcards import matches
from internal_api.standin.board import MOST_COUNTERS, Board
from internal_api.standin.matching import have

LONGEST_DELAY_S = 600
_COUNTERS_OF_A_RULE = 2
MOST_RULES = MOST_COUNTERS // _COUNTERS_OF_A_RULE


class FaultError(ValueError):
    """A rule that cannot be: one line that says why."""


class Match(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which requests a rule is about; what is not said does not matter.

    Attributes:
        method: The verb.
        path: Without the relative URL root; `*` stands for anything.
        parameters: Values by name; a number is as good as its text.
    """

    method: str | None = None
    path: str | None = None
    parameters: dict[str, Any] = {}


class Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to some requests.

    Attributes:
        match: To which.
        times: To how many of them; None is to all.
        probability: To which share of them, by a lot that `seed` decides.
        delay: Seconds to wait first; without anything else the answer is the real one.
        status: Answer this status instead.
        body: With this body: JSON, or a text as it is. None says the status.
        headers: And these headers.
        retry_after: And `Retry-After`, in seconds.
        drop: Answer nothing and close the connection.
        truncate: Close the connection after so many bytes of the body.
    """

    match: Match = msgspec.field(default_factory=Match)
    times: Annotated[int, Meta(ge=1)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    delay: Annotated[float, Meta(ge=0, le=LONGEST_DELAY_S)] = 0.0
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    body: Any = None
    headers: dict[str, str] = {}
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    drop: bool = False
    truncate: Annotated[int, Meta(ge=0)] | None = None


class Rules(msgspec.Struct, frozen=True):
    """All rules; the first that matches and has not had its times acts."""

    rules: tuple[Rule, ...] = ()


class Faults:
    """The rules of a server, for all its workers."""

    def __init__(self) -> None:
        self._board = Board(Rules())

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._board.read().rules)

    def set(self, rules: tuple[Rule, ...]) -> None:
        """Replace the rules; they start to count anew.

        Raises:
            FaultError: A rule does nothing, or contradicts itself.
            TooLargeError: They are over a megabyte.
        """
        _check(rules)
        self._board.change(lambda _old: Rules(rules))

    def add(self, rules: tuple[Rule, ...]) -> None:
        """Set more rules behind the others, which go on counting.

        Raises:
            FaultError: A rule does nothing, or contradicts itself.
            TooLargeError: All rules are over a megabyte.
        """

        def added(old: Rules) -> Rules:
            _check(new := (*old.rules, *rules))
            return Rules(new)

        self._board.change(added, keep_counters=True)

    def clear(self) -> None:
        """Let nothing fail any more."""
        self._board.clear()

    def described(self) -> list[dict[str, Any]]:
        """The rules as they were set, and how often each has acted."""
        return [
            msgspec.to_builtins(rule) | {"acted": self._acted(number, rule)}
            for number, rule in enumerate(self._board.read().rules)
        ]

    def find(
        self, method: str, path: str, parameters: Mapping[str, Any]
    ) -> Rule | None:
        """The rule that acts on a request, which is counted."""
        for number, rule in enumerate(self._board.read().rules):
            if _matches(rule.match, method, path, parameters) and self._acts(
                number, rule
            ):
                return rule
        return None

    def close(self) -> None:
        """Give their memory back."""
        self._board.close()

    def _acts(self, number: int, rule: Rule) -> bool:
        """Draw the lot, if any, then take one of the times."""
        first = number * _COUNTERS_OF_A_RULE
        if rule.probability < 1:
            import random  # noqa: PLC0415 - hardly any server draws lots

            draw = self._board.count(first + 1)
            lot = random.Random(f"{rule.seed} {draw}").random()  # noqa: S311 - no secret
            if lot >= rule.probability:
                return False
        before = self._board.count(first)
        return rule.times is None or before < rule.times

    def _acted(self, number: int, rule: Rule) -> int:
        counted = self._board.counter(number * _COUNTERS_OF_A_RULE)
        return counted if rule.times is None else min(counted, rule.times)


def decode(text: bytes | str) -> tuple[Rule, ...]:
    """Read one rule, or a list, as JSON.

    Raises:
        FaultError: It is neither.
    """
    try:
        rules = msgspec.json.decode(text, type=Rule | tuple[Rule, ...])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FaultError(str(error)) from error
    return (rules,) if isinstance(rules, Rule) else rules


def _check(rules: tuple[Rule, ...]) -> None:
    if len(rules) > MOST_RULES:
        raise FaultError(f"over {MOST_RULES} rules")
    for number, rule in enumerate(rules):
        if problem := _problem(rule):
            raise FaultError(f"rule {number}: {problem}")


def _problem(rule: Rule) -> str | None:
    answers = rule.body is not None or rule.headers or rule.retry_after is not None
    if rule.drop and (answers or rule.status or rule.truncate is not None):
        return "`drop` answers nothing"
    if answers and rule.status is None:
        return "`body`, `headers` and `retry_after` need a `status`"
    does_something = rule.drop or rule.delay or rule.truncate is not None
    if not (does_something or rule.status):
        return "expected `status`, `delay`, `drop` or `truncate`"
    for name, value in rule.headers.items():
        if not (_is_token(name) and value.isprintable() and value.isascii()):
            return f"header {name!r} cannot be sent"
    return None


def _is_token(name: str) -> bool:
    return name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _matches(
    match: Match, method: str, path: str, parameters: Mapping[str, Any]
) -> bool:
    if match.method and match.method.upper() != method:
        return False
    if match.path and not matches(match.path.rstrip("/") or "/", path):
        return False
    return have(parameters, match.parameters)
