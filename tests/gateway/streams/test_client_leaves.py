"""A client that leaves takes its upstream call with it: nobody pays for words that nobody reads."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest

from gateway.streams.house import KEY, House, MakeHouse, body_of, raw_stream, request_bytes
from support.asking import CHAT, MESSAGES
from support.quiet import late
from support.raw_client import RawClient
from support.until import until

SOON_MS = 100
"""The contract's: from the client's close to the upstream's end of the connection, on one machine."""


def by_fin(client: RawClient) -> None:
    client.socket.shutdown(socket.SHUT_RDWR)


def by_rst(client: RawClient) -> None:
    client.reset()


Leave = Callable[[RawClient], None]
WAYS = pytest.mark.parametrize("leave", [by_fin, by_rst], ids=["FIN", "RST"])
ENDLESS = {"events": 1_000_000, "event_bytes": 200, "per_second": 50}


def now_ms() -> float:
    return time.monotonic() * 1000


def read_until(client: RawClient, mark: bytes, count: int) -> None:
    got = b""
    while got.count(mark) < count:
        got += client.read_some()


def expect_upstream_left(home: House, left_at_ms: float) -> None:
    entry = until(
        lambda: next((one for one in home.upstream.journal() if one.peer_closed_ms is not None), None),
        what="the end of the upstream connection",
    )
    assert entry.peer_closed_ms is not None
    assert entry.end in ("client_closed", "reset")
    assert entry.peer_closed_ms - left_at_ms <= late(SOON_MS)


def expect_written_down(home: House, *, usage: str) -> None:
    (row,) = home.ledger(1)
    assert row["error"] == row["exchange_error"] == "client_closed"
    assert row["exchange_status"] == 499
    assert row["usage_source"] == usage
    home.wait_until_idle()
    assert home.metric("headworks_client_aborts_total") == 1
    until(lambda: home.client_sockets() == 0, what="no client connection")


@WAYS
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_while_the_upstream_thinks(house: MakeHouse, path: str, stream: bool, leave: Leave) -> None:
    home = house([{"fault": {"at": "request", "do": "hang"}}])
    client = home.client()
    client.send(request_bytes(path, body_of(path, stream=stream)))
    until(home.upstream.journal, what="the request at the upstream")
    assert home.metric("headworks_in_flight") == 1

    left_at = now_ms()
    leave(client)

    expect_upstream_left(home, left_at)
    assert len(home.upstream.journal()) == 1
    (row,) = home.ledger(1)
    assert row["output_tokens"] == 0
    expect_written_down(home, usage=row["usage_source"])


@WAYS
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_in_the_middle_of_a_stream(house: MakeHouse, path: str, leave: Leave) -> None:
    home = house([{"stream": ENDLESS}])
    client = home.client()
    client.send(request_bytes(path, body_of(path)))
    read_until(client, b"....", 6)

    left_at = now_ms()
    leave(client)

    expect_upstream_left(home, left_at)
    expect_written_down(home, usage="partial")
    (row,) = home.ledger(1)
    assert row["output_tokens"] >= 1
    assert row["input_tokens"] > 0


@WAYS
def test_in_the_silence_of_a_stream(house: MakeHouse, leave: Leave) -> None:
    """Nothing is to be written, so no write can fail: the close itself must be heard."""
    home = house([{"stream": {"events": 9}, "fault": {"at": "event", "do": "hang", "after": 2}}])
    client = home.client()
    client.send(request_bytes(CHAT, body_of(CHAT)))
    read_until(client, b"data: ", 3)

    left_at = now_ms()
    leave(client)

    expect_upstream_left(home, left_at)
    expect_written_down(home, usage="partial")


@WAYS
def test_in_the_middle_of_a_plain_answer(house: MakeHouse, leave: Leave) -> None:
    home = house([{"text": "word " * 20_000, "drip": {"bytes": 100, "every_ms": 20}}])
    client = home.client()
    client.send(request_bytes(CHAT, body_of(CHAT, stream=False)))
    client.read_some()

    left_at = now_ms()
    leave(client)

    expect_upstream_left(home, left_at)
    (row,) = home.ledger(1)
    expect_written_down(home, usage=row["usage_source"])


