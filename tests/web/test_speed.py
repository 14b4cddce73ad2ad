"""With 500 backends and 100,000 exchanges in the ledger: how fast it is, and what it costs the server.

What judges a time depends on what else the machine does: `pytest -m minutes tests/web`, when it is quiet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.asking import KEY, backend, config
from support.browser import Dashboard
from support.gateway import Gateway
from support.ledger import fill

BACKENDS = 500
EXCHANGES = 100_000

pytestmark = pytest.mark.costs

# Makes the change, and waits until the frame in which it is seen has been made.
_CHANGE = """
async ([selector, value]) => {
  const node = document.querySelector(selector);
  if (value === null) node.click();
  else {
    node.value = value;
    node.dispatchEvent(new Event(node.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}));
  }
  const {port1, port2} = new MessageChannel();
  await new Promise((painted) => {
    port1.onmessage = painted;
    requestAnimationFrame(() => port2.postMessage(0));
  });
}
"""


class Work:
    """What the page's main thread has worked: its own time on a core, which no other process makes longer."""

    def __init__(self, view: Dashboard) -> None:
        self.session = view.page.context.new_cdp_session(view.page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def ms(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    rows = [
        backend(f"backend-{number}", "http://127.0.0.1:9/v1", rpm_limit=60, model_mappings={"m": "m"})
        for number in range(BACKENDS)
    ]
    one = Gateway(config(*rows), tmp_path_factory.mktemp("speed") / "gateway", key=KEY).start()
    assert one.stop() == 0
    fill(one.data_dir / "usage.db", EXCHANGES, seconds=6 * 3600, backends=BACKENDS)
    yield one.start()
    assert one.stop() == 0, one.describe()


@pytest.fixture(scope="module")
def view(house: Gateway, browser: Browser) -> Iterator[Dashboard]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    one = Dashboard(context.new_page(), house).login()
    yield one
    context.close()
    assert not one.complaints


@pytest.mark.minutes
def test_the_first_paint(house: Gateway, view: Dashboard) -> None:
    times = []
    for _ in range(6):
        view.page.goto("about:blank")
        view.page.goto(f"{house.admin_url}/#/")
        view.is_live()
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        times.append(view.wait(paint))
    print(f"first paint: best {min(times):.0f} ms of {[round(one) for one in times]}")
    assert min(times) < 300  # other work on the machine makes a time longer, never shorter


@pytest.mark.minutes
@pytest.mark.parametrize(
    ("place", "selector", "values"),
    [
        ("backends", "main input[type=search]", ["backend-4", "", "77", ""]),
        ("backends", "th:nth-child(5) button", [None, None, None, None]),
        ("requests", "select[aria-label=Outcome]", ["1", "", "1", ""]),
        ("", "nav a[href='#/backends']", [None]),
        ("", "nav a[href='#/requests']", [None]),
        ("backends", "nav a[href='#/']", [None]),
        ("backends", "nav a[href='#/pools']", [None]),
        ("", "header .search", [None]),
    ],
)
def test_the_next_paint(view: Dashboard, place: str, selector: str, values: list[str | None]) -> None:
    work = Work(view)
    times = []
    for _ in range(5):
        view.page.keyboard.press("Escape")
        view.go(place)
        view.page.locator("main h1").first.wait_for(state="attached")
        view.page.locator("main tbody tr").first.wait_for()
        for value in values:
            before = work.ms()
            view.page.evaluate(_CHANGE, [selector, value])
            times.append(work.ms() - before)
    times.sort()
    middle = times[len(times) // 2]
    print(f"{place or 'overview'} {selector}: {times[0]:.0f} to {times[-1]:.0f} ms, median {middle:.0f} ms")
    assert middle < 50


def test_only_what_is_seen_is_rendered(view: Dashboard) -> None:
    view.go("backends", "Backends")
    view.says(f"{BACKENDS} backends")
    assert view.page.locator("main tbody tr").count() < 80
    table = view.page.get_by_role("region", name="Backends")
    table.evaluate("node => { node.scrollTop = node.scrollHeight }")
    table.get_by_role("link", name="backend-499", exact=True).wait_for()
    # Past requests come as one scrolls.
    view.go("requests", "Requests")
    table = view.page.get_by_role("region", name="Requests")
    rows = "parseInt(document.querySelector('main table').getAttribute('aria-rowcount'))"
    view.wait(f"{rows} > 200")
    table.evaluate("node => { node.scrollTop = node.scrollHeight }")
    view.wait(f"{rows} > 400")
    assert view.page.locator("main tbody tr").count() < 80


@pytest.mark.minutes
def test_what_an_open_dashboard_costs_the_server(house: Gateway, browser: Browser) -> None:
    seconds = 6.0

    def cost() -> float:
        before = house.cpu_seconds()
        time.sleep(seconds)  # what is measured is a rate: nothing to wait for
        return (house.cpu_seconds() - before) / seconds

    idle = cost()
    page = browser.new_page()
    view = Dashboard(page, house).login()
    page.wait_for_timeout(3000)
    opened = cost()
    page.close()
    assert not view.complaints
    print(f"an open dashboard: {100 * (opened - idle):.2f} % of a core ({100 * idle:.2f} % without)")
    assert opened - idle <= 0.005
