"""What is public is named in `__all__`, sorted, and is there."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import headworks

PACKAGE = Path(headworks.__file__).parent
PUBLIC = ["headworks", *(f"headworks.{path.stem}" for path in PACKAGE.glob("[a-z]*.py"))]


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_and_true(name: str) -> None:
    module = importlib.import_module(name)

    assert module.__all__ == sorted(module.__all__)
    missing = [one for one in module.__all__ if not hasattr(module, one)]
    assert not missing


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    silent = [
        one for one in module.__all__ if isinstance(value := getattr(module, one), type) and not value.__doc__
    ]

    assert not silent


def test_importing_the_package_is_light() -> None:
    """`headworks --help` and `headworks doctor` must work, and quickly, where the extension is broken."""
    heavy = ["headworks._core", "httpx2", "openai", "anthropic", "pandas", "pytest"]
    code = f"import sys, headworks.cli; print([one for one in {heavy} if one in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "[]"


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
