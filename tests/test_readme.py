"""The README: its examples answer as shown, and its tables are the code's."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin
from typing import get_type_hints as hints

import msgspec
import pytest
import yaml
from api import ADMIN_TOKEN
from readme import BLOCKS, PROJECT, README, environment

from internal_api import pytest_plugin, seeds
from internal_api.cli import COMMANDS, run
from internal_api.config import ENVIRONMENT_PREFIX, FOLLOW, Config
from internal_api.options import Command
from internal_api.repository.database import Database
from internal_api.standin.app import ROUTES as CONTROL_ROUTES
from internal_api.standin.mount import PREFIX

if TYPE_CHECKING:
    from api import MakeApi

    from internal_api.testing import InternalApi

# Stands for whatever differs from run to run.
ANYTHING = "…"
PORT = ":3001"
SERVERS = ("internal-api serve", "waitress-serve")
TIMEOUT_S = 60
# When the seed of the README says that it is loaded.
NOW = datetime(2022, 8, 1, 12, 0, tzinfo=UTC)
# Of two keys one has to be there; the README names the second in a comment.
EITHER = {
    "token": "token_digest",
    "scim_token": "scim_token_digest",
    "project": "group",
}
KEPT = {*EITHER, *EITHER.values(), "id", "namespace_id"}


REFERENCE = next(block.text for block in BLOCKS if block.file == "reference.yml")


def _steps() -> Iterator[tuple[str, str]]:
    """The commands of the README and their answers."""
    for block in BLOCKS:
        if block.language == "console":
            for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                found = re.match(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", step, re.DOTALL)
                assert found
                yield found[1].strip(), found[2].strip()


def _table(title: str) -> list[list[str]]:
    """The rows of the table whose first column has this title."""
    head = rf"^\| {title} \|.*\n\|[-|]+\n"
    (rows,) = re.findall(rf"{head}((?:\|.*\n)+)", README, re.MULTILINE)
    return [
        [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in rows.splitlines()
    ]


class Terminal:
    """A shell in a folder with the README's files; it runs one server at a time.

    A server listens on a free port; commands and answers have the README's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "home"
        self._folder.mkdir()
        self._errors = folder / "stderr"
        self._server: subprocess.Popen[bytes] | None = None
        self._port = PORT
        for block in BLOCKS:
            if block.file:
                (self._folder / block.file).write_text(block.text)
        self._env = environment(folder / "programs")

    def answer(self, command: str, expected: re.Pattern[str]) -> str:
        """Run a command; what a server says before it is stopped is its answer."""
        if command.startswith(SERVERS):
            return self._serve(command, expected)
        done = subprocess.run(
            ("sh", "-c", command.replace(PORT, self._port)),
            check=True,
            cwd=self._folder,
            env=self._env | {f"{ENVIRONMENT_PREFIX}BIND": f"127.0.0.1{self._port}"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
        )
        return done.stdout.strip().replace(self._port, PORT)

    def _serve(self, command: str, expected: re.Pattern[str]) -> str:
        self.stop()
        with self._errors.open("wb") as errors:
            self._server = subprocess.Popen(
                ("sh", "-c", "exec " + command.replace(PORT, ":0")),
                cwd=self._folder,
                env=self._env | {f"{ENVIRONMENT_PREFIX}BIND": "127.0.0.1:0"},
                stdin=subprocess.DEVNULL,
                stderr=errors,
            )
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            said = self._errors.read_text().strip()
            port = re.search(r"https?://127\.0\.0\.1(:\d+)", said)
            self._port = port[1] if port else PORT
            said = said.replace(self._port, PORT)
            gone = self._server.poll() is not None or time.monotonic() > deadline
            if gone or expected.fullmatch(said):
                return said
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server."""
        if self._server:
            self._server.terminate()
            self._server.wait(TIMEOUT_S)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal whose server ends with the test."""
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.stop()


def test_examples_answer_as_shown(terminal: Terminal) -> None:
    """Every command of the README, run in its order, gives the answer below it."""
    for command, answer in _steps():
        parts = (re.escape(part) for part in answer.split(ANYTHING))
        expected = re.compile(".+".join(parts))
        said = terminal.answer(command, expected)
        assert expected.fullmatch(said), f"{command}\n\n{said}\n\n{answer}"


def test_command_lines_are_understood() -> None:
    """Every command without an answer has the options and targets it names."""
    makefile = (PROJECT / "Makefile").read_text()
    for block in BLOCKS:
        if block.language != "sh":
            continue
        for line in block.text.splitlines():
            program, name, *arguments = shlex.split(line, comments=True)
            assert program in {"make", "pip", "internal-api"}
            if program == "make":
                assert re.search(rf"^{name}:", makefile, re.MULTILINE)
            elif program == "internal-api":
                COMMANDS[name].read(name, arguments, {})


# ------------------------------------------------------------------ tables


def _code(cell: str) -> str:
    return cell.strip("`")


def _usage(name: str, command: Command) -> str:
    """How a command is called, but for its options."""
    words, argument = ["internal-api", name], command.argument
    if argument:
        several = "..." if argument.several else ""
        words.append("|".join(argument.choices or ()) or f"{argument.metavar}{several}")
    return " ".join(words)


def test_commands_are_in_the_table() -> None:
    """The table of commands has every command, its argument and its options."""
    rows = {_code(usage): options for usage, _does, options in _table("command")}
    commands = {_usage(name, each): each for name, each in COMMANDS.items()}
    assert rows.keys() == commands.keys()
    for usage, command in commands.items():
        if command is not COMMANDS["serve"]:
            names = {option.name for option in command.options}
            assert set(re.findall("`(--[a-z-]+)`", rows[usage])) == names


def test_options_of_serve_are_in_the_table() -> None:
    """The table of options has each one's choices, variable and default."""
    serve = COMMANDS["serve"]
    defaults = serve.read("serve", [], {})
    expected = {}
    for option in serve.options:
        value = defaults[option.dest]
        shown = " ".join(value) if isinstance(value, tuple) else str(value)
        told = re.search(r"; else (.*)\.", option.help)
        default = told[1] if told else shown.replace("None", "").replace("False", "")
        choices = "|".join(option.choices or ())
        expected[option.name] = (choices, option.variable, default)
    rows = {}
    for usage, variable, default, _meaning in _table("option"):
        name, _, value = _code(usage).partition(" ")
        choices = "" if value.isupper() else value
        rows[name] = (choices, _code(variable), _code(default))
    assert rows == expected


def test_routes_are_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of routes is what `routes` prints."""
    run(["routes"], {})
    printed = capsys.readouterr().out.splitlines()
    rows = [[method, _code(path), who] for method, path, who in _table("method")]
    assert rows == [line.split(maxsplit=2) for line in printed]


def test_control_routes_are_in_the_table() -> None:
    """The table of control routes has every one with each of its verbs."""
    expected = {
        f"{name.removeprefix('on_').upper()} {PREFIX}{path}".replace("{name}", "NAME")
        for path, resource in CONTROL_ROUTES
        for name in dir(resource)
        if name.startswith("on_")
    }
    assert {_code(usage) for usage, _does in _table("control route")} == expected


@pytest.mark.parametrize("follow", FOLLOW)
def test_follow_decides_as_in_the_table(follow: str, make_api: MakeApi) -> None:
    """What `--follow` is said to decide, it decides."""
    column = 1 + FOLLOW.index(follow)
    said = {row[0]: _code(row[column]) for row in _table("point")}
    api = make_api(follow=follow)
    pull = "key_id=11&project=gnuwget/wget2&action=git-upload-pack"
    lfs, allowed = api.post("lfs_authenticate", pull), api.post("allowed", pull)
    token = api.post("personal_access_token", "user_id=29&name=x&scopes[]=api").json
    codes = api.post("two_factor_recovery_codes", "user_id=7").json
    by_user_id = "personal access token and recovery codes by `user_id` alone"
    assert str(lfs.json["expires_in"]) == said.pop("`lfs_authenticate`: `expires_in`")
    options = json.loads(said.pop("`allowed`: `git_config_options`"))
    assert allowed.json["git_config_options"] == options
    answers = {answer.get("message", "work") for answer in (token, codes)}
    assert answers == {said.pop(by_user_id)}
    headers = {"PRIVATE-TOKEN": ADMIN_TOKEN}
    url = "/api/v4/namespaces/1234/gitlab_subscription"
    query = "start_date=2022-01-01&plan_code=premium&seats=1"
    plan = api.app.post(url, query, headers=headers).json["plan"]
    assert plan["name"] == said.pop("subscription: `plan.name`")
    upgradable = json.loads(said.pop("subscription: `plan.upgradable`"))
    assert plan["upgradable"] is upgradable
    assert not said


def test_fixtures_are_in_the_table() -> None:
    """The table of fixtures has each one of the plugin, and its default."""
    rows = {_code(name): text.rpartition("; ")[2] for name, text in _table("fixture")}
    fixtures = {
        name: value
        for name, value in vars(pytest_plugin).items()
        if name.startswith("internal_api")
    }
    assert rows.keys() == fixtures.keys()
    for name in ("internal_api_seed", "internal_api_bind", "internal_api_tls"):
        default = fixtures[name].__wrapped__()
        assert _code(rows[name]) == str(default)


def test_members_for_tests_are_in_the_table(internal_api: InternalApi) -> None:
    """The table has what the object of the plugin has, with its parameters."""
    written: set[str] = set()
    for names, _is in _table("member"):
        for usage in re.findall("`([^`]+)`", names):
            name, _, parameters = usage.rstrip(")").partition("(")
            written.add(name)
            if parameters:
                known = signature(getattr(internal_api, name)).parameters
                assert set(parameters.split(", ")) - {"…"} <= known.keys()
    assert written == {name for name in dir(internal_api) if not name.startswith("_")}


def test_variables_of_the_wsgi_application() -> None:
    """Its section names the variable of every setting that it takes."""
    section = README.partition("## Another WSGI server")[2].partition("\n## ")[0]
    names = {ENVIRONMENT_PREFIX + field.name.upper() for field in fields(Config)}
    names.add(f"{ENVIRONMENT_PREFIX}CONTROL_TOKEN")
    assert set(re.findall(rf"`({ENVIRONMENT_PREFIX}\w+)`", section)) == names


def test_layout_is_there() -> None:
    """The files and folders that the README names for developers are there."""
    for where, _what in _table("where"):
        first, *others = re.findall("`([^`]+)`", where)
        folder = (PROJECT / first).parent
        assert (PROJECT / first).exists()
        assert all((folder / other).exists() for other in others)


def test_pictures_are_there_and_small() -> None:
    """Every picture of the README is in the project, and loads at once."""
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all(0 < (PROJECT / path).stat().st_size < 300_000 for path in pictures)


# ------------------------------------------------------------------ the seed format


def _entries(value: Any, raw: Any) -> Iterator[tuple[msgspec.Struct, dict[str, Any]]]:
    """Every mapping of the format in a seed, as it was read and as it is written."""
    if isinstance(value, msgspec.Struct):
        yield value, raw
        for key in list(raw):
            yield from _entries(getattr(value, key), raw[key])
    elif isinstance(value, list):
        for pair in zip(value, raw, strict=True):
            yield from _entries(*pair)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _entries(member, raw[key])


def _reference(folder: Path) -> list[tuple[msgspec.Struct, dict[str, Any]]]:
    """The mappings of the reference, the whole of it first."""
    path = folder / "reference.yml"
    path.write_text(REFERENCE)
    return list(_entries(seeds.read(str(path)).document, yaml.safe_load(REFERENCE)))


def _words(kind: Any) -> Iterator[str]:
    """What the enumerations in a type allow."""
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for part in get_args(kind):
            yield from _words(part)


def test_reference_has_every_key(tmp_path: Path) -> None:
    """Every key of the format is in the reference, with every word it may have."""
    written: defaultdict[type[msgspec.Struct], set[str]] = defaultdict(set)
    for entry, raw in _reference(tmp_path):
        written[type(entry)] |= raw.keys()
    for kind, keys in written.items():
        digests = {EITHER[key] for key in keys if key in EITHER}
        assert keys | digests >= set(kind.__struct_fields__), kind
        assert keys <= set(kind.__struct_fields__)
        for hint in hints(kind).values():
            for word in _words(hint):
                assert not word or re.search(rf"\b{word}\b", REFERENCE), (kind, word)
    assert "token_digest" in REFERENCE
    assert "scim_token_digest" in REFERENCE


def test_reference_begins_with_what_is_needed(tmp_path: Path) -> None:
    """In every entry of the reference the keys that it needs come first."""
    for entry, raw in _reference(tmp_path):
        keys = msgspec.structs.fields(entry)
        needed = {field.name for field in keys if field.required}
        written = [key for key in raw if key in needed or key not in EITHER]
        assert set(written[: len(needed)]) == needed


def test_reference_shows_the_defaults(tmp_path: Path) -> None:
    """Without its optional keys, but for ids, the reference loads the same world."""
    whole, *entries = _reference(tmp_path)
    for entry, raw in entries:
        for field in msgspec.structs.fields(entry):
            if field.required or field.name in KEPT:
                continue
            nested = list(_entries(getattr(entry, field.name), raw.get(field.name)))
            if not nested:
                raw.pop(field.name, None)
    short = tmp_path / "short.json"
    short.write_text(json.dumps(whole[1], default=str))
    worlds = []
    for path in (tmp_path / "reference.yml", short):
        database = Database()
        database.create()
        seeds.load(database, [seeds.read(str(path))], NOW)
        worlds.append(seeds.export(database, NOW))
    assert worlds[0] == worlds[1]
