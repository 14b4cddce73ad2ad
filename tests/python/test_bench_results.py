"""headworks.bench: the load generator from Python, and what it measured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import headworks
from headworks import _core
from headworks.errors import ConfigurationError, HeadworksError, UsageError
from headworks.testing import Upstream
from support.until import until

MakeUpstream = Callable[..., Upstream]


def test_it_counts_what_the_upstream_saw(upstream: MakeUpstream) -> None:
    provider = upstream([{"body": "always the same"}])

    result = headworks.bench(
        provider.url, key="sk-bench", connections=4, requests=200, seconds=30, compare_bodies=True
    )

    assert result.right, result.faults
    assert result.answers == 200
    assert provider.stats()["requests"] == 200
    assert provider.stats()["by_key"] == {"sk-bench": 200}
    assert result.per_second == pytest.approx(result.answers / result.seconds)
    latency = result.latency_ms
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]
    steps = result.histogram()
    assert sum(steps.column("count")) == 200
    assert steps.column("share") == sorted(steps.column("share"))
    assert steps[-1]["share"] == 1
    assert steps[-1]["up_to_ms"] >= latency["max"] * 0.999
    assert len(result.histogram().to_pandas()) == len(steps)


def test_wrong_answers_are_told(upstream: MakeUpstream) -> None:
    limited = upstream([{"every": 2, "status": 429}])

    result = headworks.bench(limited.url, connections=1, requests=10, seconds=30)

    assert not result.right
    assert result.faults["status"] == 5
    assert "WRONG" in repr(result)
    assert "Wrong answers" in result._repr_html_()
    differing = headworks.bench(upstream().url, connections=1, requests=10, seconds=30, compare_bodies=True)
    assert differing.faults["different"] == 9


def test_what_is_sent_can_be_said(upstream: MakeUpstream) -> None:
    provider = upstream([{"json": {"n": 1}}])

    headworks.bench(
        provider.url,
        path="/v1/embeddings",
        headers={"x-mine": "yes"},
        body='{"input": "x"}',
        requests=1,
        connections=1,
    )
    (seen,) = provider.journal()

    assert (seen.target, seen.header("x-mine"), seen.body) == ("/v1/embeddings", "yes", '{"input": "x"}')


def test_streams_measure_the_delay_of_events(upstream: MakeUpstream) -> None:
    provider = upstream([{"stream": {"events": 5, "per_second": 200, "stamp": True}}])

    result = headworks.bench(provider.url, mode="streams", streams=3, seconds=20)

    assert (result.mode, result.report["stream"]["completed"]) == ("streams", 3)
    assert result.latency_ms["p50"] >= 0


def test_what_cannot_be_meant_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="at least one connection"):
        headworks.bench("http://127.0.0.1:9", connections=0)
    with pytest.raises(UsageError, match="usage: headworks bench"):
        headworks.bench("", requests=1)
    with pytest.raises(HeadworksError, match="nothing answers"):
        headworks.bench("http://127.0.0.1:9", requests=1, seconds=1)


def test_a_run_can_be_watched_and_ended(upstream: MakeUpstream) -> None:
    """The thread that waits gives the lock away; stop() ends a run that would last for an hour."""
    run = _core.Bench(["--url", upstream().url, "--seconds", "3600", "--connections", "2"])
    until(lambda: run.answers > 100, what="answers")
    assert not run.wait(0)
    with pytest.raises(ValueError, match="has not ended"):
        run.json()
    counted: list[bool] = []
    threading.Thread(target=lambda: counted.append(run.wait(30))).start()
    run.stop()

    assert until(lambda: counted, what="the end") == [True]
    assert '"answers"' in run.json()


def test_a_forgotten_run_ends(upstream: MakeUpstream) -> None:
    provider = upstream()
    runs = [_core.Bench(["--url", provider.url, "--seconds", "3600", "--connections", "2"])]
    until(lambda: runs[0].answers > 10, what="answers")
    runs.clear()

    until(lambda: provider.stats()["open_connections"] == 0, what="its connections to end")


def test_it_draws_itself(upstream: MakeUpstream, tmp_path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    result = headworks.bench(upstream().url, requests=50, connections=2)
    axes = result.plot(label="upstream")
    result.plot(axes, label="again")

    assert [line.get_label() for line in axes.get_lines()] == ["upstream", "again"]
    figure = axes.get_figure()
    assert figure is not None
    figure.savefig(tmp_path / "bench.png")  # type: ignore[union-attr]
    assert (tmp_path / "bench.png").stat().st_size > 1000
