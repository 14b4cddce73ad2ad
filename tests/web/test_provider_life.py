"""The whole life of a provider, as an operator leads it: with the mouse, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.browser import Dashboard
from support.gateway import Gateway
from support.quiet import late

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
MakeDashboard = Callable[..., Dashboard]

MODELS = {"object": "list", "data": [{"id": "meta/llama-70b", "object": "model"}, {"id": "meta/llama-8b"}]}
LIMITED = {"status": 429, "headers": {"retry-after": "30"}, "json": {"error": {"message": "slow down"}}}


@pytest.fixture
def provider(upstream: MakeUpstream) -> Upstream:
    return upstream([{"method": "GET", "path": "/v1/models", "json": MODELS}, {"text": "Hello there."}])


@pytest.fixture
def house(gateway: MakeGateway) -> Gateway:
    return gateway(config(), key=KEY)


def add(view: Dashboard, provider: Upstream) -> None:
    """It is made; what is wrong is said while one types."""
    page = view.page
    page.get_by_role("link", name="Add a backend").first.click()
    page.get_by_label("Name", exact=True).fill("nim-1")
    page.get_by_label("Address of its API").fill("htp:/nowhere")
    view.says("begins with https:// or http://")
    page.get_by_label("Address of its API").fill(f"{provider.url}/v1")
    expect(page.get_by_text("begins with https:// or http://")).to_have_count(0)
    page.get_by_label("API key").fill("sk-secret-of-nim-1")
    page.get_by_label("Requests per minute").fill("600")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("heading", name="nim-1", exact=True).wait_for()
    assert "sk-secret-of-nim-1" not in page.content()


def disable_remove_and_restore(view: Dashboard) -> None:
    """It is disabled, enabled, removed and brought back."""
    page, house = view.page, view.gateway
    state = page.locator("h1 + [data-state]")
    page.get_by_role("button", name="Disable").click()
    expect(state).to_contain_text("disabled")
    assert ask(house, model="llama").status == 404
    page.get_by_role("button", name="Enable").click()
    expect(state).to_contain_text("healthy")
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("button", name="Remove it").click()
    view.says("No backend yet.")
    view.go("configuration", "Configuration")
    page.get_by_role("region", name="Revisions").get_by_role("button", name="Restore revision").first.click()
    view.says("Secrets are in no revision")
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    view.says("The configuration is as it was")
    view.go("backends/nim-1", "nim-1")
    view.says("→ meta/llama-70b")


def test_with_the_mouse(house: Gateway, provider: Upstream, dashboard: MakeDashboard) -> None:
    view = dashboard(house).login(at="backends")
    page = view.page

    add(view, provider)
    # A model is mapped from the upstream's own list.
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("button", name="Show the upstream's list").click()
    page.get_by_role("button", name="+ meta/llama-70b").click()
    page.get_by_label("Clients ask for").fill("llama")
    page.get_by_role("button", name="Save").click()
    view.says("→ meta/llama-70b")
    assert provider.journal()[-1].header("authorization") == "Bearer sk-secret-of-nim-1"

    # It is tested, with its clocks.
    page.get_by_role("button", name="Test", exact=True).click()
    view.says("It answers: 200 for meta/llama-70b")
    view.says("wait for the first byte")

    # Traffic is seen within two seconds.
    assert ask(house, model="llama").status == 200
    page.get_by_role("region", name="Requests that nim-1 served").get_by_role("link").first.wait_for(
        timeout=late(2000)
    )

    # A 429 cools it down: that counts down, and can be ended.
    provider.set_script([LIMITED])
    assert ask(house, model="llama").status == 429
    state = page.locator("h1 + [data-state]")
    expect(state).to_contain_text("cooling", timeout=late(2000))
    first = int(state.inner_text().split()[-2])
    page.wait_for_function(
        "first => /(\\d+) s/.exec(document.querySelector('h1 + [data-state]').innerText)[1] < first",
        arg=first,
    )
    assert 20 < first <= 30
    view.says("Rests: rate limited")
    provider.set_script([{"text": "Hello again."}])
    page.get_by_role("button", name="Clear the cooldown").click()
    expect(state).to_contain_text("healthy")
    assert ask(house, model="llama").status == 200

    # It is changed, and the change undone.
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Weight").fill("7")
    page.get_by_role("button", name="Save").click()
    view.says("weight 7")
    page.get_by_role("button", name="Undo").last.click()
    view.says("weight 1")
    disable_remove_and_restore(view)


class Keys:
    """Nothing but a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, name: str, role: str = "button") -> None:
        """Presses Tab until the focus is on what has this role and name."""
        wanted = self.page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
        node = wanted.element_handle()
        for _ in range(120):
            if node.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {role} {name!r}")

    def press(self, name: str, role: str = "button") -> None:
        self.reach(name, role)
        self.page.keyboard.press("Enter")

    def write(self, name: str, text: str, role: str = "textbox") -> None:
        self.reach(name, role)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def command(self, text: str) -> None:
        self.page.keyboard.press("Control+K")
        self.page.get_by_role("combobox", name="Go to or do").wait_for()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")


