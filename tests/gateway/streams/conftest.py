"""`house(script, ...)`: a gateway whose first upstream plays the script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gateway.streams.house import House, MakeHouse

if TYPE_CHECKING:
    from headworks.testing import Script, Upstream
    from support.gateway import Gateway


@pytest.fixture
def house(upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]) -> Iterator[MakeHouse]:
    """`others`: scripts of more upstreams; `fields`: of each backend; `settings`: of the configuration."""
    with contextlib.ExitStack() as stack:

        def build(
            script: Script = (),
            *others: Script,
            settings: dict[str, Any] | None = None,
            fields: dict[str, Any] | None = None,
            workers: int = 1,
        ) -> House:
            upstreams = [upstream(one) for one in (script, *others)]
            return stack.enter_context(
                contextlib.closing(House(upstreams, gateway, settings or {}, fields or {}, workers))
            )

        yield build
