"""Who comes in, what they see, and what the page does when the server goes away."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from headworks.rows import Role
from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.browser import Dashboard
from support.gateway import Gateway
from support.quiet import late

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
MakeDashboard = Callable[..., Dashboard]

PLACES = (
    "",
    "backends",
    "backends/first",
    "pools",
    "requests",
    "usage",
    "keys",
    "keys/app",
    "cooldowns",
    "playground",
    "configuration",
    "configuration/1",
    "configuration/apply",
    "settings",
    "settings/prices",
    "settings/plugins",
    "settings/master-key",
    "settings/audit",
    "settings/about",
)


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    return gateway(config(backend("first", upstream([{"text": "Hello."}]))), key=KEY)


def test_login_and_logout(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house)
    view.page.goto(f"{house.admin_url}/#/keys/app")
    view.page.get_by_label("Admin token").fill("not the token")
    view.page.get_by_role("button", name="Log in").click()
    view.says("this is no token of the admin API")
    view.page.get_by_label("Admin token").fill(house.admin_token)
    view.page.keyboard.press("Enter")
    view.page.get_by_role("heading", name="app", exact=True).wait_for()  # where the link led
    assert view.page.evaluate("document.cookie") == ""  # no script can read it
    view.page.get_by_role("button", name="Log out").click()
    view.page.get_by_label("Admin token").wait_for()
    expect(view.page.get_by_role("navigation", name="Pages")).to_have_count(0)
    view.page.reload()
    view.page.get_by_label("Admin token").wait_for()


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_no_button_that_may_not_be_pressed(house: Gateway, dashboard: MakeDashboard, role: Role) -> None:
    with house.admin() as admin:
        token = admin.create_token(role, role)["token"]
    view = dashboard(house).login(token)
    seen = set()
    for place in PLACES:
        view.go(place)
        view.page.locator("main h1").first.wait_for(state="attached")
        expect(view.page.get_by_text("Loading", exact=True)).to_have_count(0)
        seen |= set(view.page.locator("main button, main a.button").all_inner_texts())
    changing = {
        "Add a backend",
        "Edit",
        "Remove…",
        "Disable",
        "Create a key",
        "Rotate…",
        "Revoke…",
        "Add a pool",
        "Apply",
        "Save",
        "Restore…",
        "Make another",
        "Rewrap with the newest",
        "Make a backup",
        "Make a key for an hour",
        "Add a price",
    }
    working = {"Cool down…", "Test", "Send"}
    assert seen & changing == set()
    assert seen & working == (working if role == "operator" else set())
    view.go("backends/+")
    view.says("There is no backend of this name")


def test_two_tabs_at_once(house: Gateway, dashboard: MakeDashboard) -> None:
    first, second = dashboard(house).login(at="backends/first"), dashboard(house).login(at="backends/first")
    first.page.get_by_role("button", name="Disable").click()
    state = second.page.locator("h1 + [data-state]")
    expect(state).to_contain_text("disabled", timeout=late(2000))
    second.page.get_by_role("button", name="Enable").click()
    expect(first.page.locator("h1 + [data-state]")).to_contain_text("healthy", timeout=late(2000))
    assert ask(house).status == 200
    for view in (first, second):
        rows = view.page.get_by_role("region", name="Requests that first served").get_by_role("link")
        expect(rows).to_have_count(1)


def test_a_restart_while_it_is_open(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="backends/first/edit")
    view.page.get_by_label("Label").fill("written before the restart")
    port = urlsplit(house.admin_url).port
    assert house.stop() == 0
    expect(view.page.locator("[data-connection]")).to_contain_text("Reconnecting")
    view.says("The connection to the server is lost")
    house._arguments += ["--admin-listen", f"127.0.0.1:{port}"]
    house.start()
    # Sessions live in memory: one logs in again, and goes on where one was.
    view.says("The session has ended", seconds=20)
    view.page.get_by_label("Admin token").fill(house.admin_token)
    view.page.keyboard.press("Enter")
    view.is_live()
    expect(view.page.get_by_label("Label")).to_have_value("written before the restart")
    view.page.get_by_role("button", name="Save").click()
    view.says("written before the restart")
    with house.admin() as admin:
        assert admin.backend("first")["label"] == "written before the restart"


def test_a_token_that_is_revoked_ends_the_page(house: Gateway, dashboard: MakeDashboard) -> None:
    with house.admin() as admin:
        token = admin.create_token("guest", "viewer")["token"]
        view = dashboard(house).login(token, at="usage")
        admin.remove_token("guest")
    view.go("keys")
    view.says("The session has ended")
