"""Rules about files as such: size, names, what must not stand in them, what the first page promises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.source import ROOT, files_in, matches, name_of, project_files

LONGEST = 400
TOP_LEVEL = {
    ".ci", ".clang-format", ".clang-tidy", ".gitattributes", ".github", ".gitignore", "CHANGELOG.md",
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "Makefile", "README.md", "benchmarks", "bindings",
    "cpp", "pyproject.toml", "python", "tests", "web",
}  # fmt: skip
SOURCE = (".hpp", ".cpp", ".py", ".pyi", ".ts", ".svelte", ".css", ".cmake", ".sh")
EMPTY_NAMES = re.compile(r"(^|[_.-])(utils?|helpers?|manager|common|misc|stuff|base_class)($|[_.-])")


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # not a text


def test_the_top_level_is_fixed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in project_files()} <= TOP_LEVEL


def test_files_are_short() -> None:
    long = {
        name_of(path): lines
        for path in project_files()
        if path.suffix in SOURCE and (lines := text_of(path).count("\n")) > LONGEST
    }

    assert not long, f"longer than {LONGEST} lines: {long}"


def test_names_say_what_is_in_them() -> None:
    empty = [name_of(path) for path in project_files() if EMPTY_NAMES.search(path.stem)]

    assert not empty


def test_cpp_files_are_snake_case() -> None:
    other = [
        name_of(path)
        for path in files_in("cpp", "bindings", "tests/cpp")
        if not re.fullmatch(r"[a-z0-9_]+", path.stem)
    ]

    assert not other


def test_a_file_opens_with_what_it_is() -> None:
    """A .cpp with a header beside it is what its header says."""
    silent = [
        name_of(path)
        for path in files_in("cpp", "bindings")
        if not (path.suffix == ".cpp" and path.with_suffix(".hpp").exists())
        and not text_of(path).startswith("// ")
    ]

    assert not silent


def test_headers_are_included_once() -> None:
    twice = [
        name_of(path)
        for path in files_in("cpp", "bindings", suffixes=(".hpp",))
        if "\n#pragma once\n" not in text_of(path)
    ]

    assert not twice


def test_the_namespace_is_the_folder() -> None:
    other = {
        name_of(path): namespace
        for path in files_in("cpp", "bindings")
        for namespace in re.findall(r"^namespace headworks::(\w+) \{", text_of(path), re.MULTILINE)
        if namespace != path.parent.name
    }

    assert not other


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in project_files()
        if path.suffix in SOURCE
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if marks.search(line)
    ]

    assert not found, "\n".join(found)


def test_no_path_of_a_machine() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|root|home|Users|mnt)/\w")
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if machine.search(line)
    ]

    assert not found, "\n".join(found)


def test_sql_is_prepared() -> None:
    """Only migrations and pragmas run as text, and only where the connection is made."""
    found = matches(r"\bsqlite3_exec\b", [path for path in files_in("cpp") if path.name != "sqlite.cpp"])

    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("command", ["make serve", "make test"])
def test_the_readme_names_the_two_commands(command: str) -> None:
    assert re.search(rf"^\s*{command}\b", text_of(ROOT / "README.md"), re.MULTILINE)


def test_continuous_integration_calls_the_same_command() -> None:
    script = text_of(ROOT / ".ci/run")

    assert script.startswith("#!/usr/bin/env bash")
    assert "set -euo pipefail" in script
    assert re.search(r"\bmake test\b", script)


def test_the_map_of_the_core_names_files_that_exist() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_]+\.[ch]pp)`", text_of(ROOT / "cpp/README.md"))

    assert len(named) > 20
    assert not [name for name in named if not (ROOT / "cpp" / name).is_file()]
