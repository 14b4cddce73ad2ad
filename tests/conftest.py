"""Fixtures of all tests: functions that make a gateway, an upstream, a raw client, and end it afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.gateway import Gateway
from support.raw_client import RawClient

if TYPE_CHECKING:
    from headworks.testing import Script, Upstream


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`@pytest.mark.rows("B45")`: the row stands in the test's id; `pytest -k B45` runs what proves it."""
    rows = [str(row) for mark in metafunc.definition.iter_markers("rows") for row in mark.args]
    if rows:
        metafunc.fixturenames.append("rows")
        metafunc.parametrize("rows", [" ".join(sorted(rows))])


@pytest.fixture
def upstream() -> Iterator[Callable[..., Upstream]]:
    """`upstream(script)`: a programmable upstream (cpp/upstream/script.hpp) in this process."""
    from headworks.testing import Upstream

    with contextlib.ExitStack() as stack:

        def start(script: Script = ()) -> Upstream:
            return stack.enter_context(Upstream(script))

        yield start


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """`gateway(config, **options)`: a running headworksd; options are those of support.gateway.Gateway.

    `start=False` leaves the start to the test. At the end each one that still runs must stop with exit
    code 0.
    """
    made: list[Gateway] = []

    def start(config: Mapping[str, Any] | None = None, *, start: bool = True, **options: Any) -> Gateway:
        one = Gateway(config, options.pop("data_dir", tmp_path / f"gateway-{len(made)}"), **options)
        made.append(one)
        return one.start() if start else one

    yield start
    failures = [
        f"exit code {code}\n{one.describe()}" for one in made if one.running and (code := one.stop()) != 0
    ]
    assert not failures, "\n".join(failures)


@pytest.fixture
def raw() -> Iterator[Callable[..., RawClient]]:
    """`raw(url)`: one TCP connection."""
    with contextlib.ExitStack() as stack:

        def connect(url: str, **options: Any) -> RawClient:
            return stack.enter_context(RawClient(url, **options))

        yield connect
