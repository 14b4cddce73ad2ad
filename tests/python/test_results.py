"""Answers that are more than dictionaries: usage, plans, servers; as pandas, polars, Arrow, HTML."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pandas as pd
import polars as pl
import pytest

import headworks
from headworks._table import Table, html_table
from headworks.testing import Upstream
from support.until import until

CONFIG_KEY = "hw_key_results-0123456789abcdef"


@pytest.fixture
def server(upstream: Callable[..., Upstream]) -> Iterator[headworks.Server]:
    provider = upstream([{"usage": {"input": 10, "output": 5}}])
    config = {
        "version": 1,
        "backends": [
            {"name": "one", "api_base_url": f"{provider.url}/v1", "api_key": "sk-x", "rpm_limit": 60}
        ],
        "client_keys": [{"name": "app", "key": CONFIG_KEY}],
        "prices": [{"model": "m", "input": 1, "output": 2}],
    }
    with headworks.Server(config) as running:
        with running.openai() as client:
            for model in ("m", "m", "n"):
                client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
        until(lambda: sum(row["exchanges"] for row in running.usage("model")) == 3, what="the ledger")
        yield running


def test_usage_is_a_table_in_every_form(server: headworks.Server) -> None:
    usage = server.usage(by="model")
    exchanges = {row["model"]: row["exchanges"] for row in usage}

    assert exchanges == {"m": 2, "n": 1}
    assert usage.cost_usd == pytest.approx(2 * (10 + 2 * 5) / 1e6)
    assert usage.by == ["model"]
    assert usage.columns[:2] == ["model", "exchanges"]
    assert usage.since < usage.until
    assert not usage.more

    frame = usage.to_pandas()
    assert dict(zip(frame["model"], frame["exchanges"], strict=True)) == exchanges
    assert list(frame.columns) == usage.columns

    polars = usage.to_polars()
    assert dict(polars.select("model", "exchanges").iter_rows()) == exchanges
    assert "pyarrow" not in sys.modules
    assert pl.DataFrame(usage).equals(polars)


def test_usage_without_rows_keeps_its_columns(server: headworks.Server) -> None:
    nothing = server.usage(by=["model", "key"], model="never heard of")

    assert nothing == []
    assert nothing.columns[:2] == ["model", "key"]
    assert list(nothing.to_pandas().columns) == nothing.columns
    assert nothing.to_polars().width == len(nothing.columns)


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1000])
def test_arrow_keeps_every_value(rows: int) -> None:
    """Texts of any alphabet, whole numbers of 64 bits, numbers, and nothing."""
    table = Table(
        [
            {
                "text": None if at % 3 == 0 else f"line {at} \N{SNOWMAN}" * (at % 5),
                "whole": None if at % 7 == 0 else at - 2**62,
                "number": None if at % 2 else at / 3,
            }
            for at in range(rows)
        ],
        ["text", "whole", "number"],
    )

    read = pl.DataFrame(table)

    assert read.height == rows
    assert [dict(row) for row in read.iter_rows(named=True)] == table.rows()


def test_an_arrow_stream_may_be_left_unread() -> None:
    table = Table([{"a": 1}])

    for _ in range(100):
        table.__arrow_c_stream__()


def test_a_plan_says_where_and_why(server: headworks.Server) -> None:
    server.admin.cool_backend("one", seconds=60)
    plan = server.explain("m")
    (prospect,) = plan.prospects()

    assert plan.verdict.startswith("m: would wait ")
    assert (prospect["backend"], prospect["state"]) == ("one", "cooling")
    assert plan["tiers"] == plan.row["tiers"]
    assert "<td" in plan._repr_html_()
    assert isinstance(plan.prospects().to_pandas(), pd.DataFrame)


def test_a_server_shows_itself(server: headworks.Server) -> None:
    shown = server._repr_html_()

    assert server.admin_url in shown
    assert ">one<" in shown
    assert "not running" in headworks.Server()._repr_html_()
    assert server.usage(by="model")._repr_html_().count("<tr>") == 3


def test_html_is_escaped() -> None:
    assert "<script>" not in html_table(["<script>"], [["<script>"]], "<script>")
