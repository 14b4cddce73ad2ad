"""Coroutines: owned by a TaskGroup, and no temporaries in an awaited call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.source import Place, code_of, files_in, matches

# What makes a temporary with a destructor. g++ 12 destroys such an argument of an awaited call twice.
TEMPORARY = re.compile(
    r"""\b(?:base::)?fail\s*\(
      | \b(?:base::)?(?:Error|Secret)\s*[({]
      | \bstd::(?:string|vector|function|optional|make_unique|make_shared|to_string|format|any|map)\b\s*[<({]
      | \[[^\]]*[&=][^\]]*\]\s*[({]      # a lambda that captures
      | \{(?!\s*\})                    # a braced argument, an aggregate; `{}` alone says nothing of its type
    """,
    re.VERBOSE,
)


def awaited_arguments(code: str) -> Iterator[tuple[int, str]]:
    """Offset and text of the arguments of every awaited call."""
    for match in re.finditer(r"\bco_await\b", code):
        end = match.end()
        while end < len(code) and code[end] not in ";{":
            if code[end] == "(":
                close = _closing(code, end)
                yield end, code[end + 1 : close]
                end = close
            elif code[end] in ")":
                break
            end += 1


def _closing(code: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return len(code)


def temporaries_in(path: Path, code: str) -> list[Place]:
    lines = code.splitlines()
    places = []
    for offset, arguments in awaited_arguments(code):
        if TEMPORARY.search(arguments):
            line = code.count("\n", 0, offset) + 1
            places.append(Place(path, line, lines[line - 1]))
    return places


@pytest.mark.parametrize(
    "bad",
    [
        "co_await refuse(fail(ErrorKind::bad_request), x);",
        "co_await writer.send(Head{200}, body);",
        "co_await session\n    ->write(std::string(3, 'x'));",
        "co_await later([&] { return 1; });",
        "auto x = co_await make(1).send(std::optional<int>(3));",
    ],
)
def test_the_rule_sees_temporaries(bad: str) -> None:
    assert temporaries_in(Path("x.cpp"), bad)


@pytest.mark.parametrize(
    "good",
    [
        "co_await refuse(error, std::move(head));",
        "if (status == would_block) status = co_await socket_.readable(deadline);",
        "co_await writer.finish(); std::string x(3, 'x');",
    ],
)
def test_the_rule_sees_names(good: str) -> None:
    assert not temporaries_in(Path("x.cpp"), good)


# g++ 12 destroys the awaiter of a condition as soon as the coroutine suspends: the wake-up is lost.
CONDITION = r"\b(?:if|while|switch)\s*\((?:[^()]|\([^()]*\))*\bco_await\b|(?:\|\||&&|\?)\s*co_await\b"


@pytest.mark.parametrize(
    "bad",
    [
        "switch (co_await call_.readable(deadline)) { case 1: break; }",
        "if (co_await socket_.write(x, y) != IoStatus::ok) co_return;",
        "if (a || co_await b()) co_return;",
    ],
)
def test_the_rule_sees_conditions(bad: str) -> None:
    assert re.search(CONDITION, bad)


def test_no_await_in_a_condition() -> None:
    found = matches(CONDITION, files_in("cpp"))

    assert not found, "\n".join(map(str, found))


def test_no_temporaries_in_awaited_calls() -> None:
    found = [place for path in files_in("cpp") for place in temporaries_in(path, code_of(path))]

    assert not found, "\n".join(map(str, found))


def test_nothing_is_detached() -> None:
    found = matches(r"\bdetach(ed)?\s*\(|\bco_spawn\b", files_in("cpp", "bindings"))

    assert not found, "\n".join(map(str, found))


def test_only_the_loop_resumes_coroutines() -> None:
    """Everybody else awaits a Task, or gives it to a TaskGroup."""
    found = matches(r"\.resume\s*\(", [path for path in files_in("cpp") if path.parent.name != "net"])

    assert not found, "\n".join(map(str, found))


def test_no_lock_and_no_wait_on_the_request_path() -> None:
    folders = ["cpp/gateway", "cpp/routing", "cpp/gauges", "cpp/dialect", "cpp/wire"]
    found = matches(r"\bstd::(mutex|shared_mutex|condition_variable|this_thread)\b", files_in(*folders))

    assert not found, "\n".join(map(str, found))
