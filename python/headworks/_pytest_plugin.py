"""pytest fixtures for users of Headworks: `headworks_upstream` and `headworks_server`.

Found by pytest through the entry point. Imports nothing heavy until a test asks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headworks import Server
    from headworks.testing import Script, Upstream


@pytest.fixture
def headworks_upstream() -> Iterator[Callable[..., Upstream]]:
    """A function that starts a programmable upstream: `headworks_upstream(script)`."""
    from headworks.testing import Upstream

    with contextlib.ExitStack() as stack:

        def start(script: Script = ()) -> Upstream:
            return stack.enter_context(Upstream(script))

        yield start


@pytest.fixture
def headworks_server() -> Iterator[Callable[..., Server]]:
    """A function that starts a gateway in this process: `headworks_server(config)`."""
    from headworks import Server

    with contextlib.ExitStack() as stack:

        def start(config: Any = None, **options: Any) -> Server:
            return stack.enter_context(Server(config, **options))

        yield start
