"""Every row of the tables of bad input and faults, and every figure, has a test or a reason."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.source import ROOT
from support.tables import EDGE, ELSEWHERE, FAULTS, FIGURES, IN_CPP, NOT_BUILT, rows_in, rows_of

ALL = [*rows_of(EDGE), *rows_of(FAULTS), *FIGURES]


@pytest.fixture(scope="module")
def proved() -> set[str]:
    """The rows that stand in the id of a test."""
    collected = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-m",
            "",
            "tests/gateway",
            "tests/python",
            "tests/web",
            "tests/release",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout[-2000:]
    return {row for line in collected.stdout.splitlines() for row in rows_in(line)}


def test_every_row_has_a_test(proved: set[str]) -> None:
    without = set(ALL) - proved - set(IN_CPP) - set(ELSEWHERE) - set(NOT_BUILT)

    assert not without, f"no test names {sorted(without)}"


def test_no_test_names_a_row_that_is_not_there(proved: set[str]) -> None:
    assert not proved - set(ALL)


def test_what_is_not_built_is_not_tested(proved: set[str]) -> None:
    """So that a reason goes when its row is proved."""
    assert not set(NOT_BUILT) & (proved | set(IN_CPP))


@pytest.mark.parametrize("row", IN_CPP)
def test_the_test_in_cpp_is_there(row: str) -> None:
    name, _, test = IN_CPP[row].partition(" ")
    suite, _, case = test.partition(".")
    text = (ROOT / name).read_text()

    assert any(f"{macro}({suite}, {case})" in text for macro in ("TEST", "TEST_F", "TEST_P"))
