"""What commands of the command line take, and how it is read."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from internal_api.config import ENVIRONMENT_PREFIX, ConfigError

HELP = frozenset({"-h", "--help"})
TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
FALSE = frozenset({"", "0", "false", "f", "no", "n", "off"})


class UsageError(ConfigError):
    """A command line that cannot be read: one line that says why."""


class Option(NamedTuple):
    """An option, which an environment variable of its name may give, too.

    Attributes:
        name: With its dashes.
        help: What it is for.
        metavar: Stands for its value; None where it is a flag.
        read: Makes a value of a text.
        choices: Its values, if they are few.
        default: What it is where nobody says.
        separator: Between several values in the variable; empty where it takes one.
        split: Takes the variable apart where a value may have a separator in it.
    """

    name: str
    help: str
    metavar: str | None = None
    read: Callable[[str], Any] = str
    choices: tuple[str, ...] | None = None
    default: Any = None
    separator: str = ""
    split: Callable[[str], list[str]] | None = None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return ENVIRONMENT_PREFIX + self.dest.upper()

    @property
    def dest(self) -> str:
        """Its name for Python."""
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def is_flag(self) -> bool:
        """Whether it has no value."""
        return not (self.metavar or self.choices)

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Let a parser read it."""
        default = " ".join(self.default) if self.separator else self.default
        shown = f"; default: {default}" if default else ""
        text = f"{self.help} [{self.variable}{shown}]"
        if self.is_flag:
            parser.add_argument(self.name, action="store_true", help=text)
            return
        parser.add_argument(
            self.name,
            action="append" if self.separator else "store",
            type=self.read,
            choices=self.choices,
            metavar=self.metavar,
            help=text,
        )

    def words(self, environ: Mapping[str, str]) -> list[str]:
        """What the variable says, as words of a command line.

        Raises:
            UsageError: It says neither yes nor no of a flag.
        """
        text = environ.get(self.variable, "")
        if not self.is_flag:
            if self.split:
                values = self.split(text)
            elif self.separator:
                # Any space separates, where one does.
                values = text.split(self.separator.strip() or None)
            else:
                values = [text]
            return [f"{self.name}={value}" for value in values if value]
        if text.lower() in TRUE:
            return [self.name]
        if text.lower() in FALSE:
            return []
        raise UsageError(f"{self.variable}: {text!r} is neither yes nor no")


class Argument(NamedTuple):
    """An argument without a name.

    Attributes:
        dest: Its name for Python.
        metavar: Stands for it.
        choices: Its values, if they are few.
        default: What it is where nobody says; without one it must be given.
        several: Whether it takes more than one.
    """

    dest: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    default: str | None = None
    several: bool = False

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Let a parser read it."""
        number = "+" if self.several else "?" if self.default else None
        parser.add_argument(
            self.dest,
            nargs=number,
            default=self.default,
            choices=self.choices,
            metavar=self.metavar,
        )


class Command(NamedTuple):
    """A command.

    Attributes:
        run: Does it: a function of the values by name.
        options: Its options.
        argument: Its argument, if it has one.
    """

    run: Callable[..., None]
    options: Sequence[Option] = ()
    argument: Argument | None = None

    @property
    def help(self) -> str:
        """What it does."""
        return (self.run.__doc__ or "").strip()

    def read(
        self, name: str, words: Sequence[str], environ: Mapping[str, str]
    ) -> dict[str, Any]:
        """Read its options and its argument; a word wins over a variable.

        Raises:
            UsageError: They are not what they should be.
            SystemExit: It was asked for help, which is printed.
        """
        parser = Parser(
            prog=f"internal-api {name}", description=self.help, allow_abbrev=False
        )
        for each in (*self.options, *((self.argument,) if self.argument else ())):
            each.add_to(parser)
        named, arguments = self._sorted(words)
        said = {word.partition("=")[0] for word in named}
        # Who asks for help is not told of variables.
        others = () if HELP & said else self.options
        given = [
            word
            for option in others
            if option.name not in said
            for word in option.words(environ)
        ]
        ends = ["--"] if any(word.startswith("-") for word in arguments) else []
        values = vars(parser.parse_args([*given, *named, *ends, *arguments]))
        for option in self.options:
            value = values[option.dest]
            if value is None:
                values[option.dest] = option.default
            elif option.separator:
                values[option.dest] = tuple(value)
        return values

    def _sorted(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Options, each joined with its value, which may begin with a dash; the rest.

        Raises:
            UsageError: A value is missing.
        """
        valued = {option.name for option in self.options if not option.is_flag}
        named, arguments, rest = list[str](), list[str](), iter(words)
        for word in rest:
            if word == "--":
                arguments.extend(rest)
            elif word in valued:
                value = next(rest, None)
                if value is None:
                    raise UsageError(f"{word}: expected one argument")
                named.append(f"{word}={value}")
            else:
                is_option = word.startswith("-") and word != "-"
                (named if is_option else arguments).append(word)
        return named, arguments


class Parser(argparse.ArgumentParser):
    """Tells what is wrong, and does not end the program for it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong.

        Raises:
            UsageError: This.
        """
        raise UsageError(message.removeprefix("argument "))


def json_values(text: str) -> list[str]:
    """Take apart values of JSON, one behind the other; what is none is the last."""
    values, rest = list[str](), text.strip()
    while rest:
        try:
            _, end = json.JSONDecoder().raw_decode(rest)
        except (ValueError, RecursionError):
            end = len(rest)
        values.append(rest[:end])
        rest = rest[end:].lstrip()
    return values


def number(
    kind: type[int | float], least: int, most: float = math.inf
) -> Callable[[str], float]:
    """Make a reader of numbers.

    Args:
        kind: Of which kind they are.
        least: The smallest.
        most: The largest.
    """
    bounds = f"from {least} on" if most == math.inf else f"from {least} to {most}"

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number {bounds}")
        return value

    return read
