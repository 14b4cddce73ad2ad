"""What is looked after now and then: plug-ins, tiers, cooldowns, prices, the master key, the audit."""

from __future__ import annotations

import sys
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

SERVE = (Path(sys.executable).with_name("headworks"), "serve")
POLICY = """
from headworks import hook

@hook(timeout_ms=250)
def route(request, candidates):
    if request.model == "bad":
        raise ValueError("broken")
    return None
"""


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream([{"text": "Hello."}]))), key=KEY)


def test_plugins(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard, tmp_path: Path
) -> None:
    """They are listed with what they do and how they are, and loaded again by who may."""
    policy = tmp_path / "policy.py"
    policy.write_text(POLICY)
    document = config(backend("first", upstream([{"text": "Hello."}])))
    house = gateway(
        {**document, "plugins": {"modules": ["policy.py"], "entry_points": False}}, command=SERVE, key=KEY
    )
    view = dashboard(house).login(at="settings/plugins")
    page = view.page
    hooks = page.get_by_role("region", name="Plug-in policy.py").get_by_role("row")
    expect(hooks).to_have_count(2)
    assert hooks.last.get_by_role("cell").all_inner_texts()[:2] == ["route", "route"]
    expect(hooks.last).to_contain_text("250 ms")
    expect(hooks.last).to_contain_text("asked")

    # It fails until it is not asked any more: traffic goes on, and the page says so.
    for _ in range(6):
        assert ask(house, model="bad").status == 200
    expect(hooks.last).to_contain_text("rests after failures")
    assert hooks.last.get_by_role("cell").all_inner_texts()[-2:] == ["5", "6"]  # asked; failed, or not asked

    # What is wrong with the file is said, and the old one stays; a good one takes its place.
    policy.write_text("def nothing(): ...\n")
    page.get_by_role("button", name="Load them again").click()
    view.says("The old plug-ins stay")
    expect(hooks).to_have_count(2)
    policy.write_text(POLICY + "\n@hook\ndef admit(request):\n    return None\n")
    page.get_by_role("button", name="Load them again").click()
    view.says("The plug-ins are loaded again.")
    expect(hooks).to_have_count(3)
    assert ask(house, model="m").status == 200

    assert view.axe() == []
    with house.admin() as admin:
        viewer = dashboard(house).login(admin.create_token("guest", "viewer")["token"], at="settings/plugins")
    viewer.says("admit")
    expect(viewer.page.get_by_role("button", name="Load them again")).to_have_count(0)


def test_the_life_of_a_pool(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="pools")
    page = view.page
    page.get_by_role("link", name="Add a pool").click()
    page.get_by_label("Name", exact=True).fill("primary")
    view.says("there is a pool of this name")
    page.get_by_label("Name", exact=True).fill("last-resort")
    page.get_by_label("Strategy").select_option("sticky")
    page.get_by_label("Keeps together").fill("cookie")
    page.get_by_role("button", name="Add", exact=True).click()
    view.says("must be client_key, header:NAME or prompt")
    page.get_by_label("Keeps together").fill("header:x-session")
    page.get_by_role("button", name="Add", exact=True).click()
    tier = page.locator("[data-pool=last-resort]")
    expect(tier).to_contain_text("by header:x-session")
    tier.get_by_role("link", name="Edit").click()
    page.get_by_label("Patience, seconds").fill("90")
    page.get_by_role("button", name="Save").click()
    expect(tier).to_contain_text("waits 1 min 30 s")
    expect(page.locator("[data-pool=primary]").get_by_role("button", name="Remove…")).to_be_disabled()
    tier.get_by_role("button", name="Remove…").click()
    page.get_by_role("button", name="Remove it").click()
    expect(tier).to_have_count(0)


def test_cooldowns_on_a_line_of_time(house: Gateway, dashboard: MakeDashboard) -> None:
    with house.admin() as admin:
        admin.cool_backend("first", seconds=600, reason="a look at it")
        view = dashboard(house).login(at="cooldowns?minutes=15")
        bar = view.page.get_by_role("region", name="Timeline").locator(".rest.running")
        expect(bar).to_have_count(1)
        expect(view.page.get_by_role("region", name="Cooldowns")).to_contain_text("somebody")
        view.page.get_by_role("button", name="Clear the cooldown of first").click()
        view.says("nothing rests now")
        expect(view.page.get_by_role("region", name="Cooldowns")).to_contain_text("over")
        assert admin.backend("first")["status"] == "healthy"


