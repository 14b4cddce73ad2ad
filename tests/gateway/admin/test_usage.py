"""Sums over the ledger: by whom, of what, when, and what it cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from headworks.errors import UsageError
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, rows_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    """Four answers of `m` (the first backend fails each time), one of `n`, one error of the client's own."""
    failing = upstream([{"status": 503}])
    good = upstream([{"model": "bad", "status": 400}, {"usage": {"input": 10, "output": 5}}])
    made = config(
        backend("failing", failing, model_mappings={"m": "m"}),
        backend("good", good, "fallback", model_mappings={"m": "m", "n": "n", "bad": "bad"}),
        cooldown={"failures": 0},
        retry={"backoff_base_ms": 1, "budget_percent": 100},
    )
    made["prices"] = [{"model": "m", "input": 1, "output": 2}, {"model": "n", "input": 100, "output": 0}]
    started = gateway(made, key=KEY)
    statuses = [ask(started, model=model).status for model in ("m", "m", "m", "m", "n", "bad")]
    assert statuses == [200] * 5 + [400]
    until(lambda: sum(row["final"] for row in rows_of(started)) == 6, what="the ledger")
    return started


def test_everything_is_summed_once(house: Gateway) -> None:
    with house.admin() as admin:
        (total,) = admin.usage()
        by_model = {row["model"]: row for row in admin.usage("model")}
    assert (total["exchanges"], total["errors"]) == (6, 1)
    assert total["attempts"] == len(rows_of(house))
    assert (total["input_tokens"], total["output_tokens"]) == (50, 25)
    assert by_model["m"]["exchanges"] == 4
    assert by_model["m"]["cost_usd"] == pytest.approx(4 * (10 + 2 * 5) / 1e6)
    assert by_model["n"]["cost_usd"] == pytest.approx(1000 / 1e6)
    assert next(iter(by_model)) == "n", "the dearest first"
    assert by_model["bad"]["errors"] == 1
    assert sum(row["cost_usd"] for row in by_model.values()) == pytest.approx(total["cost_usd"])
    assert 0 < total["first_byte_ms"] <= total["mean_ms"] <= total["p99_ms"] * 1.1
    assert 0 < total["p50_ms"] <= total["p95_ms"] <= total["p99_ms"]


def test_sums_are_taken_apart_by_several_and_by_time(house: Gateway) -> None:
    with house.admin() as admin:
        pairs = {(row["backend"], row["key"]): row for row in admin.usage(["backend", "key"])}
        hours = admin.usage("pool", step="hour")
        assert admin.usage(since="2020-01-01T00:00:00Z", until="2020-01-02T00:00:00Z")[0]["exchanges"] == 0
        assert admin.usage("model", since="2020-01-01T00:00:00Z", until="2020-01-02T00:00:00Z") == []
        assert len(admin.usage("model", limit=1)) == 1
        assert [row["exchanges"] for row in admin.usage(model="m")] == [4]
        assert admin.usage("backend", key="app", pool="fallback")[0]["backend"] == "good"
        assert admin.usage("backend", model="never heard of") == []
    assert set(pairs) == {("failing", "app"), ("good", "app")}
    assert pairs["good", "app"]["exchanges"] == 6
    assert pairs["failing", "app"]["exchanges"] == 0
    assert all(row["at"].endswith(":00:00Z") for row in hours)
    assert sum(row["exchanges"] for row in hours) == 6


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"by": "modle"}, "no 'modle'"),
        ({"since": "yesterday"}, "moment or an age"),
        ({"step": "week"}, "minute, hour"),
    ],
)
def test_what_cannot_be_meant_is_refused(house: Gateway, query: dict[str, str], said: str) -> None:
    with house.admin() as admin, pytest.raises(UsageError, match=said):
        admin.request("GET", "/usage", **query)


def test_the_command(house: Gateway) -> None:
    def headworks(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headworks", "usage", *arguments, "--data-dir", str(house.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert "sum" in headworks().stdout
    assert "good" in headworks("--by", "backend,day", "--since", "7d").stdout
    assert headworks("--by", "day,hour").returncode == 2
