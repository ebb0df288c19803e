"""Seed files: what the service holds before anybody asks."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Hashable
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import yaml

from internal_api.repository.world import Summary, load
from internal_api.repository.world.export import export
from internal_api.seed_document import Document, Seed, SeedError

__all__ = ["Seed", "SeedError", "Summary", "export", "load", "parse", "read"]

DEMO = "demo"
# Where msgspec says that something is wrong.
_PLACE = re.compile(r"(.*) - at (?:`key` in )?`\$\.?([^`]*)`", re.DOTALL)
# A step of the way to a value: the name of a key, or an index.
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
# Values that the aliases of a YAML file may stand for.
_MOST_ALIASED = 1_000_000
# PyYAML does not look before it reads what has the tag of a type.
_MISFITS = (LookupError, TypeError)


def read(name: str) -> Seed:
    """Read a seed file, YAML or JSON.

    Args:
        name: A path, or `demo` for the world of the documentation's examples.

    Raises:
        SeedError: There is no such file, or it is no seed.
    """
    return parse(name, _content(name))


def parse(name: str, content: bytes) -> Seed:
    """Read a seed, YAML or JSON.

    Args:
        name: What errors call it.
        content: Of the file.

    Raises:
        SeedError: It is no seed.
    """
    text = _text(name, content)
    try:
        raw = _parse(text)
    except (ValueError, *_MISFITS, RecursionError, yaml.YAMLError) as error:
        raise SeedError(name, "", _yaml_reason(error)) from error
    if isinstance(raw, dict):
        raw = {key: value for key, value in raw.items() if value is not None}
    try:
        return Seed(name, _convert({} if raw is None else raw))
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        reason, key = match.groups() if match else (str(error), "")
        raise SeedError(name, _with_names(key, raw, error), reason) from error


def _convert(raw: object) -> Document:
    return msgspec.convert(raw, Document, dec_hook=lambda kind, value: kind.read(value))


def _with_names(key: str, raw: Any, error: msgspec.ValidationError) -> str:
    """Put into a key the names in mappings, for which msgspec writes `[...]`."""
    before, dots, after = key.partition("[...]")
    if not dots:
        return key
    mapping = raw
    try:
        for name, index in _STEP.findall(before):
            mapping = mapping[name] if name else mapping[int(index)]
        entries = list(mapping.items())
    except (LookupError, TypeError, AttributeError):
        # It is no place: somebody has made a key look like one.
        return key

    def is_among(count: int) -> bool:
        mapping.clear()
        mapping.update(entries[:count])
        try:
            _convert(raw)
        except msgspec.ValidationError as same:
            return str(same) == str(error)
        return False

    # The first one that is wrong is told.
    index = bisect_left(range(1, len(entries) + 1), True, key=is_among)  # noqa: FBT003
    if index == len(entries):
        return key
    name, _ = entries[index]
    shown = name if str(name).isprintable() else repr(name)
    return f"{before}.{shown}{after}"


def _content(name: str) -> bytes:
    try:
        if name == DEMO:
            return files("internal_api").joinpath("seeds/demo.yml").read_bytes()
        return Path(name).read_bytes()
    except OSError as error:
        raise SeedError(name or "''", "", error.strerror or str(error)) from error


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SeedError(name, "", f"not UTF-8, from byte {error.start}") from error


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            pass  # YAML has mappings in braces, too.
        else:
            # msgspec keeps the last of two in silence.
            json.loads(text, object_pairs_hook=_once)
            return value
    value = yaml.load(text, _Loader)  # noqa: S506 (it is safe)
    if _size(value, {}) > len(text) + _MOST_ALIASED:
        raise ValueError("its aliases stand for too much")
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a key that is there twice, as YAML's loader does."""
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise ValueError(f"{key} is there twice")
        keys.add(key)


def _yaml_reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, _MISFITS):
        return "a tag that does not fit its value"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error)


class _Loader(yaml.CSafeLoader):
    """Reads plain data; dates stay texts, and no key is given twice."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 (as PyYAML calls it)
    ) -> dict[Hashable, Any]:
        """Construct a mapping.

        Raises:
            ConstructorError: A key is there twice: one of them would be lost.
        """
        keys = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in keys:
                problem = f"{key.value} is there twice"
                raise yaml.constructor.ConstructorError(
                    problem=problem, problem_mark=key.start_mark
                )
            keys.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def _construct_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _construct_text)


def _size(value: object, known: dict[int, int]) -> int:
    """How many values there are, those behind an alias counted each time.

    Raises:
        ValueError: A value contains itself.
    """
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = 0
        members = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(member, known) for member in members)
    elif known[id(value)] == 0:
        raise ValueError("an alias stands for itself")
    return known[id(value)]
