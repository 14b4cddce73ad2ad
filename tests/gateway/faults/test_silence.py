"""Who says nothing, or too little: upstreams that hang or drip, clients that send slowly.

Covered elsewhere: F07's failover and status test_pools.py, streams/test_faults.py; F08's error event and
F09's deadline streams/test_faults.py; F21's deadlines of a head and of a stalled body edge/test_heads.py
(B34, B35) and edge/test_framing.py (S30). Here are the figures.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.faults.figures import (
    EAGER,
    REPETITIONS,
    STEADY,
    MakeGateway,
    MakeUpstream,
    Note,
    ended,
    now_ms,
    percentile,
    tell,
)
from support.asking import CHAT, KEY, ask, backend, config, error_of, fields_of, metrics_of
from support.gateway import Gateway
from support.quiet import is_quiet, late
from support.raw_client import RawAnswer, RawClient
from support.until import until

THREADS = 10
SET_MS = 400
"""The time that these tests configure; the figures are deviations from it."""
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
HANGS = {"fault": {"at": "request", "do": "hang"}}
HEAD = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n"


def ask_often(house: Gateway, count: int, **members: Any) -> list[RawAnswer]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda _: ask(house, **members), range(count)))


def expect_on_time(took: list[float]) -> None:
    """Not early, and at most 50 ms late."""
    assert min(took) >= SET_MS - 5
    assert tell(f"set to {SET_MS} ms", took) <= SET_MS + 50


# F07


@pytest.mark.rows("F07")
@pytest.mark.costs
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_first_byte_is_waited_for_as_long_as_set(
    upstream: MakeUpstream, gateway: MakeGateway, stream: bool
) -> None:
    first = upstream([HANGS])
    house = gateway(
        config(
            *(backend("first", first), backend("second", upstream(), "fallback")),
            timeouts={"first_byte_seconds": SET_MS / 1000},
            cooldown=STEADY,
            retry=EAGER,
        ),
        key=KEY,
    )

    answers = ask_often(house, REPETITIONS, stream=stream)

    assert {one.status for one in answers} == {200}
    assert {one.header("x-headworks-backend") for one in answers} == {"second"}
    expect_on_time([(one.peer_closed_ms or 0) - one.at_ms for one in ended(first, REPETITIONS)])


@pytest.mark.rows("F07")
@pytest.mark.costs
def test_alone_it_is_504_on_time(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(
        config(
            backend("only", upstream([HANGS])),
            timeouts={"first_byte_seconds": SET_MS / 1000},
            cooldown=STEADY,
        ),
        key=KEY,
    )

    def timed(_: int) -> tuple[RawAnswer, float]:
        begin = now_ms()
        return ask(house), now_ms() - begin

    with ThreadPoolExecutor(THREADS) as pool:
        seen = list(pool.map(timed, range(REPETITIONS)))

    assert {(one.status, error_of(one)["code"]) for one, _ in seen} == {(504, "upstream_timeout")}
    expect_on_time([took for _, took in seen])


def test_an_upstream_that_does_not_read_has_a_clock_too(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """It accepts, and takes nothing: the write clock, of the backend or of the settings, ends it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        first = backend("first", url, timeouts={"write_seconds": SET_MS / 1000})
        house = gateway(config(first, backend("second", upstream(), "fallback"), cooldown=STEADY), key=KEY)
        begin = now_ms()

        answer = ask(house, user="x" * 24_000_000)

    assert (answer.status, answer.header("x-headworks-backend")) == (200, "second")
    assert SET_MS - 5 <= now_ms() - begin < 5000


# F08


