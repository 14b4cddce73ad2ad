"""What is public is named in `__all__`, sorted, is there, and says what it is."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import headworks
import headworks.testing

PACKAGE = Path(headworks.__file__).parent
PUBLIC = ["headworks", "headworks.rows", *(f"headworks.{path.stem}" for path in PACKAGE.glob("[a-z]*.py"))]


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_sorted_and_true(name: str) -> None:
    module = importlib.import_module(name)

    assert module.__all__ == sorted(module.__all__)
    missing = [one for one in module.__all__ if not hasattr(module, one)]
    assert not missing


def described(name: str) -> Iterator[tuple[str, Any]]:
    """Every public class, function, method and property of a module."""
    module = importlib.import_module(name)
    for one in module.__all__:
        value = getattr(module, one)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        yield f"{name}.{one}", value
        if inspect.isclass(value):
            for member, made in inspect.getmembers(value):
                own = any(
                    member in vars(base) for base in value.__mro__ if base.__module__.startswith("headworks")
                )
                if own and not member.startswith("_") and (callable(made) or isinstance(made, property)):
                    yield f"{name}.{one}.{member}", made


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_says_what_it_is(name: str) -> None:
    assert importlib.import_module(name).__doc__
    silent = [path for path, value in described(name) if not value.__doc__]

    assert not silent


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_is_typed(name: str) -> None:
    """Each parameter and each answer, so that help() and editors can show them."""
    untyped = []
    for path, value in described(name):
        if inspect.isclass(value) or isinstance(value, property):
            continue
        signature = inspect.signature(value)
        parameters = [one for at, one in enumerate(signature.parameters.values()) if one.name != "self" or at]
        if signature.return_annotation is inspect.Signature.empty or any(
            one.annotation is inspect.Parameter.empty for one in parameters
        ):
            untyped.append(path)

    assert not untyped


def test_help_reads_like_a_page() -> None:
    """What help(headworks) begins with: an example of each thing, each name of it public, and the modules."""
    page = pydoc.plain(pydoc.render_doc(headworks))
    text = headworks.__doc__ or ""

    assert page.index("with headworks.Server(") < page.index("PACKAGE CONTENTS")
    for name in ("Server", "AdminClient", "AsyncAdminClient", "simulate", "bench", "Workload"):
        assert f"headworks.{name}(" in text, name
    named = {word for word in text.split() if word.startswith("headworks.") and word[-1].isalpha()}
    modules = {name for name in named if name in PUBLIC}
    told = ("admin", "backend_store", "errors", "hookspecs", "models", "rows", "testing")
    assert modules == {f"headworks.{name}" for name in told}
    assert max(map(len, text.splitlines())) <= 120
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", text.partition("The modules:")[0], re.MULTILINE):
        compile(textwrap.dedent(block), "help(headworks)", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_help_says_what_every_field_is() -> None:
    """Of values that one makes or gets: help() shows a class's text, not what stands beside its fields."""
    values = [getattr(module, name) for module in (headworks, headworks.testing) for name in module.__all__]
    untold = [
        f"{value.__name__}.{field.name}"
        for value in values
        if isinstance(value, type) and dataclasses.is_dataclass(value)
        for field in dataclasses.fields(value)
        if f"`{field.name}`" not in (value.__doc__ or "")
    ]

    assert not untold


def test_importing_the_package_is_light() -> None:
    """`headworks --help` and `headworks doctor` must work, and quickly, where the extension is broken."""
    heavy = [
        "headworks._core",
        "httpx2",
        "openai",
        "anthropic",
        "pandas",
        "polars",
        "matplotlib",
        "IPython",
        "pytest",
    ]
    code = f"import sys, headworks.cli; print([one for one in {heavy} if one in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "[]"


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
