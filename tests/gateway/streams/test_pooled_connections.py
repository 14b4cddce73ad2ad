"""Connections: to upstreams that close theirs as they like, and from clients of every age."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.streams.house import KEY, MODEL, House, MakeHouse, body_of, request_bytes, tcp_table
from support.asking import CHAT
from support.raw_client import RawClient
from support.until import until

REQUESTS = 500
THREADS = 16
NOTHING_HIDDEN = {"retry": {"max_attempts": 1}}

# How the upstream ends what we would like to use again.
ENDINGS: dict[str, list[dict[str, Any]]] = {
    "keeps": [{}],
    "announces": [{"close": "announced"}],
    "closes without a word": [{"close": "silent"}],
    "closes every third without a word": [{"every": 3, "close": "silent"}, {}],
    "closes on the next request": [{"stale": "close"}],
    "resets on the next request": [{"stale": "reset"}],
    "resets on some": [{"every": 5, "stale": "reset"}, {"every": 7, "close": "silent"}, {}],
}


def numbered(number: int, **members: Any) -> bytes:
    return request_bytes(CHAT, body_of(CHAT, stream=False, user=f"request-{number}", **members))


def ask_many(home: House, numbers: range) -> Counter[int]:
    client = home.client()
    statuses: Counter[int] = Counter()
    for number in numbers:
        client.send(numbered(number))
        answer = client.answer()
        assert answer.complete
        statuses[answer.status] += 1
    return statuses


@pytest.mark.rows("F03")
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_client_hears_of_a_connection_that_went_away(house: MakeHouse, ending: str) -> None:
    script = {"rules": ENDINGS[ending], "journal": {"entries": 10_000}}
    home = house(script, settings=NOTHING_HIDDEN, workers=2)

    alone = ask_many(home, range(REQUESTS))
    shares = [range(REQUESTS + n, 2 * REQUESTS, THREADS) for n in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        together = sum(threads.map(lambda share: ask_many(home, share), shares), Counter[int]())

    assert alone == together == {200: REQUESTS}
    rows = home.ledger(2 * REQUESTS)
    assert {row["attempt"] for row in rows} == {1}
    assert {row["error"] for row in rows} == {None}
    assert len({row["request_id"] for row in rows}) == 2 * REQUESTS
    answered = Counter(entry.json()["user"] for entry in home.upstream.journal() if entry.bytes > 0)
    assert answered == {f"request-{n}": 1 for n in range(2 * REQUESTS)}


def test_connections_are_used_again(house: MakeHouse) -> None:
    home = house()

    ask_many(home, range(50))

    assert home.upstream.stats()["accepted_connections"] == 1
    assert [row["reused_connection"] for row in home.ledger(50)] == [0] + [1] * 49


def test_a_stream_gives_its_connection_back(house: MakeHouse) -> None:
    home = house([{"stream": {"events": 5}}])
    client = home.client()

    for _ in range(20):
        client.send(request_bytes(CHAT, body_of(CHAT)))
        assert client.answer().complete

    assert home.upstream.stats()["accepted_connections"] == 1


@pytest.mark.parametrize("extra", ["garbage", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"])
def test_bytes_behind_an_answer_never_become_the_next_one(house: MakeHouse, extra: str) -> None:
    home = house([{"extra": extra}])

    assert ask_many(home, range(10)) == {200: 10}

    assert home.upstream.stats()["accepted_connections"] == 10


@pytest.mark.parametrize("do", ["close", "reset"])
@pytest.mark.parametrize("at", ["head", "body"])
def test_a_request_whose_answer_was_begun_is_never_sent_again_in_silence(
    house: MakeHouse, at: str, do: str
) -> None:
    """The connection is a used one, but the upstream has begun: it may have done the work."""
    rules = [{"nth": 2, "fault": {"at": at, "do": do, "after": 10}}, {}]
    home = house(rules, settings=NOTHING_HIDDEN)
    client = home.client()
    client.send(numbered(0))
    assert client.answer().status == 200

    client.send(numbered(1))
    answer = client.answer()

    first, second = home.ledger(2)
    assert (first["reused_connection"], second["reused_connection"]) == (0, 1)
    assert second["error"] == "upstream_reset"
    assert (answer.status == 502) == (at == "head")
    assert answer.complete == (at == "head")
    assert len(home.upstream.journal()) == 2


def test_an_interim_answer_is_a_beginning(house: MakeHouse) -> None:
    rules: list[dict[str, Any]] = [
        {"nth": 2, "raw": "HTTP/1.1 103 Early Hints\r\n\r\n", "fault": {"at": "body", "do": "close"}},
        {},
    ]
    home = house(rules, settings=NOTHING_HIDDEN)
    client = home.client()
    client.send(numbered(0))
    assert client.answer().status == 200

    client.send(numbered(1))

    assert client.answer().status == 502
    assert len(home.upstream.journal()) == 2


def test_every_upstream_call_is_in_the_ledger(house: MakeHouse) -> None:
    """Retries are the plan's, and written down: one row for each request that an upstream began to answer."""
    home = house([{"every": 2, "fault": {"at": "head", "do": "close"}}, {}])

    ask_many(home, range(10))

    home.ledger(len(home.upstream.journal()))


def send_queues(port: int) -> list[int]:
    """Bytes that the sockets on this port wrote and nobody has read."""
    return [int(line[4].partition(":")[0], 16) for line in tcp_table(port)]


