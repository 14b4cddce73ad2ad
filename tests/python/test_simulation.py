"""headworks.simulate: the routing machines under a virtual clock, from Python."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import headworks
from headworks import Outage, UpstreamModel, Workload
from headworks.errors import ConfigurationError, UsageError


def keys(count: int, rpm: int, **fields: Any) -> dict[str, Any]:
    return {"backends": [{"name": f"key-{at}", "rpm_limit": rpm, **fields} for at in range(count)]}


def test_what_the_limits_allow_passes_and_none_is_refused_upstream() -> None:
    began = time.monotonic()
    timeline = headworks.simulate(keys(20, 3), Workload(per_minute=50, minutes=10))

    assert time.monotonic() - began < 10, "ten minutes are not waited for"
    assert timeline.totals["upstream_429"] == 0
    assert timeline.totals["failed"] == 0
    assert timeline.totals["succeeded"] + timeline.totals["refused"] == timeline.totals["requests"] > 400
    tried = [row["at_seconds"] for row in timeline if row["what"] == "tried" and row["backend"] == "key-0"]
    assert all(later - earlier > 60 for earlier, later in zip(tried, tried[3:], strict=False)), (
        "3 in any minute"
    )


def test_the_same_seed_gives_the_same_timeline() -> None:
    first, second, other = (
        headworks.simulate(keys(3, 40), {"per_minute": 100, "minutes": 2, "seed": seed}) for seed in (7, 7, 8)
    )

    assert first == second
    assert first != other


def test_a_provider_that_allows_less_cools() -> None:
    work = Workload(
        per_minute=120, minutes=5, upstreams={"*": UpstreamModel(), "key-1": UpstreamModel(rpm=5)}
    )

    timeline = headworks.simulate(keys(2, 60), work)
    by_backend = {row["backend"]: row for row in timeline.by_backend()}

    assert by_backend["key-1"]["status_429"] > 0
    assert by_backend["key-1"]["cooled_seconds"] > 0
    assert by_backend["key-0"]["status_429"] == 0
    cooled = [row for row in timeline if row["what"] == "cooled"]
    assert {row["backend"] for row in cooled} == {"key-1"}
    assert {row["cause"] for row in cooled} == {"status_429"}


def test_the_fallback_pool_takes_over_in_an_outage() -> None:
    config = {
        "pools": [{"name": "primary"}, {"name": "fallback"}],
        "backends": [{"name": "main"}, {"name": "spare", "pool": "fallback"}],
    }
    work = Workload(per_minute=60, minutes=3, upstreams={"main": UpstreamModel(outages=[Outage(60, 120)])})

    timeline = headworks.simulate(config, work)
    spare = [row["at_seconds"] for row in timeline if row["what"] == "tried" and row["backend"] == "spare"]

    assert timeline.totals["succeeded"] == timeline.totals["requests"]
    assert spare
    assert min(spare) >= 60


def test_each_request_has_a_row() -> None:
    timeline = headworks.simulate(keys(1, 10), Workload(per_minute=30, minutes=2, obeying=1))
    requests = timeline.requests()

    assert len(requests) == timeline.totals["requests"]
    assert {row["outcome"] for row in requests} <= {"succeeded", "refused", "gave_up"}
    assert sum(row["attempts"] for row in requests) == timeline.totals["attempts"]
    assert any(row["waited"] for row in requests)
    assert 0 < timeline.quantile_seconds(0.5) <= timeline.quantile_seconds(0.99)


def test_only_the_backends_of_the_model_are_asked() -> None:
    config = {
        "backends": [
            {"name": "a", "model_mappings": {"m": "upstream-m"}},
            {"name": "b", "model_mappings": {"other": "x"}},
        ]
    }
    timeline = headworks.simulate(config, Workload(model="m", per_minute=30, minutes=1))

    assert {row["backend"] for row in timeline if row["what"] == "tried"} == {"a"}


def test_a_file_is_read_and_references_to_keys_are_not(tmp_path: Path) -> None:
    file = tmp_path / "headworks.yaml"
    row = "{name: one, api_base_url: https://a.example/v1, api_key: '${NOWHERE_TO_BE_FOUND}'}"
    file.write_text(f"version: 1\nbackends:\n  - {row}\n")

    assert headworks.simulate(file, Workload(minutes=1)).totals["succeeded"] > 0


def test_what_does_not_hold_is_told() -> None:
    with pytest.raises(ConfigurationError, match="rpm_limit"):
        headworks.simulate(keys(1, -1))
    with pytest.raises(UsageError, match="per_minte"):
        headworks.simulate(keys(1, 1), {"per_minte": 3})
    for wrong in ({"per_minute": 0}, {"minutes": -1}, {"keys": 0}, {"obeying": 2}):
        with pytest.raises(UsageError, match="obeying is a share"):
            headworks.simulate(keys(1, 1), wrong)
    with pytest.raises(UsageError, match="no backends"):
        headworks.simulate({})
    with pytest.raises(ConfigurationError, match="no failure 'sulks'"):
        headworks.simulate(
            keys(1, 1), Workload(upstreams={"*": UpstreamModel(outages=[Outage(0, 1, "sulks")])})
        )


def test_it_draws_itself_and_shows_itself(tmp_path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    timeline = headworks.simulate(
        keys(3, 60), Workload(per_minute=120, minutes=1, upstreams={"key-0": UpstreamModel(rpm=3)})
    )
    figure = timeline.plot().get_figure()

    assert figure is not None
    figure.savefig(tmp_path / "timeline.png")  # type: ignore[union-attr]
    assert (tmp_path / "timeline.png").stat().st_size > 1000
    assert "key-0" in timeline._repr_html_()
    assert "upstream_429" in repr(timeline)
    assert timeline.to_polars().height == len(timeline)
