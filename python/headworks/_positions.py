"""YAML, TOML and JSON text -> the value, and the line on which each path of it stands.

Paths are those of the validator in C++: `$.backends[0].rpm_limit`, `$.model_mappings["qwen-*"]`. Must not
know: what a configuration is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import yaml

_MOST_NODES = 200_000  # aliases multiply: a few lines of YAML can stand for a billion nodes


@dataclass
class Located:
    """A document's value and where its parts stand."""

    value: Any
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int | None:
        """The line of the path, or of what is around it: a missing field stands where its row does."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = re.sub(r"""(\.[\w-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]|.)$""", "", path, count=1)
        return None


class UnreadableError(Exception):
    """The text is not of its format."""

    def __init__(self, message: str, line: int | None, path: str = "$") -> None:
        super().__init__(message)
        self.message, self.line, self.path = message, line, path


def path_to(parent: str, key: str | int) -> str:
    """The path of a member or an element; a key that is not a plain word is quoted."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    plain = re.fullmatch(r"[A-Za-z0-9_-]+", key) is not None
    return f"{parent}.{key}" if plain else f"{parent}[{json.dumps(key, ensure_ascii=False)}]"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types only: `no`, `1:30` and `2026-01-01` are texts, as in JSON."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value, 0))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


def read_yaml(text: str) -> Located:
    """One YAML document. Raises UnreadableError, also for a key that stands twice."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        located = Located(value=None)
        if root is not None:
            located.value = _Walk(loader, located.lines).value_of(root, "$", ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(error.problem or "is not YAML", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise UnreadableError(str(error).splitlines()[0], None) from None
    return located


class _Walk:
    """Turns composed nodes into values, and notes their lines."""

    def __init__(self, loader: _Loader, lines: dict[str, int]) -> None:
        self._loader, self._lines, self._nodes = loader, lines, 0

    def value_of(self, node: yaml.Node, path: str, around: tuple[int, ...]) -> Any:
        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > _MOST_NODES or id(node) in around:
            raise UnreadableError("aliases make this document endless", line, path)
        self._lines.setdefault(path, line)
        around = (*around, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, around)
        if isinstance(node, yaml.SequenceNode):
            return [self.value_of(one, path_to(path, at), around) for at, one in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: str, around: tuple[int, ...]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, one in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UnreadableError("a key must be a plain text", line, path)
            if key_node.tag == "tag:yaml.org,2002:merge" or key == "<<":
                raise UnreadableError(
                    "merge keys (<<) are not taken; use an alias for a whole value", line, path
                )
            if key in value:
                raise UnreadableError(f"the key '{key}' stands twice", line, path_to(path, key))
            self._lines[path_to(path, key)] = line
            value[key] = self.value_of(one, path_to(path, key), around)
        return value


def read_json(text: str) -> Located:
    """One JSON document. Raises UnreadableError, also for a key that stands twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise UnreadableError(f"the key '{twice}' stands twice", None)
        return value

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableError(error.msg, error.lineno) from None
    except RecursionError:
        raise UnreadableError("is nested too deeply", None) from None
    try:  # JSON is YAML but for tabs, so that YAML's marks say the lines
        return Located(value, read_yaml(text.replace("\t", " ")).lines)
    except UnreadableError:
        return Located(value)


def _refuse_constant(name: str) -> None:
    raise UnreadableError(f"{name} is not JSON", None)


_TOML_TABLE = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_TOML_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_TOML_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


def read_toml(text: str) -> Located:
    """One TOML document. Lines are known of tables and of the keys that stand in them."""
    try:
        value = _without_dates(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UnreadableError(str(error).split(" (at")[0], int(line[1]) if line else None) from None
    located = Located(value, {"$": 1})
    table: list[str | int] = []
    elements: dict[str, int] = {}
    for number, row in enumerate(text.splitlines(), start=1):
        if header := _TOML_TABLE.match(row):
            table = _toml_parts(header[2])
            _resolve_elements(table, elements, begins=header[1] == "[[")
            located.lines.setdefault(_join(table), number)
        elif key := _TOML_KEY.match(row):
            located.lines.setdefault(_join([*table, *_toml_parts(key[1])]), number)
    return located


def _toml_parts(text: str) -> list[str | int]:
    return [next(part for part in match.groups() if part is not None) for match in _TOML_PART.finditer(text)]


def _resolve_elements(table: list[str | int], elements: dict[str, int], *, begins: bool) -> None:
    """Puts the index of the array's current element behind each name that is an array of tables."""
    if begins:
        name = _join(_with_indices(table[:-1], elements) + table[-1:])
        elements[name] = elements.get(name, -1) + 1
    table[:] = _with_indices(table, elements)


def _with_indices(parts: list[str | int], elements: dict[str, int]) -> list[str | int]:
    out: list[str | int] = []
    for part in parts:
        out.append(part)
        if (at := elements.get(_join(out))) is not None:
            out.append(at)
    return out


def _join(parts: list[str | int]) -> str:
    path = "$"
    for part in parts:
        path = path_to(path, part)
    return path


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_dates(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_dates(one) for one in value]
    return value.isoformat() if isinstance(value, (date, datetime, time)) else value


READERS: dict[str, Callable[[str], Located]] = {
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".json": read_json,
    ".toml": read_toml,
}
