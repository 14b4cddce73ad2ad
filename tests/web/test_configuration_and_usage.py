"""The configuration as a document, settings, tokens; usage as a chart, a table and a file, all the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.browser import Dashboard
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
MakeDashboard = Callable[..., Dashboard]


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    document = config(
        backend("first", upstream([{"text": "Hello."}])), backend("second", "http://127.0.0.1:9")
    )
    return gateway({**document, "prices": [{"model": "m", "input": 1000, "output": 1000}]}, key=KEY)


def test_a_document_is_applied_after_a_look(house: Gateway, dashboard: MakeDashboard) -> None:
    with house.admin() as admin:
        document = admin.export_config()
        document["backends"][0]["weight"] = 5
        view = dashboard(house).login(at="configuration/apply")
        page = view.page
        field = page.get_by_label("The document to apply")
        apply = page.get_by_role("button", name="Apply", exact=True)
        field.fill(
            '{"version": 1, "backends": [{"name": "first", "api_base_url": "https://x", "wieght": 5}]}'
        )
        page.get_by_role("button", name="Show what it would change").click()
        view.says("At $.backends[0].wieght")
        view.says("weight")  # what to write instead
        expect(apply).to_be_disabled()
        field.fill("{")
        page.get_by_role("button", name="Show what it would change").click()
        view.says("This is no JSON")

        field.fill(json.dumps(document))
        page.get_by_role("button", name="Show what it would change").click()
        change = page.get_by_role("region", name="backend.update first")
        expect(change).to_contain_text("before: 1")
        expect(change).to_contain_text("after: 5")
        assert admin.backend("first")["weight"] == 1  # not yet
        apply.click()
        view.says("The document is applied.")
        assert admin.backend("first")["weight"] == 5
        page.get_by_role("button", name="Undo").click()
        until(lambda: admin.backend("first")["weight"] == 1)


def test_settings_and_tokens(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="settings")
    page = view.page
    page.get_by_label("max attempts").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("max attempts")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("max attempts").fill("4")
    page.get_by_role("button", name="Save").click()
    view.says("The settings are changed.")
    with house.admin() as admin:
        assert admin.settings()["retry"]["max_attempts"] == 4

    view.go("settings/tokens")
    page.get_by_label("Name", exact=True).fill("grafana")
    page.get_by_role("button", name="Make it").click()
    token = page.get_by_role("dialog").get_by_role("textbox").input_value()
    page.get_by_role("button", name="I have it").click()
    assert token not in page.content()
    dashboard(house).login(token).go("settings/about")
    page.get_by_role("button", name="Revoke grafana").click()
    page.get_by_role("button", name="Revoke it").click()
    view.says("Only the token of the data directory.")


def test_usage_is_the_same_everywhere(house: Gateway, dashboard: MakeDashboard, tmp_path: Path) -> None:
    with house.admin() as admin:
        admin.cool_backend("second", seconds=600)
        for _ in range(5):
            assert ask(house).status == 200
        until(lambda: sum(row["exchanges"] for row in admin.usage()) == 5)
        (sums,) = admin.usage(by="model")
    view = dashboard(house).login(at="usage?range=1h")
    page = view.page
    table = page.get_by_role("region", name="Usage by model")
    expect(table.get_by_role("row")).to_have_count(2)
    cells = table.get_by_role("cell").all_inner_texts()
    assert cells[:2] == ["m", "5"]
    assert cells[3] == str(sums["input_tokens"])
    assert cells[5] == str(sums["output_tokens"])

    chart = page.get_by_role("region", name="Over time")
    chart.get_by_role("button", name="Table").click()
    figures = chart.get_by_role("cell").all_inner_texts()[1::2]
    assert sum(int(figure) for figure in figures) == sums["input_tokens"] + sums["output_tokens"]

    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    download.value.save_as(tmp_path / "usage.csv")
    with (tmp_path / "usage.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["input_tokens"]) for row in rows) == sums["input_tokens"]
    assert sum(float(row["cost_usd"]) for row in rows) == pytest.approx(sums["cost_usd"])
    table.get_by_role("button", name="m", exact=True).click()  # only this one
    page.get_by_role("button", name="Not only m").wait_for()
