"""The package is typed: mypy --strict finds nothing, and the stub of the extension tells the truth."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.source import ROOT


def mypy(*arguments: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPY_CACHE_DIR": str(ROOT / "build" / "mypy")},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.timeout(400)
def test_mypy_is_content() -> None:
    mypy("mypy", "python", "tests/support", "tests/conftest.py")


@pytest.mark.timeout(400)
def test_the_stub_of_the_extension_is_true(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    # Classes: their metaclass is pybind11's, and so is the constructor of those that only the core makes.
    allowed.write_text(
        "headworks\\._core\\.[A-Z][A-Za-z]+\nheadworks\\._core\\.Hook(Candidates|Question)?\\.__init__\n"
    )
    mypy("mypy.stubtest", "headworks._core", "--allowlist", str(allowed))