def test_a_backend_has_clocks_and_metadata(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="backends/first/edit")
    page = view.page
    page.get_by_text("Clocks of its own").click()
    page.get_by_label("First byte, seconds").fill("never")
    page.get_by_text("Clocks of its own").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("First byte, seconds")).to_be_focused()  # where it is wrong, opened again
    page.get_by_label("First byte, seconds").fill("7.5")
    page.get_by_role("button", name="Add an entry").click()
    page.get_by_label("Name of entry 1").fill("tags")
    page.get_by_label("Value of tags").fill('["eu", "no-logging"]')
    page.get_by_role("button", name="Add a model").click()
    page.get_by_label("Clients ask for").fill("m")
    page.get_by_label("The backend calls it").fill("meta/m")
    page.get_by_role("button", name="Settings of m").click()
    page.get_by_label("Settings", exact=True).fill('{"prize": {"input": 1}, "price": {"imput": 1}}')
    page.get_by_role("button", name="Save").click()
    view.says("at $.model_mappings.m.price.imput")
    page.get_by_label("Settings", exact=True).fill('{"drop": ["user"]}')
    page.get_by_role("button", name="Save").click()
    view.says("first byte 7.50 s")
    view.says('["eu","no-logging"]')
    with house.admin() as admin:
        row = admin.backend("first")
        assert row["timeouts"]["first_byte_seconds"] == 7.5
        assert row["metadata"] == {"tags": ["eu", "no-logging"]}
        assert row["model_mappings"] == {"m": {"model": "meta/m", "drop": ["user"]}}
    view.go("backends?q=no-logging", "Backends")
    expect(page.get_by_role("region", name="Backends").get_by_role("link", name="first")).to_be_visible()


def test_prices(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="settings/prices")
    page = view.page
    page.get_by_role("button", name="Add a price").click()
    page.get_by_role("textbox", name="Model", exact=True).fill("m")
    page.get_by_label("input of m", exact=True).fill("cheap")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("$.data[0].input")
    page.get_by_label("input of m", exact=True).fill("1000")
    page.get_by_role("button", name="Save").click()
    view.says("The prices are changed.")
    assert ask(house).status == 200
    with house.admin() as admin:
        assert [row["model"] for row in admin.prices() if row["source"] != "bundled"] == ["m"]
        until(lambda: sum(row["cost_usd"] for row in admin.usage()) > 0)


def test_the_master_key_is_rotated_and_all_is_copied(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="settings/master-key")
    page = view.page
    keys = page.get_by_role("group", name="Master keys").get_by_role("row")
    expect(keys).to_have_count(2)
    page.get_by_role("button", name="Make another").click()
    expect(keys).to_have_count(3)
    expect(page.get_by_role("button", name="Forget…")).to_be_disabled()  # a provider key needs it still
    page.get_by_role("button", name="Rewrap with the newest").click()
    view.says("1 provider key sealed with the newest master key.")
    page.get_by_role("button", name="Forget…").click()
    page.get_by_role("button", name="Forget it").click()
    expect(keys).to_have_count(2)
    assert ask(house).status == 200

    page.get_by_role("button", name="Make a backup").click()
    made = page.get_by_role("status").locator("p.mono")
    assert sorted(one.name for one in Path(made.inner_text()).iterdir()) == ["headworks.db", "usage.db"]


def test_the_audit_tells_who_did_what(house: Gateway, dashboard: MakeDashboard) -> None:
    with house.admin() as admin:
        admin.change_backend("first", weight=4)
    view = dashboard(house).login(at="settings/audit")
    page = view.page
    page.get_by_label("Search the audit").fill("backend.update")
    row = page.get_by_role("region", name="Audit").get_by_role("row").last
    expect(row).to_contain_text("admin")
    row.get_by_role("button", name="backend.update").click()
    expect(page.get_by_role("dialog")).to_contain_text("after:4")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    row.get_by_role("link").click()
    page.get_by_role("heading", name="Revision 2").wait_for()
