"""The source tree as the architecture tests see it: files, includes, the floor plan.

Must not know: any rule.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"


@cache
def project_files() -> tuple[Path, ...]:
    """What belongs to the project: tracked, or new and not ignored. Absolute paths, sorted."""
    answer = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (ROOT / name for name in answer.stdout.split("\0") if name)
    return tuple(sorted({path for path in paths if path.is_file()}))


def files_in(*folders: str, suffixes: tuple[str, ...] = (".hpp", ".cpp")) -> list[Path]:
    """The project's files under these folders of the root."""
    tops = [ROOT / folder for folder in folders]
    return [
        path
        for path in project_files()
        if path.suffix in suffixes and any(path.is_relative_to(top) for top in tops)
    ]


def name_of(path: Path) -> str:
    """The path as people write it: from the root."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Place:
    """One line of a file; prints as people (and editors) write it."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{name_of(self.path)}:{self.line}: {self.text.strip()}"


def matches(pattern: str, paths: list[Path]) -> list[Place]:
    """Every line of C++ in which the pattern occurs, comments and string literals not counted."""
    expression = re.compile(pattern)
    return [
        Place(path, number, line)
        for path in paths
        for number, line in enumerate(code_of(path).splitlines(), start=1)
        if expression.search(line)
    ]


_NOT_CODE = re.compile(
    r"""
    //[^\n]* | /\*.*?\*/                      # comments
    | R"(?P<mark>\w*)\(.*?\)(?P=mark)"        # raw strings
    | "(?:[^"\\\n]|\\.)*"                     # strings
    | (?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'     # characters, but not the ' of 1'000
    """,
    re.DOTALL | re.VERBOSE,
)


@cache
def code_of(path: Path) -> str:
    """The text with comments and literals blanked out; lines and columns stay where they are."""
    text = path.read_text(encoding="utf-8")
    includes = {match.start("name") - 1 for match in _INCLUDE.finditer(text)}

    def blank(match: re.Match[str]) -> str:
        return match[0] if match.start() in includes else re.sub(r"[^\n]", " ", match[0])

    return _NOT_CODE.sub(blank, text)


_INCLUDE = re.compile(r"""^[ \t]*#[ \t]*include[ \t]*[<"](?P<name>[^>"]+)[>"]""", re.MULTILINE)


@dataclass(frozen=True)
class Include:
    """One #include line."""

    path: Path
    line: int
    name: str

    @property
    def folder(self) -> str:
        """The first part of what is included: a floor, for headers of ours."""
        return self.name.split("/")[0]

    def __str__(self) -> str:
        return f"{name_of(self.path)}:{self.line}: includes {self.name}"


def includes_of(paths: list[Path]) -> Iterator[Include]:
    """Every #include line of these files."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for match in _INCLUDE.finditer(text):
            yield Include(path, text.count("\n", 0, match.start("name")) + 1, match["name"])


@dataclass(frozen=True)
class Floor:
    """One headworks_floor(...) line of cpp/CMakeLists.txt."""

    name: str
    row: int
    """The number in the comment above it; -1 for the tools beside the house."""
    depends: tuple[str, ...]


@cache
def floors() -> dict[str, Floor]:
    """The floor plan, as CMake reads it."""
    plan: dict[str, Floor] = {}
    row = -1
    # The definition of the function itself starts with `function(`, so that only calls match.
    for match in re.finditer(
        r"^(?:#[ \t]*(?P<row>\d+)[ \t]*$|#[ \t]*(?P<beside>tools beside)|headworks_floor\((?P<call>[^)]*)\))",
        (CPP / "CMakeLists.txt").read_text(),
        re.MULTILINE,
    ):
        if match["row"]:
            row = int(match["row"])
        elif match["beside"]:
            row = -1
        else:
            name, *words = match["call"].split()
            plan[name] = Floor(name, row, tuple(_after(words, "DEPENDS")))
    return plan


def _after(words: list[str], keyword: str) -> Iterator[str]:
    """The words behind a CMake keyword, up to the next one."""
    if keyword in words:
        for word in words[words.index(keyword) + 1 :]:
            if word.isupper():
                return
            yield word


@cache
def reachable(name: str) -> frozenset[str]:
    """The floor itself and everything below it that it links to."""
    below = (reachable(lower) for lower in floors()[name].depends)
    return frozenset({name}).union(*below)
