"""A client key's life, a request told as a waterfall, the order of the tiers, and the playground."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.browser import Dashboard
from support.gateway import Gateway
from support.quiet import late

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
MakeDashboard = Callable[..., Dashboard]

PRICES = [{"model": "m", "input": 1000, "output": 1000}]


def test_the_life_of_a_client_key(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard
) -> None:
    house = gateway({**config(backend("first", upstream([{"text": "Hello."}]))), "prices": PRICES}, key=KEY)
    view = dashboard(house).login(at="keys")
    page = view.page

    page.get_by_role("link", name="Create a key").click()
    page.get_by_label("Name", exact=True).fill("app")
    view.says("there is a key of this name")
    page.get_by_label("Name", exact=True).fill("team-a")
    page.get_by_label("Requests per minute").fill("30")
    page.get_by_role("button", name="Add a budget").click()
    page.get_by_label("At most").fill("100")
    page.get_by_role("button", name="Create", exact=True).click()
    shown = page.get_by_role("dialog").get_by_role("textbox")
    key = shown.input_value()
    assert key.startswith("hw_key_")
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("heading", name="team-a", exact=True).wait_for()
    assert key not in page.content()

    # Its levels move with what it does.
    assert ask(house, key=key).status == 200
    expect(page.get_by_role("meter", name="Starts used")).to_have_attribute("aria-valuetext", "1 of 30")
    spent = page.get_by_role("meter", name="Spent this day")
    expect(spent).not_to_have_attribute("aria-valuetext", "$0 of $100.00")
    page.get_by_role("region", name="Requests of team-a").get_by_role("link").first.wait_for()

    page.get_by_role("button", name="Rotate…").click()
    page.get_by_label("The key of now stays good for").select_option("0")
    page.get_by_role("button", name="Rotate", exact=True).click()
    other = page.get_by_role("dialog").get_by_role("textbox").input_value()
    page.get_by_role("button", name="I have it").click()
    assert other != key
    assert ask(house, key=key).status == 401
    assert ask(house, key=other).status == 200

    page.get_by_role("button", name="Disable").click()
    expect(page.locator("h1 + [data-state]")).to_contain_text("disabled")
    assert ask(house, key=other).status == 401
    page.get_by_role("button", name="Enable").click()
    expect(page.locator("h1 + [data-state]")).to_contain_text("active")

    page.get_by_role("button", name="Revoke…").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("region", name="Client keys")).not_to_contain_text("team-a")
    assert ask(house, key=other).status == 401


def test_a_request_as_a_waterfall(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard
) -> None:
    dying = upstream([{"status": 500, "delay_ms": 40}])
    well = upstream([{"text": "Hello.", "delay_ms": 80}])
    house = gateway(config(backend("dying", dying), backend("well", well, "fallback")), key=KEY)
    view = dashboard(house).login(at="requests")
    page = view.page
    expect(page.get_by_role("region", name="Requests")).to_contain_text("No request yet")

    answer = ask(house)
    assert answer.status == 200
    row = page.get_by_role("region", name="Requests").get_by_role("link")
    row.first.wait_for(timeout=late(2000))
    row.first.click()
    request_id = answer.header("x-request-id")
    page.get_by_role("heading", name=request_id or "").wait_for()
    fall = page.get_by_role("region", name="Waterfall")
    expect(fall.get_by_role("listitem").filter(has_text="1. dying")).to_contain_text("5xx")
    expect(fall.get_by_role("listitem").filter(has_text="well")).to_contain_text("first byte")
    bars = fall.locator(".track .part")
    boxes = [box for one in bars.all() if (box := one.bounding_box())]
    assert len(boxes) >= 2
    assert boxes == sorted(boxes, key=lambda box: box["x"])
    expect(page.get_by_role("region", name="Attempts").last).to_contain_text("well")

    # By outcome, by backend, by status: of the ledger, too.
    dying.set_script([{"status": 400}])
    assert ask(house).status == 400
    view.go("requests?status=400", "Requests")
    table = page.get_by_role("region", name="Requests")
    expect(table.get_by_role("link")).to_have_count(1)
    page.reload()
    view.is_live()
    expect(table.get_by_role("link")).to_have_count(1)
    view.go("requests?backend=well")
    expect(table.get_by_role("link")).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    expect(table.get_by_role("link")).to_have_count(2)


def test_a_running_request_is_seen(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard
) -> None:
    import threading

    slow = upstream([{"text": "At last.", "delay_ms": 4000}])
    house = gateway(config(backend("slow", slow)), key=KEY)
    view = dashboard(house).login(at="requests")
    asking = threading.Thread(target=ask, args=(house,))
    asking.start()
    table = view.page.get_by_role("region", name="Requests")
    expect(table).to_contain_text("running", timeout=4000)
    asking.join()
    expect(table).not_to_contain_text("running")
    expect(table).to_contain_text("200")


def test_tiers_are_moved_by_keyboard(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard
) -> None:
    house = gateway(config(backend("first", upstream())), key=KEY)
    view = dashboard(house).login(at="pools")
    view.page.get_by_role("button", name="Move fallback, tier 2 of 2: arrow keys").focus()
    view.page.keyboard.press("ArrowUp")
    expect(view.page.get_by_role("button", name="Move fallback, tier 1 of 2: arrow keys")).to_be_focused()
    with house.admin() as admin:
        assert [pool["name"] for pool in admin.pools()] == ["fallback", "primary"]
    view.page.get_by_role("button", name="Undo").click()
    view.says("Undone")
    with house.admin() as admin:
        assert [pool["name"] for pool in admin.pools()] == ["primary", "fallback"]
    # By drag, too.
    view.page.locator("[data-pool=primary] .handle").drag_to(view.page.locator("[data-pool=fallback]"))
    expect(view.page.locator("[data-pool=primary] .tier")).to_have_text("2")


def test_the_playground(upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard) -> None:
    one = upstream([{"text": "Hello from one.", "stream": {"events": 6, "per_second": 40}}])
    other = upstream([{"text": "Hello from the other."}])
    house = gateway(
        config(
            backend("one", one, model_mappings={"small": "s"}),
            backend("other", other, model_mappings={"large": "l"}),
        ),
        key=KEY,
    )
    view = dashboard(house).login(at="playground?model=small&with=large")
    page = view.page
    page.get_by_role("button", name="Make a key for an hour").click()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Answer of small")).to_contain_text("x-headworks-backend")
    expect(page.get_by_role("region", name="Answer of large")).to_contain_text("all of it after")
    assert one.journal()[-1].json()["stream"] is True
    assert other.journal()[-1].json()["model"] == "l"
    page.get_by_role("region", name="Answer of small").get_by_role("link", name="The request").click()
    page.get_by_role("region", name="Waterfall").get_by_text("1. one").first.wait_for()
    # A wrong key is the data listener's own answer, not the end of the session.
    view.go("playground?model=small", "Playground")
    page.get_by_label("Client key").fill("hw_key_wrong")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Answer of small")).to_contain_text("401")
    expect(page.get_by_label("Admin token")).to_have_count(0)
