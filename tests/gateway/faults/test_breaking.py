"""What breaks off or does not fit: resets at every place, early answers, interim answers, surplus bytes.

Covered elsewhere: F03 streams/test_pooled_connections.py (a connection that went away, 0 of 1,000
errors); F06's form and its row in the ledger, for every dialect, streams/test_faults.py
(test_a_stream_that_breaks_ends_with_an_error_event); F44 edge/test_upstream_answers.py (U06, U07); F45's
form there (U10, U23) and in test_pooled_connections.py.
"""

from __future__ import annotations

import json
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
    now_ms,
    tell,
)
from support.asking import CHAT, KEY, ask, backend, config, error_of, fields_of, metrics_of, rows_of
from support.gateway import Gateway
from support.raw_client import RawAnswer, RawClient
from support.until import until

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
MIB = 1024 * 1024


def send(client: RawClient, **members: Any) -> None:
    """A chat request; its answer is not waited for."""
    body = json.dumps(fields_of(CHAT, **members)).encode()
    lines = {"host": client.host, **HEADERS, "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    client.send(f"POST {CHAT} HTTP/1.1\r\n{head}\r\n".encode() + body)


# F04


@pytest.mark.rows("F04")
@pytest.mark.parametrize("after", [1, 17, 40])
def test_a_reset_within_the_head_reaches_nobody(
    upstream: MakeUpstream, gateway: MakeGateway, after: int
) -> None:
    first = upstream([{"fault": {"at": "head", "do": "reset", "after": after}}])
    second = upstream()
    backends = backend("first", first, weight=100), backend("second", second)
    house = gateway(config(*backends, cooldown=STEADY, retry=EAGER), key=KEY)
    answers: list[RawAnswer] = []

    while len(first.journal()) < REPETITIONS and len(answers) < 20 * REPETITIONS:
        answers.append(ask(house))

    assert len(first.journal()) == REPETITIONS
    assert [one for one in answers if one.status != 200 or not one.complete] == []
    assert {one.header("x-headworks-backend") for one in answers} == {"second"}


def test_a_pool_without_retries_left_does_not_hide_the_next_one(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    """The retries that a broken pool used up on itself are no reason not to ask the pool behind it."""
    first = upstream([{"fault": {"at": "head", "do": "reset", "after": 17}}])
    backends = backend("first", first), backend("second", upstream(), "fallback")
    house = gateway(config(*backends, cooldown=STEADY, retry={"backoff_base_ms": 1}), key=KEY)

    answers = [ask(house) for _ in range(30)]

    assert [one.status for one in answers] == [200] * 30
    assert {one.header("x-headworks-backend") for one in answers} == {"second"}


@pytest.mark.rows("F04")
def test_a_reset_within_the_head_of_the_only_one_is_502(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    only = upstream([{"fault": {"at": "head", "do": "reset", "after": 30}}])
    house = gateway(config(backend("only", only), cooldown=STEADY, retry=EAGER), key=KEY)

    answer = ask(house)

    assert (answer.status, error_of(answer)["code"]) == (502, "upstream_reset")
    assert answer.complete


# F05


@pytest.mark.rows("F05", "R4")
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_half_an_answer_is_never_a_whole_one(
    upstream: MakeUpstream, gateway: MakeGateway, framing: str, record_property: Note
) -> None:
    """Falsely complete: 0 of 2 x 200."""
    rule = {"text": "word " * 2_000, "framing": framing, "fault": {"at": "body", "do": "reset"}}
    house = gateway(config(backend("only", upstream([rule])), cooldown=STEADY), key=KEY)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(house), range(200)))

    whole = [one.status for one in answers if one.complete and one.status == 200]
    record_property("R4", f"{len(whole)} of {len(answers)} ({framing})")
    assert whole == []
    rows = until(lambda: rows if len(rows := rows_of(house)) >= 200 else None, what="200 rows")
    assert {row["error"] for row in rows} == {"upstream_reset"}
    assert {row["exchange_error"] for row in rows if row["final"]} == {"upstream_reset"}


# F06


@pytest.mark.rows("F06", "R4")
@pytest.mark.costs
def test_a_reset_in_mid_stream_is_told_at_once(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    """From the reset to the error event: p99 <= 20 ms."""
    only = upstream([{"stream": {"events": 20}, "fault": {"at": "event", "do": "reset", "after": 5}}])
    house = gateway(config(backend("only", only), cooldown=STEADY), key=KEY)
    told: list[float] = []

    for _ in range(REPETITIONS):
        with RawClient(house.url) as client:
            send(client, stream=True)
            got = b""
            while b'"upstream_reset"' not in got:
                piece = client.read_some()
                assert piece, got
                got += piece
            told.append(now_ms())
            got += client.until_closed()
        assert b"[DONE]" not in got
    record_property("R4", f"0 of {len(told)} (streams)")

    entries = only.journal()
    assert len(entries) == REPETITIONS, "a stream that has begun is not tried again"
    assert {one.end for one in entries} == {"cut"}
    took = [at - (one.end_ms or 0) for at, one in zip(told, entries, strict=True)]
    assert tell("fault to error event", took) <= 20


# F43


def ask_large(house: Gateway, mebibytes: int, *, seconds: float = 5) -> tuple[RawAnswer, float]:
    """An answer to a request of this size, and when it was here."""
    content = [{"role": "user", "content": "x" * mebibytes * MIB}]
    body = json.dumps(fields_of(CHAT, messages=content)).encode()
    with RawClient(house.url, seconds=seconds) as client:
        return client.request("POST", CHAT, headers=HEADERS, body=body), now_ms()


@pytest.mark.rows("F43")
@pytest.mark.costs
def test_an_early_answer_ends_the_upload(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """413 at the head, while we still send: no deadlock, and the client has it within 50 ms."""
    refusal = {"error": {"message": "too large", "code": "too_large"}}
    only = upstream([{"early": True, "status": 413, "json": refusal, "close": "announced"}])
    house = gateway(config(backend("only", only)), key=KEY)
    took = []

    for _ in range(REPETITIONS):
        answer, at = ask_large(house, 8)
        answered = only.journal()[-1].first_byte_ms
        assert answered is not None
        took.append(at - answered)
        assert (answer.status, error_of(answer)) == (413, refusal["error"])

    assert tell("early answer", took) <= 50
    entries = only.journal()
    assert len(entries) == REPETITIONS
    assert [one for one in entries if one.body_bytes == 8 * MIB] == [], "nothing was left to be sent"


@pytest.mark.rows("F43")
@pytest.mark.parametrize("status", [413, 401])
def test_half_an_upload_is_not_followed_by_the_next_request(
    upstream: MakeUpstream, gateway: MakeGateway, status: int
) -> None:
    """The upstream still waits for the rest on its connection: what we sent next would be that rest."""
    first = upstream([{"early": True, "status": status, "times": 1}, {}])
    backends = backend("first", first), backend("second", upstream(), "fallback")
    house = gateway(
        config(*backends, cooldown={"quarantine_seconds": 0.01}), key=KEY, arguments=("--workers", "1")
    )

    early, _ = ask_large(house, 24)
    assert early.status == (413 if status == 413 else 200), "never 401: the client's own key is good"

    def next_one_was_first() -> bool:
        with RawClient(house.url, seconds=4) as client:
            send(client, user="next")
            return client.answer().header("x-headworks-backend") == "first"

    until(next_one_was_first, 5, what="the first one again")
    upload, after = first.journal()[:2]
    assert upload.connection != after.connection
    assert after.json()["user"] == "next"


# F45


POISON = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n"poison"'


@pytest.mark.rows("F45")
def test_nobody_gets_the_bytes_behind_anothers_answer(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """Cross-request mixes: 0 of 1,000, every other answer with a whole forged one behind it."""
    only = upstream({"rules": [{"every": 2, "extra": POISON}, {}], "journal": {"entries": 10}})
    house = gateway(config(backend("only", only)), key=KEY)

    def ask_many(_: int) -> list[RawAnswer]:
        body = json.dumps(fields_of(CHAT)).encode()
        with RawClient(house.url) as client:
            return [client.request("POST", CHAT, headers=HEADERS, body=body) for _ in range(125)]

    with ThreadPoolExecutor(8) as pool:
        answers = [one for many in pool.map(ask_many, range(8)) for one in many]

    assert {one.status for one in answers} == {200}
    assert all(one.complete for one in answers)
    ids = [json.loads(one.body)["id"] for one in answers]
    assert len(set(ids)) == 1000
    until(lambda: metrics_of(house)['headworks_in_flight{backend="only"}'] == 0, what="nobody in flight")
    assert only.stats()["accepted_connections"] >= 500


@pytest.mark.rows("F45")
def test_a_body_behind_a_204_is_not_the_next_answer(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    raw = f"HTTP/1.1 204 No Content\r\n\r\n{POISON}"
    only = upstream([{"every": 2, "raw": raw}, {}])
    house = gateway(config(backend("only", only)), key=KEY)

    answers = [ask(house) for _ in range(REPETITIONS)]

    assert sorted({one.status for one in answers}) == [200, 204]
    assert [one.body for one in answers if b"poison" in one.body] == []
