"""Answers with status 200 that are none: streams of nonsense, JSON that is cut, web pages.

Covered elsewhere: streams that differ only in form (CR, BOM, comments, no [DONE], any TCP split)
streams/test_relay.py; F12's 502 for the only backend edge/test_upstream_answers.py (U19).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from gateway.faults.figures import EAGER, MEASURED, REPETITIONS, STEADY, MakeGateway, MakeUpstream
from support.asking import KEY, ask, backend, config, error_of, rows_of
from support.until import until

MIB = 1024 * 1024

# F10

HELLO = '{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}'
STOP = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
BEGIN = f"data: {HELLO}\n\n".encode()
END = f"data: {STOP}\n\n".encode() + b"data: [DONE]\n\n"

BETWEEN: dict[str, bytes] = {
    "no prefix": HELLO.encode() + b"\n\n",
    "a prefix without a colon": b"data\n\n",
    "an unknown field": b"wat: 1\n\n",
    "an upper case field": b"DATA: {}\n\n",
    "a blank before the field": b" data: {}\n\n",
    "no blank behind the colon": b"data:" + HELLO.encode() + b"\n\n",
    "two blanks behind the colon": b"data:  " + HELLO.encode() + b"\n\n",
    "empty data": b"data: \n\n",
    "only blank lines": b"\n\n\n\n\n\n",
    "bad JSON": b"data: {not json\n\n",
    "JSON that ends early": b'data: {"choices":[{"delta":{"content":"x\n\n',
    "JSON and more": b'data: {"choices":[]} {"x":1}\n\n',
    "a JSON number": b"data: 7\n\n",
    "a JSON string": b'data: "[DONE]"\n\n',
    "null": b"data: null\n\n",
    "an array": b"data: [1,2,3]\n\n",
    "choices of the wrong type": b'data: {"choices":"none"}\n\n',
    "choices null": b'data: {"choices":null}\n\n',
    "delta of the wrong type": b'data: {"choices":[{"delta":[]}]}\n\n',
    "a key twice": b'data: {"choices":[],"choices":[]}\n\n',
    "deep nesting": b"data: " + b"[" * 2000 + b"]" * 2000 + b"\n\n",
    "a huge number": b'data: {"choices":[],"n":1' + b"0" * 400 + b"}\n\n",
    "usage of the wrong type": b'data: {"choices":[],"usage":"much"}\n\n',
    "negative usage": b'data: {"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":-1}}\n\n',
    "usage beyond 64 bits": b'data: {"usage":{"prompt_tokens":1e300,"completion_tokens":1e300}}\n\n',
    "CR only": b"data: " + HELLO.encode() + b"\r\r",
    "CR LF": b"data: " + HELLO.encode() + b"\r\n\r\n",
    "line ends mixed": b"data: " + HELLO.encode() + b"\r\n\n",
    "a BOM in the middle": b"\xef\xbb\xbfdata: " + HELLO.encode() + b"\n\n",
    "invalid UTF-8": b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe\xc0\x80"}}]}\n\n',
    "half a surrogate": b'data: {"choices":[{"index":0,"delta":{"content":"\\ud800"}}]}\n\n',
    "zero bytes": b"data: \x00\x00\x00\n\n",
    "every byte": b": " + bytes(one for one in range(256) if one not in b"\r\n") + b"\n\n",
    "an empty comment": b":\n\n",
    "many comments": b": ping\n" * 2000 + b"\n",
    "an event name": b"event: what\ndata: {}\n\n",
    "id and retry": b"id: 7\nretry: 10\n\n",
    "data in many lines": b'data: {"choices":\ndata: []}\n\n',
    "[DONE] twice": b"data: [DONE]\n\n",
    "a line of 10 MB": b"data: " + b"x" * (10 * MIB) + b"\n\n",
    "a comment of 10 MB": b": " + b"x" * (10 * MIB) + b"\n\n",
}  # fmt: skip


def stream_of(content: bytes) -> dict[str, Any]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    return {"raw_base64": base64.b64encode(head + framed).decode()}


@pytest.mark.rows("F10", "U16", "U22")
def test_nonsense_in_a_stream_is_relayed_byte_for_byte(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """All of them the same by SHA-256; what cannot be counted is estimated, and memory does not grow."""
    assert len(BETWEEN) >= 40
    only = upstream()
    house = gateway(config(backend("only", only), cooldown=STEADY), key=KEY, arguments=("--workers", "1"))
    before = house.resident_bytes()
    differing, unwell = [], []

    for name, between in BETWEEN.items():
        whole = BEGIN + between + END
        only.set_script({"rules": [stream_of(whole)], "journal": False})
        answer = ask(house, stream=True, stream_options={"include_usage": True})
        if hashlib.sha256(answer.body).digest() != hashlib.sha256(whole).digest():
            differing.append((name, answer.body[:300]))
        if not (answer.status == 200 and answer.complete):
            unwell.append(name)

    assert differing == []
    assert unwell == []
    rows = until(lambda: rows if len(rows := rows_of(house)) == len(BETWEEN) else None, what="the rows")
    assert {row["usage_source"] for row in rows} == {"estimated"}
    if MEASURED:
        assert house.resident_bytes() - before < 24 * MIB


@pytest.mark.rows("F10")
def test_nonsense_before_the_first_event_harms_nobody(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """It is held back until there is an event: then all of it goes on, or the next backend is asked."""
    only = upstream()
    house = gateway(
        config(
            backend("only", only), backend("second", upstream(), "fallback"), cooldown=STEADY, retry=EAGER
        ),
        key=KEY,
    )

    for name, between in BETWEEN.items():
        whole = between + BEGIN + END
        only.set_script({"rules": [stream_of(whole)], "journal": False})
        answer = ask(house, stream=True, stream_options={"include_usage": True})
        assert (answer.status, answer.complete) == (200, True), name
        if answer.header("x-headworks-backend") == "only":
            assert answer.body == whole, name
        else:
            assert whole[:100] not in answer.body, name


# F11

PLAIN: list[bytes] = [
    b"",
    b"{",
    b"}",
    b"{]",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"not json",
    b'{"id":"x","choices":[{"index":0,"message":{"content":"hel',
    b'{"id":"x","choices":[]} trailing',
    b'{"id":"x","choices":[],"usage":{"prompt_tokens":9,"completion_to',
    b'{"id":"x","choices":[],"usage":null}',
    b'{"id":"x","choices":[],"usage":[]}',
    b'{"id":"x","choices":[],"usage":{"prompt_tokens":"9","completion_tokens":"12"}}',
    b'{"id":"x","choices":[],"usage":{"prompt_tokens":-9,"completion_tokens":-12}}',
    b'\xff\xfe{"id":"x"}',
    b'{"id":"\xff","choices":[]}',
    b'{"id":"x"' + b" " * MIB,
    b"[" * 100_000,
]  # fmt: skip


@pytest.mark.rows("F11")
def test_json_that_is_none_is_relayed_and_estimated(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Rows flagged: 100 %."""
    only = upstream()
    house = gateway(config(backend("only", only), cooldown=STEADY), key=KEY)

    for body in PLAIN:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        raw = base64.b64encode(head.encode() + body).decode()
        only.set_script([{"raw_base64": raw}])
        answer = ask(house)
        assert (answer.status, answer.complete, answer.body) == (200, True, body)

    rows = until(lambda: rows if len(rows := rows_of(house)) == len(PLAIN) else None, what="the rows")
    assert [row["usage_source"] for row in rows] == ["estimated"] * len(PLAIN)
    assert all(row["input_tokens"] > 0 for row in rows)


# F12

PAGE = "<!doctype html><html><title>Sign in to the network</title></html>"


@pytest.mark.rows("F12")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_a_failure(
    upstream: MakeUpstream, gateway: MakeGateway, kind: str, stream: bool
) -> None:
    """Failovers: 100 %."""
    first = upstream([{"body": PAGE, "headers": {"content-type": kind}}])
    house = gateway(
        config(
            backend("first", first), backend("second", upstream(), "fallback"), cooldown=STEADY, retry=EAGER
        ),
        key=KEY,
    )

    answers = [ask(house, stream=stream) for _ in range(REPETITIONS)]

    assert {one.status for one in answers} == {200}
    assert {one.header("x-headworks-backend") for one in answers} == {"second"}
    assert not any(b"Sign in" in one.body for one in answers)


@pytest.mark.rows("F12")
def test_nobody_is_shown_the_page(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream([{"body": PAGE, "headers": {"content-type": "text/html"}}])
    house = gateway(config(backend("only", only)), key=KEY)

    answer = ask(house)

    assert (answer.status, error_of(answer)["code"]) == (502, "upstream_malformed")
    assert b"html" not in answer.body
    house.stop()
    assert "Sign in" not in "\n".join(house.log_lines)