def test_by_keyboard_alone(house: Gateway, provider: Upstream, dashboard: MakeDashboard) -> None:
    view = dashboard(house)
    view.page.goto(house.admin_url)
    view.page.get_by_label("Admin token").wait_for()
    keys = Keys(view.page)
    view.page.keyboard.type(house.admin_token)  # the field has the focus
    view.page.keyboard.press("Enter")
    view.is_live()

    keys.command("add a backend")
    keys.write("Name", "nim-1")
    keys.write("Address of its API", f"{provider.url}/v1")
    keys.press("Add a model")
    view.page.keyboard.type("llama")
    view.page.keyboard.press("Tab")
    view.page.keyboard.type("meta/llama-70b")
    keys.press("Add")
    view.says("→ meta/llama-70b")

    keys.press("Test")
    view.says("It answers: 200 for meta/llama-70b")
    assert ask(house, model="llama").status == 200
    view.page.get_by_role("region", name="Requests that nim-1 served").get_by_role("link").first.wait_for()

    keys.press("Cool down…")
    view.page.get_by_role("dialog").wait_for()
    keys.write("Seconds", "60")
    keys.press("Cool down")
    state = view.page.locator("h1 + [data-state]")
    expect(state).to_contain_text("cooling")
    keys.press("Clear the cooldown")
    expect(state).to_contain_text("healthy")

    keys.press("Edit", "link")
    keys.write("Weight", "3")
    keys.press("Save")
    view.says("weight 3")
    keys.press("Disable")
    expect(state).to_contain_text("disabled")
    keys.press("Enable")
    expect(state).to_contain_text("healthy")
    keys.press("Remove…")
    view.page.get_by_role("dialog").wait_for()
    view.page.keyboard.press("Escape")  # not yet
    expect(view.page.get_by_role("dialog")).to_have_count(0)
    keys.press("Remove…")
    keys.press("Remove it")
    view.says("No backend yet.")
    notice = view.page.locator(".notice", has_text="nim-1 is removed.")
    notice.get_by_role("button", name="Undo").focus()  # Tab leads there: it is the page's last
    view.page.keyboard.press("Enter")
    view.says("Undone")
    keys.command("nim-1")
    view.says("→ meta/llama-70b")


def test_nobody_leaves_a_form_by_mistake(
    house: Gateway, provider: Upstream, dashboard: MakeDashboard
) -> None:
    with house.admin() as admin:
        admin.create_backend(**backend("nim-1", provider))
    view = dashboard(house).login(at="backends/nim-1/edit")
    view.page.get_by_label("Label").fill("half a sent")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.message)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    view.page.once("dialog", stay)
    view.page.get_by_role("link", name="Usage").click()
    expect(view.page.get_by_label("Label")).to_have_value("half a sent")
    assert asked == ["Leave without saving what was written?"]