@pytest.mark.rows("F20")
@pytest.mark.costs
def test_a_slow_reader_slows_the_upstream_and_costs_no_memory(house: MakeHouse) -> None:
    size, count = 1024, 65_536
    home = house([{"stream": {"events": count, "event_bytes": size}}])
    before = home.resident_mib()
    client = home.client(seconds=60, receive_buffer=65_536)
    client.send(request_bytes(CHAT, body_of(CHAT)))
    first = client.read_some()

    queues: list[list[int]] = []

    def stalls() -> bool:
        """Ten looks in a row show the same full queue of the upstream."""
        queues.append(send_queues(home.upstream.port))
        return len(queues) > 10 and max(queues[-1], default=0) > 0 and queues[-10:] == queues[-1:] * 10

    until(stalls, what="the upstream's writes to stall")
    (entry,) = home.upstream.journal()
    assert entry.end == "open"
    assert home.resident_mib() - before < 8

    total, tail = len(first), first
    while not tail.endswith(b"0\r\n\r\n"):
        piece = client.socket.recv(1 << 20)
        assert piece, "the stream was cut"
        total += len(piece)
        tail = tail[-64:] + piece[-64:]
    assert total > size * count
    assert home.resident_mib("VmHWM") - before < 8
    (row,) = home.ledger(1)
    assert row["error"] is None
    assert row["output_tokens"] == count


def test_a_client_of_http_1_0_gets_a_length_and_the_end(house: MakeHouse) -> None:
    home = house()
    client = home.client()

    client.send(request_bytes(CHAT, body_of(CHAT, stream=False), version="1.0"))
    answer = client.answer()

    assert answer.status == 200
    assert answer.header("content-length") == str(len(answer.body))
    assert client.is_closed()


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_client_of_http_1_0_never_sees_chunks(house: MakeHouse, framing: str) -> None:
    home = house([{"framing": framing}])
    for stream in (False, True):
        client = home.client()
        client.send(request_bytes(CHAT, body_of(CHAT, stream=stream), version="1.0"))
        answer = client.answer()

        assert answer.header("transfer-encoding") is None
        if stream:
            assert answer.body.startswith(b"data: {")
            assert answer.body.endswith(b"data: [DONE]\n\n")
        else:
            assert json.loads(answer.body)["object"] == "chat.completion"


def test_pipelined_requests_are_answered_in_order(house: MakeHouse) -> None:
    home = house([{"nth": 1, "delay_ms": 50, "text": "one"}, {"text": "other"}])
    client = home.client()
    models = f"GET /v1/models HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()

    client.send(numbered(0) + models + numbered(1) + request_bytes(CHAT, body_of(CHAT)) + numbered(2))
    answers = [client.answer() for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert all(answer.complete for answer in answers)
    assert json.loads(answers[0].body)["choices"][0]["message"]["content"] == "one"
    assert json.loads(answers[1].body)["object"] == "list"
    assert json.loads(answers[2].body)["choices"][0]["message"]["content"] == "other"
    assert answers[3].body.endswith(b"data: [DONE]\n\n")
    assert json.loads(answers[4].body)["choices"][0]["message"]["content"] == "other"
    users = [entry.json().get("user") for entry in home.upstream.journal()]
    assert users == ["request-0", "request-1", None, "request-2"]


def head_that_expects(key: str, length: int) -> bytes:
    return (
        f"POST {CHAT} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


def test_who_expects_100_continue_is_told_to_go_on(house: MakeHouse) -> None:
    home = house()
    client = home.client()
    body = json.dumps(body_of(CHAT, stream=False)).encode()

    client.send(head_that_expects(KEY, len(body)))
    assert client.read_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    answer = client.answer()

    assert answer.status == 200
    (entry,) = home.upstream.journal()
    assert entry.header("expect") is None
    client.send(numbered(1))
    assert client.answer().status == 200


def test_who_expects_100_continue_without_a_right_to_it_is_refused_at_once(house: MakeHouse) -> None:
    home = house()
    client = home.client()

    client.send(head_that_expects("hw_key_wrong-0123456789abcdef", 30_000_000))
    answer = client.answer()

    assert answer.status == 401
    assert b"100 Continue" not in answer.head


def test_one_client_connection_carries_many_requests(house: MakeHouse) -> None:
    home = house([{"every": 3, "status": 400}, {}])
    client = home.client()

    for number in range(1, 31):
        stream = number % 2 == 0
        client.send(request_bytes(CHAT, body_of(CHAT, stream=stream)))
        answer = client.answer()
        assert answer.status == (400 if number % 3 == 0 else 200)
        assert answer.complete


def test_a_client_that_says_close_is_closed(house: MakeHouse) -> None:
    home = house()
    client = home.client()

    client.send(numbered(0).replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
    answer = client.answer()

    assert answer.status == 200
    assert answer.header("connection") == "close"
    assert client.is_closed()


@pytest.mark.parametrize("target", ["/v1/models", f"/v1/models/{MODEL}", "/v1/files/file-1"])
def test_head_gets_the_head_and_no_body(house: MakeHouse, target: str) -> None:
    home = house()
    client = home.client()
    credential = {"authorization": f"Bearer {KEY}"}
    shown = client.request("GET", target, headers=credential)

    answer = client.request("HEAD", target, headers=credential)

    assert answer.status == shown.status
    assert answer.body == b""
    assert int(str(answer.header("content-length"))) > 0
    # The connection is in step: the next answer is the next request's.
    assert client.request("GET", target, headers=credential).status == shown.status


def test_two_clients_do_not_wait_for_each_other(house: MakeHouse) -> None:
    home = house([{"nth": 1, "fault": {"at": "request", "do": "hang"}}, {}])
    slow: RawClient = home.client()
    slow.send(numbered(0))
    until(home.upstream.journal, what="the first request")

    assert ask_many(home, range(1, 20)) == {200: 19}
