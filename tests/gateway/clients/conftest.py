"""`real`: a gateway in front of aimock, which speaks both dialects; `model`: of a llama.cpp server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from gateway.clients.answers import ANSWERS
from support import peers
from support.asking import KEY, backend, config
from support.gateway import Gateway


@contextlib.contextmanager
def _in_front_of(url: str, factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Both dialects over two pools, of which the first is full after one request."""
    backends = [
        backend(f"{api}-{pool}", f"{url}/v1", pool, api=api, rpm_limit=1 if pool == "primary" else 0)
        for api in ("openai", "anthropic")
        for pool in ("primary", "fallback")
    ]
    gateway = Gateway(
        config(*backends, retry={"backoff_base_ms": 1}), factory.mktemp("clients") / "data", key=KEY
    ).start()
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0, gateway.describe()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Answers by the words of the last message: answers.py."""
    with (
        peers.aimock(ANSWERS, tmp_path_factory.mktemp("aimock")) as url,
        _in_front_of(url, tmp_path_factory) as gateway,
    ):
        yield gateway


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Real tokens of real (small) weights."""
    with peers.llama() as url, _in_front_of(url, tmp_path_factory) as gateway:
        yield gateway
