"""Side by side with others: no input that we take and most of them refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.edge import test_framing, test_heads
from gateway.edge.edge import AUTH, BODY, NEXT, Edge, chunks, get, message, post
from gateway.edge.opinions import Opinion, Verdict, ask, majority_refuses, opinions

CHUNKED = "Transfer-Encoding: chunked"
TAKEN = {
    "B42 Expect: 100-continue": post("Expect: 100-continue", length=True),
    "B43 HEAD": message("HEAD /v1/models HTTP/1.1", "Host: a", AUTH),
    "B48 HTTP/1.0 without Host": get(version="HTTP/1.0", host=""),
    "S23 an extension": post(CHUNKED, body=chunks(BODY).replace(b"\r\n", b";a=b\r\n", 1)),
    "S26 a trailer": post(CHUNKED, body=chunks(BODY)[:-2] + b"X-A: b\r\n\r\n"),
    "S32 a GET with a body": message(
        "GET /v1/models HTTP/1.1", "Host: a", AUTH, f"Content-Length: {len(NEXT)}", body=NEXT
    ),
}
INPUTS: dict[str, bytes] = (
    {row.name: row.data for row in test_heads.ROWS}
    | {row.name: row.data + NEXT for row in test_framing.REFUSED}
    | TAKEN
)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Opinion]]:
    with opinions(tmp_path_factory.mktemp("opinions")) as found:
        yield found


def ours(edge: Edge, data: bytes) -> Verdict:
    """A path that nothing stands at is taken: the message was."""
    host, _, port = edge.gateway.url.removeprefix("http://").partition(":")
    verdict = ask(host, int(port), data)
    return Verdict(200) if verdict.status == 404 else verdict


@pytest.mark.rows("S-3")
@pytest.mark.parametrize("name", INPUTS)
def test_we_take_nothing_that_most_refuse(edge: Edge, others: dict[str, Opinion], name: str) -> None:
    mine = ours(edge, INPUTS[name])
    theirs = {} if mine.refuses else {who: opinion(INPUTS[name]) for who, opinion in others.items()}

    assert not (mine.takes and majority_refuses(theirs)), f"we: {mine}; {theirs}"
    edge.requests()