@pytest.mark.rows("F08")
@pytest.mark.costs
def test_silence_in_a_stream_is_cut_on_time(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    first = upstream([{"stream": {"events": 9}, "fault": {"at": "event", "do": "hang", "after": 3}}])
    house = gateway(
        config(backend("first", first), timeouts={"idle_seconds": SET_MS / 1000}, cooldown=STEADY), key=KEY
    )

    answers = ask_often(house, REPETITIONS, stream=True)

    assert all(b'"upstream_timeout"' in one.body and b"[DONE]" not in one.body for one in answers)
    assert not any(one.complete for one in answers)
    entries = ended(first, REPETITIONS)
    expect_on_time([(one.peer_closed_ms or 0) - (one.first_byte_ms or 0) for one in entries])


@pytest.mark.rows("F08")
def test_comments_of_the_upstream_count_as_life(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Three times the idle time passes with nothing but pings."""
    event = 'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    text = head + event + ": ping\n\n" * 60 + "data: [DONE]\n\n"
    size = len(": ping\n\n") * 5
    only = upstream(
        [
            {
                "raw_base64": base64.b64encode(text.encode()).decode(),
                "drip": {"bytes": size, "every_ms": SET_MS // 4, "head": True},
                "close": "announced",
            }
        ]
    )
    house = gateway(config(backend("only", only), timeouts={"idle_seconds": SET_MS / 1000}), key=KEY)

    answer = ask(house, stream=True)

    assert (answer.status, answer.complete) == (200, True)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    (entry,) = only.journal()
    assert (entry.end_ms or 0) - (entry.first_byte_ms or 0) >= 3 * SET_MS


# F09


@pytest.mark.rows("F09", "R5")
@pytest.mark.costs
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_drips_end_at_the_deadline_and_cost_little_memory(
    upstream: MakeUpstream, gateway: MakeGateway, stream: bool, record_property: Note
) -> None:
    """At most 64 KiB for each of 200 of them."""
    count, seconds = 200, 2
    shape = {"events": 1_000_000, "event_bytes": 200, "per_second": 0}
    rule: dict[str, Any] = {"stream": shape} if stream else {"text": "x" * 100_000}
    only = upstream(
        {"rules": [{**rule, "drip": {"bytes": 1, "every_ms": 10}}], "journal": {"entries": count}}
    )
    house = gateway(
        config(backend("only", only), timeouts={"total_seconds": seconds}, cooldown=STEADY, retry=EAGER),
        key=KEY,
    )
    assert ask(house, key="wrong").status == 401
    before = house.resident_bytes()
    body = json.dumps(fields_of(CHAT, stream=stream)).encode()
    data = f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(house.url)) for _ in range(count)]
        begin = now_ms()
        for client in clients:
            client.send(data)
        until(lambda: only.stats()["requests"] == count, what="every drip to begin")
        # Half of the time is over, and everybody has had bytes.
        until(lambda: now_ms() - begin >= seconds * 500, what="the middle")
        middle = house.resident_bytes()
        for client in clients:
            client.until_closed(seconds + 2)
        took = now_ms() - begin

    each = (middle - before) / count
    record_property("R5", f"{each / 1024:.0f} KiB per {'stream' if stream else 'answer'} that drips")
    assert each <= 64 * 1024
    assert seconds * 1000 - 5 <= took <= seconds * 1000 + late(1000)
    until(lambda: metrics_of(house)['headworks_in_flight{backend="only"}'] == 0, what="nobody in flight")


# F21


@contextlib.contextmanager
def slow_senders(house: Gateway, count: int, data: bytes) -> Iterator[list[RawClient]]:
    """So many clients that stop in the middle of a request."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(house.url)) for _ in range(count)]
        for client in clients:
            client.send(data)
        yield clients


def connections(house: Gateway) -> float:
    return metrics_of(house)['headworks_connections{side="client"}']


SLOW: dict[str, bytes] = {
    "nothing": b"",
    "half a head": HEAD.encode(),
    "half a body": HEAD.encode() + b'content-length: 1000\r\n\r\n{"model":',
    "half a chunk": HEAD.encode() + b'transfer-encoding: chunked\r\n\r\nff\r\n{"model":',
}


@pytest.mark.costs
@pytest.mark.parametrize("what", SLOW)
def test_slow_senders_are_freed_on_time(upstream: MakeUpstream, gateway: MakeGateway, what: str) -> None:
    """Head and body have a second: every one of 500 is gone 0.1 of it later (the table's 10 and 11 s)."""
    count = 500
    only = upstream()
    house = gateway(
        config(backend("only", only), timeouts={"head_seconds": 1, "body_idle_seconds": 1}), key=KEY
    )

    with slow_senders(house, count, SLOW[what]) as clients:
        sent = now_ms()
        for client in clients:
            got = client.until_closed(5)
            assert got.startswith(b"HTTP/1.1 408 ") if SLOW[what] else got == b""
        took = now_ms() - sent

    assert took <= 1100 + late(200), "0.2 s for 500 closes to be seen by one Python"
    until(lambda: connections(house) == 0, what="no connection left")
    assert only.stats()["requests"] == 0


def median_group(measure: Callable[[], float]) -> float:
    """Of five groups: a busy machine spoils some, hardly all."""
    return sorted(measure() for _ in range(5))[2]


@pytest.mark.rows("F21")
@pytest.mark.costs
def test_slow_senders_do_not_slow_the_others(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """p99 of a good client rises by at most 20 % (and the millisecond that a scheduler is allowed)."""
    house = gateway(
        config(backend("only", upstream({"journal": False}))), key=KEY, arguments=("--workers", "1")
    )
    body = json.dumps(fields_of(CHAT)).encode()

    with RawClient(house.url) as good:

        def p99() -> float:
            took = []
            for _ in range(2 * REPETITIONS):
                begin = now_ms()
                assert good.request("POST", CHAT, headers=HEADERS, body=body).status == 200
                took.append(now_ms() - begin)
            return percentile(took, 99)

        p99()
        alone = median_group(p99)
        with slow_senders(house, 1000, SLOW["half a body"]):
            until(lambda: connections(house) >= 1001, what="all slow senders")
            beside = median_group(p99)

    assert beside <= (1.2 * alone + 1 if is_quiet() else 3 * alone + 10)


@pytest.mark.rows("F21")
def test_a_body_that_trickles_has_an_end(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Bytes that keep coming, fewer than 240 a second, do not hold a slot for ever."""
    only = upstream()
    timeouts = {"head_seconds": 1, "body_idle_seconds": 0.5, "total_seconds": 2}
    house = gateway(config(backend("only", only), timeouts=timeouts), key=KEY)
    begin = now_ms()

    with RawClient(house.url) as client:
        client.send(HEAD.encode() + b"content-length: 100000\r\n\r\n")
        got = b""
        while not got and now_ms() - begin < 6000:
            client.send(b" ")
            client.socket.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                got = client.socket.recv(65536)

    assert got.startswith(b"HTTP/1.1 408 "), got[:100]
    assert only.stats()["requests"] == 0
