"""What upstreams send that they should not. Each row: an answer, and what the client sees of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.edge.edge import BODY, Edge, code_of, message, post
from headworks.testing import Upstream

KIB, MIB = 1024, 1024 * 1024
JSON = "Content-Type: application/json"
ANSWER = b'{"id":"x","object":"chat.completion","choices":[]}'


@dataclass(frozen=True)
class Row:
    """One answer of an upstream, and our status."""

    name: str
    rule: dict[str, Any]
    status: int
    pooled: bool = False

    def __str__(self) -> str:
        return self.name


def raw(data: bytes | str) -> dict[str, Any]:
    data = data if isinstance(data, bytes) else data.encode("latin-1")
    return {"raw_base64": base64.b64encode(data).decode()}


def answer(
    *lines: str, body: bytes = ANSWER, first: str = "HTTP/1.1 200 OK", length: bool = True
) -> dict[str, Any]:
    """A raw answer; `length` adds the right Content-Length."""
    framing = [f"Content-Length: {len(body)}"] if length else []
    return raw("\r\n".join((first, JSON, *framing, *lines)).encode("latin-1") + b"\r\n\r\n" + body)


def chunked(body: bytes = ANSWER) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


TE = "Transfer-Encoding: chunked"
ROWS = [
    Row("U01 length and coding", answer(TE, body=chunked()), 502),
    Row("U01 two lengths", answer("Content-Length: 5"), 502),
    Row("U02 coding in HTTP/1.0", answer(TE, body=chunked(), first="HTTP/1.0 200 OK", length=False), 502),
    Row("U03 no length", {**answer(length=False), "close": "silent"}, 200),
    Row("U05 gzip as framing", answer("Transfer-Encoding: gzip", length=False), 502),
    *(Row(f"U06 {n} interim", {"json": {"id": "x"}, "interim": [100, 103, 102, 103][:n]}, 200, pooled=True)
      for n in (1, 4)),
    Row("U06 F44 9 interim answers", {"json": {"id": "x"}, "interim": [103] * 9}, 502),
    Row("U07 F44 101 unasked", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), 502),
    *(Row(f"U08 status {status}", answer(first=f"HTTP/1.1 {status} X"), 502)
      for status in ("000", "999", "20x", "2000")),
    Row("U09 no blank behind the status", answer(first="HTTP/1.1 200"), 502),
    Row("U10 204 with a body", answer(first="HTTP/1.1 204 No Content"), 204),
    Row("U11 bare LF", raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"), 502),
    Row("U11 bare CR", answer("X-A: a\rb"), 502),
    Row("U12 folded line", answer("X-A: a", " b"), 502),
    Row("U13 12 KiB of head", answer(*[f"X-A: {'x' * 1000}"] * 12), 200, pooled=True),
    Row("U13 70 KiB of head", answer(*[f"X-A: {'x' * 1000}"] * 70), 502),
    Row("U15 bytes over 0x7f", answer("X-A: \xff\xe9"), 200, pooled=True),
    Row("U19 a page", {"body": "<html>login</html>", "headers": {"content-type": "text/html"}}, 502),
    Row("U23 bytes behind the end", {"json": {"id": "x"}, "extra": "HTTP/1.1 200 OK\r\n\r\n"}, 200),
    Row("not HTTP at all", raw("SSH-2.0-OpenSSH_9.2\r\n"), 502),
    Row("nothing at all", {"fault": {"at": "request", "do": "close"}}, 502),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_answer_is_judged_as_the_table_says(edge: Edge, row: Row) -> None:
    """Twice, so that bytes which one answer leaves behind would be seen as the next one."""
    edge.upstream.set_script([row.rule])
    data = post(length=True)

    outcome = edge.talk(data + data, answers=2)

    assert outcome.statuses == [row.status, row.status]
    if row.status >= 500:
        assert code_of(outcome.answers[0]).startswith("upstream_")
    assert b"SSH" not in outcome.answers[0].body
    connections = {one.connection for one in edge.requests() if one.key == "sk-o"}
    assert (len(connections) == 1) == row.pooled
    edge.assert_stands()


@pytest.mark.rows("U04")
def test_a_short_answer_is_shown_as_cut(edge: Edge) -> None:
    """U04: what came is delivered, and the connection ends before the length that was promised."""
    edge.upstream.set_script(
        [{"json": {"id": "x" * 5000}, "fault": {"at": "body", "do": "close", "after": 1000}}]
    )

    (got,) = edge.talk(post(length=True)).answers

    assert got.status == 200
    assert not got.complete
    edge.requests()


@pytest.mark.rows("U24")
def test_a_stream_of_no_bytes(edge: Edge) -> None:
    """It has no event at all: an answer that never began, told as such."""
    edge.upstream.set_script(
        [raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n")]
    )

    (got,) = edge.talk(post(length=True, body=BODY[:-1] + b',"stream":true}'), answers=1).answers

    assert got.status in (200, 502)
    assert b"[DONE]" not in got.body
    edge.requests()
    edge.assert_stands()


EVENT = b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", ANSWER.ljust(900)), ("text/event-stream", EVENT * 20 + b"data: [DONE]\n\n")],
    ids=["plain", "stream"],
)
def test_a_head_that_comes_before_its_body_stays_whole(edge: Edge, content_type: str, body: bytes) -> None:
    """Real servers send it first, and the body when there is one: its fields must outlive that wait."""
    lines = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "OpenAI-Version: " + "v" * 200)
    head = message("HTTP/1.1 200 OK", "X-Request-Id: of-the-upstream", *lines)
    edge.upstream.set_script([{**raw(head + body), "drip": {"bytes": len(head), "every_ms": 30}}])
    asked = BODY[:-1] + b',"stream":true}' if content_type == "text/event-stream" else BODY

    (got,) = edge.talk(post(length=True, body=asked), answers=1).answers

    assert (got.complete, got.body) == (True, body)
    assert got.header("x-upstream-request-id") == "of-the-upstream"
    assert got.header("openai-version") == "v" * 200
    edge.requests()


@pytest.mark.rows("U17")
def test_only_known_headers_come_back(edge: Edge) -> None:
    """U17."""
    secret = (
        "set-cookie",
        "x-goog-api-key",
        "authorization",
        "server",
        "alt-svc",
        "strict-transport-security",
    )
    kept = {"openai-processing-ms": "12", "x-ratelimit-remaining-tokens": "5"}
    edge.upstream.set_script([{"headers": {**dict.fromkeys(secret, "canary"), **kept}}])

    (got,) = edge.talk(post(length=True), answers=1).answers

    assert b"canary" not in got.head
    assert got.header("openai-processing-ms") == "12"
    assert got.header("x-ratelimit-remaining-tokens") is None, "those are about the upstream's account"
    edge.requests()


@pytest.mark.rows("U18")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(edge: Edge, status: int) -> None:
    """U18: an upstream does not choose where our key goes."""
    with Upstream() as canary:
        edge.upstream.set_script([{"status": status, "headers": {"location": f"{canary.url}/v1/x"}}])
        (got,) = edge.talk(post(length=True), answers=1).answers
        assert not canary.journal()

    assert got.status == 502
    assert got.header("location") is None
    edge.requests()


@pytest.mark.rows("U20")
@pytest.mark.parametrize("accepts", [False, True])
def test_a_coding_that_we_did_not_ask_for(edge: Edge, accepts: bool) -> None:
    """U20: it is relayed, unopened, to a client that said it can read it."""
    edge.upstream.set_script([{"body_base64": "H4sIAAAAAAAAAw==", "headers": {"content-encoding": "gzip"}}])
    lines = ["Accept-Encoding: gzip"] if accepts else []

    (got,) = edge.talk(post(*lines, length=True), answers=1).answers

    assert got.status == (200 if accepts else 502)
    assert got.header("content-encoding") == ("gzip" if accepts else None)
    assert {one.header("accept-encoding") for one in edge.requests()} == {"identity"}


@pytest.mark.rows("U21")
@pytest.mark.parametrize("status", [400, 500])
def test_an_echoed_key_is_blotted_out(edge: Edge, status: int) -> None:
    """U21."""
    edge.upstream.set_script(
        [{"status": status, "json": {"error": {"message": "Incorrect API key: sk-o.", "code": "x"}}}]
    )

    (got,) = edge.talk(post(length=True), answers=1).answers

    assert b"sk-o" not in got.body
    assert b"***" in got.body
    edge.requests()


@pytest.mark.rows("U14")
@pytest.mark.costs
def test_a_large_answer_passes_through_little_memory(edge_with: Callable[..., Edge]) -> None:
    """U14."""
    size = 200 * MIB
    edge = edge_with([{"body": "x" * MIB, "headers": {"content-type": "application/json"}}])
    edge.assert_stands()
    before = edge.gateway.resident_bytes()
    with edge.connect() as client:
        for _ in range(size // MIB // 4):
            client.send(post(length=True, body=BODY))
            assert len(client.answer().body) == MIB

    assert edge.gateway.resident_bytes() - before < 4 * MIB