@WAYS
@pytest.mark.parametrize("framing", ["content-length: 1000000", "transfer-encoding: chunked"])
def test_while_it_uploads(house: MakeHouse, framing: str, leave: Leave) -> None:
    """The upstream has not been asked yet, and is not."""
    home = house()
    client = home.client()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n{framing}\r\n\r\n"
    start = b'3e8\r\n{"model": "llama-' if "chunked" in framing else b'{"model": "llama-'
    client.send(head.encode() + start)
    until(lambda: home.client_sockets() == 1, what="the connection")

    leave(client)

    until(lambda: home.client_sockets() == 0, what="the end of the session")
    until(lambda: home.metric("headworks_client_aborts_total") == 1, what="the abort")
    assert home.metric("headworks_in_flight") == 0
    assert home.upstream.stats()["requests"] == 0


@WAYS
def test_while_we_upload(house: MakeHouse, leave: Leave) -> None:
    """The upstream accepts the connection and reads nothing: our own write is what waits."""
    home = house({"accept": {"do": "hang"}})
    client = home.client()
    content = [{"role": "user", "content": "x" * 16_000_000}]
    client.send(request_bytes(CHAT, json.dumps(body_of(CHAT, messages=content)).encode()))
    until(lambda: home.upstream.stats()["open_connections"] == 1, what="the upstream connection")
    until(lambda: home.metric("headworks_in_flight") == 1, what="the attempt")

    left_at = now_ms()
    leave(client)

    until(lambda: home.upstream.stats()["open_connections"] == 0, what="its end")
    assert now_ms() - left_at <= late(SOON_MS)
    (row,) = home.ledger(1)
    expect_written_down(home, usage=row["usage_source"])


@WAYS
def test_while_it_waits_between_two_attempts(house: MakeHouse, leave: Leave) -> None:
    """The only backend asks for a pause: the request waits for it in no upstream's name."""
    home = house(
        [{"status": 503}],
        settings={"retry": {"max_attempts": 5, "backoff_base_ms": 5000, "backoff_cap_ms": 10000}},
    )
    client = home.client()
    client.send(request_bytes(CHAT, body_of(CHAT)))
    until(home.upstream.journal, what="the first attempt")
    asked = len(home.upstream.journal())

    leave(client)

    until(lambda: home.client_sockets() == 0, what="the end of the session")
    home.wait_until_idle()
    assert len(home.upstream.journal()) == asked


def test_the_slot_of_a_client_that_left_is_free(house: MakeHouse) -> None:
    home = house([{"times": 1, "fault": {"at": "request", "do": "hang"}}, {}], fields={"max_in_flight": 1})
    first = home.client()
    first.send(request_bytes(CHAT, body_of(CHAT)))
    until(home.upstream.journal, what="the request at the upstream")

    first.close()

    home.wait_until_idle()
    second = home.client()
    second.send(request_bytes(CHAT, body_of(CHAT)))
    assert second.answer().status == 200


@pytest.mark.parametrize("leave", [by_fin, by_rst], ids=["FIN", "RST"])
def test_hanging_up_at_the_end_event_is_no_leaving(house: MakeHouse, leave: Leave) -> None:
    """SDKs do: they read `[DONE]` and close, while the end of the body is still on its way."""
    usage = '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12}}'
    finish = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    events = b"".join(f"data: {one}\n\n".encode() for one in (finish, usage, "[DONE]"))
    home = house([{**raw_stream(events, end=False), "fault": {"at": "body", "do": "hang"}}])
    client = home.client()

    client.send(request_bytes(CHAT, body_of(CHAT)))
    read_until(client, b"data: [DONE]\n\n", 1)
    leave(client)

    (row,) = home.ledger(1)
    assert (row["error"], row["exchange_error"], row["exchange_status"]) == (None, None, 200)
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (9, 12, "reported")
    home.wait_until_idle()
