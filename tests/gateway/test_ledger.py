"""The ledger: one row per attempt, exactly once, whatever happens to the process."""

from __future__ import annotations

import collections
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import CHAT, COUNT_TOKENS, EMBEDDINGS, KEY, MESSAGES, ask, backend, config, rows_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
USAGE = {"input": 31, "output": 17, "cached": 5}


def rows_when(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    return until(lambda: rows if len(rows := rows_of(gateway)) >= count else None, what=f"{count} rows")


@pytest.mark.parametrize(
    ("path", "stream"),
    [(CHAT, False), (CHAT, True), (MESSAGES, False), (MESSAGES, True), (EMBEDDINGS, False)],
)
def test_the_row_says_what_happened(
    upstream: MakeUpstream, gateway: MakeGateway, path: str, stream: bool
) -> None:
    one = upstream([{"usage": USAGE}])
    backends = [backend("o", one), backend("a", one, api="anthropic")]
    house = gateway(config(*backends), key=KEY)

    answer = (
        ask(house, path, "some-model", stream=stream)
        if path != EMBEDDINGS
        else ask(house, path, "some-model")
    )

    (row,) = rows_when(house, 1)
    assert row["request_id"] == answer.header("x-request-id")
    assert row["upstream_request_id"] == answer.header("x-upstream-request-id")
    assert (row["attempt"], row["final"], row["status"], row["exchange_status"]) == (1, 1, 200, 200)
    assert (row["error"], row["exchange_error"]) == (None, None)
    assert (row["client_key"], row["model"], row["model_sent"]) == ("app", "some-model", "some-model")
    assert (row["backend"], row["pool"]) == ("a" if path == MESSAGES else "o", "primary")
    assert row["stream"] == int(stream)
    assert row["usage_source"] == "reported"
    assert row["input_tokens"] == 31
    assert row["output_tokens"] == (0 if path == EMBEDDINGS else 17)
    assert row["bytes_out"] == len(answer.body)
    assert 0 <= row["first_byte_us"] <= row["attempt_us"] <= row["exchange_us"] < 10_000_000


def test_counting_tokens_costs_nothing(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("a", upstream(), api="anthropic")), key=KEY)

    counted = json.loads(ask(house, COUNT_TOKENS).body)

    assert counted["input_tokens"] > 0
    (row,) = rows_when(house, 1)
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (0, 0, "none")


def test_each_attempt_of_an_exchange_has_its_row(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(
        config(
            backend("first", upstream([{"status": 429}])),
            backend(
                "second", upstream([{"status": 404, "json": {"error": {"message": "yours"}}}]), "fallback"
            ),
        ),
        key=KEY,
    )

    answer = ask(house)

    rows = rows_when(house, 2)
    assert {row["request_id"] for row in rows} == {answer.header("x-request-id")}
    assert [(row["attempt"], row["final"], row["backend"], row["status"]) for row in rows] == [
        (1, 0, "first", 429),
        (2, 1, "second", 404),
    ]
    assert {row["exchange_status"] for row in rows} == {404}
    assert {row["usage_source"] for row in rows} == {"none"}


def test_many_at_once_are_written_exactly_once(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    house = gateway(config(backend("first", upstream([{"usage": USAGE}]))), key=KEY)

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda at: ask(house, stream=at % 3 == 0).header("x-request-id"), range(500)))
    assert house.stop() == 0

    rows = rows_of(house)
    assert collections.Counter(row["request_id"] for row in rows) == collections.Counter(ids)
    assert sum(row["output_tokens"] for row in rows) == 500 * 17


def test_a_kill_loses_at_most_the_last_moment(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    """What was written stays, whole and once; what comes after the restart is added to it."""
    house = gateway(config(backend("first", upstream([{"usage": USAGE}]))), key=KEY)
    early = [ask(house).header("x-request-id") for _ in range(50)]
    rows_when(house, 50)
    late = [ask(house).header("x-request-id") for _ in range(50)]

    house.restart(kill=True)
    after = [ask(house).header("x-request-id") for _ in range(20)]
    assert house.stop() == 0

    ids = [row["request_id"] for row in rows_of(house)]
    assert len(ids) == len(set(ids))
    assert set(early + after) <= set(ids) <= set(early + late + after)
    with closing(sqlite3.connect(house.data_dir / "usage.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_ledger_does_not_keep_the_house_from_serving(
    upstream: MakeUpstream, gateway: MakeGateway
) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)
    assert house.stop() == 0
    (house.data_dir / "usage.db").write_bytes(b"no database at all" * 1000)

    house.start()

    assert ask(house).status == 200
    rows_when(house, 1)
    assert list(house.data_dir.glob("usage.db.corrupt-*"))
    assert any("usage.db" in line for line in house.log_lines)
