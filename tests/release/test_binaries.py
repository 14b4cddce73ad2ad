"""The binaries as they are shipped: what the compiler and the linker were told to do for their safety."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.gateway import headworksd
from support.source import ROOT

pytestmark = pytest.mark.skipif("HEADWORKSD" in os.environ, reason="a sanitized build is not shipped")


def extension() -> Path:
    found = find_spec("headworks._core")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


BINARIES = {"headworksd": headworksd, "_core": extension}


def readelf(file: Path, *flags: str) -> str:
    return subprocess.run(["readelf", "-W", *flags, file], check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=BINARIES)
def binary(request: pytest.FixtureRequest) -> Path:
    return BINARIES[request.param]()


@pytest.mark.rows("S-10")
def test_addresses_are_random(binary: Path) -> None:
    """Position independent, and without relocations in code."""
    assert "Type:                              DYN" in readelf(binary, "-h")
    assert "TEXTREL" not in readelf(binary, "-d")


@pytest.mark.rows("S-10")
def test_tables_of_addresses_are_read_only(binary: Path) -> None:
    """Full RELRO: every symbol is bound before main, and the table is then locked."""
    assert "GNU_RELRO" in readelf(binary, "-l")
    assert re.search(r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b", readelf(binary, "-d"))


@pytest.mark.rows("S-10")
def test_no_page_is_written_and_run(binary: Path) -> None:
    segments = readelf(binary, "-l").splitlines()
    (stack,) = [line for line in segments if "GNU_STACK" in line]
    assert " RW " in stack
    assert not [line for line in segments if re.search(r"\bLOAD\b.*\bRWE\b", line)]


@pytest.mark.rows("S-10")
def test_stacks_are_guarded(binary: Path) -> None:
    assert "__stack_chk_fail" in readelf(binary, "--dyn-syms")


@pytest.mark.rows("S-10")
def test_copies_are_checked(binary: Path) -> None:
    """_FORTIFY_SOURCE: what can overflow is called by its checking name."""
    checked = set(
        re.findall(
            r"__(?:mem|str|sn?printf|vsn?printf|read|recv|poll|fprintf|printf)\w*_chk",
            readelf(binary, "--dyn-syms"),
        )
    )
    assert checked, "no function is called by its checking name"


@pytest.mark.rows("S-10")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="a feature of x86-64")
def test_jumps_land_where_they_may(binary: Path) -> None:
    """-fcf-protection: functions begin with endbr64. (The file's own mark needs a C library built so too.)"""
    code = binary.read_bytes()
    assert code.count(b"\xf3\x0f\x1e\xfa") > 1000


@pytest.mark.rows("S-10")
def test_libraries_are_found_in_the_system_only(binary: Path) -> None:
    dynamic = readelf(binary, "-d")
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


@pytest.mark.rows("S-10")
def test_no_path_of_the_build_is_in_it(binary: Path) -> None:
    text = binary.read_bytes()
    assert str(ROOT).encode() not in text
    assert str(Path(sys.prefix)).encode() not in text
