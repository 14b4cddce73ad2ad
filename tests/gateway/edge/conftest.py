"""`edge`: one gateway in front of one upstream for a whole file; every row has a socket of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.edge.edge import Edge
from headworks.testing import Upstream


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """With the default settings."""
    with Upstream() as upstream, Edge(upstream, tmp_path_factory.mktemp("edge")) as made:
        yield made


@pytest.fixture
def edge_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Edge]]:
    """`edge_with(script, **settings)`: one of its own, for rows with other answers or shorter timeouts."""
    made: list[tuple[Upstream, Edge]] = []

    def build(script: Any = (), **settings: Any) -> Edge:
        upstream = Upstream(script)
        one = Edge(upstream, tmp_path_factory.mktemp("edge"), settings)
        made.append((upstream, one))
        return one.__enter__()

    yield build
    for upstream, one in made:
        one.__exit__(None, None, None)
        upstream.close()
