"""Behind somebody else's proxy (row S34): both must see the same requests, or one must refuse.

Two readers of one connection that disagree about where a message ends give one client the answer of another.
So: each bad message goes through the proxy, and then others ask through the same proxy, over the same few
connections to the gateway. Each must get its own answer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.edge import test_framing, test_heads
from gateway.edge.edge import CHAT, KEY, NEXT, Edge
from gateway.edge.proxies import PROXIES, proxy
from support.raw_client import RawClient

MESSAGES = {row.name: row.data + NEXT for row in test_framing.REFUSED} | {
    row.name: row.data + NEXT for row in test_heads.ROWS if row.closes
}
_numbers = itertools.count()


@pytest.fixture(scope="module", params=PROXIES)
def front(
    request: pytest.FixtureRequest, edge: Edge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a proxy in front of the gateway."""
    folder: Path = tmp_path_factory.mktemp("proxy")
    with proxy(request.param, urlsplit(edge.gateway.url).netloc, folder) as url:
        yield url


def assert_each_gets_its_own(front: str) -> None:
    for _ in range(3):
        model = f"probe-{next(_numbers)}"
        body = f'{{"model":"{model}","messages":[]}}'.encode()
        with RawClient(front) as client:
            answer = client.request(
                "POST", CHAT, headers={"x-api-key": KEY, "content-type": "application/json"}, body=body
            )
        assert answer.status == 200
        assert json.loads(answer.body)["model"] == model


@pytest.mark.rows("S34")
@pytest.mark.parametrize("name", MESSAGES)
def test_nobody_gets_the_answer_of_another(edge: Edge, front: str, name: str) -> None:
    with RawClient(front) as client:
        with contextlib.suppress(ConnectionError):
            client.send(MESSAGES[name])
        assert_each_gets_its_own(front)

    for request in edge.requests():
        assert request.target == CHAT, "what went on is what was asked for"
    edge.assert_stands()
