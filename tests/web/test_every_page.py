"""Every page, in both themes: axe-core finds nothing, nothing comes from elsewhere, texts are only texts."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.browser import Dashboard
from support.gateway import ROOT, Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]
MakeDashboard = Callable[..., Dashboard]

PLACES = (
    "",
    "backends",
    "backends/first",
    "backends/first/edit",
    "backends/+",
    "pools",
    "pools/primary/edit",
    "requests",
    "requests/REQUEST",
    "usage",
    "keys",
    "keys/app",
    "keys/app/edit",
    "keys/+",
    "cooldowns",
    "playground",
    "configuration",
    "configuration/1",
    "configuration/apply",
    "settings",
    "settings/prices",
    "settings/tokens",
    "settings/plugins",
    "settings/master-key",
    "settings/audit",
    "settings/about",
    "nowhere",
)

# What a browser would run if it were put into a page as it is.
NASTY = (
    "<script>boom()</script>",
    "<img src=x onerror=boom()>",
    "<svg onload=boom()>",
    "<svg><script>boom()</script></svg>",
    '"><script>boom()</script>',
    "'><img src=x onerror=boom()>",
    "javascript:boom()",
    "JaVaScRiPt:boom()",
    "<a href=javascript:boom()>x</a>",
    "<iframe srcdoc='<script>parent.boom()</script>'>",
    "<body onload=boom()>",
    "<input autofocus onfocus=boom()>",
    "<details open ontoggle=boom()>",
    "<video><source onerror=boom()>",
    "<math><mtext><img src=x onerror=boom()>",
    "<style>@import 'http://127.0.0.1:9/x'</style>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x>",
    "<meta http-equiv=refresh content='0;url=javascript:boom()'>",
    "<object data=javascript:boom()>",
    "<embed src=javascript:boom()>",
    "<form action=javascript:boom()><button>x</button>",
    "<base href=http://127.0.0.1:9/>",
    "{@html '<img src=x onerror=boom()>'}",
    "{{constructor.constructor('boom()')()}}",
    "${boom()}",
    "`;boom();//",
    "'-boom()-'",
    "\\u003cscript\\u003eboom()\\u003c/script\\u003e",
    "&lt;script&gt;boom()&lt;/script&gt;",
    "%3Cscript%3Eboom()%3C/script%3E",
    "--><script>boom()</script>",
    "]]><script>boom()</script>",
)


def arrive(view: Dashboard) -> None:
    """Waits until everything on the page is there."""
    view.page.locator("main h1").first.wait_for(state="attached")
    expect(view.page.get_by_text("Loading", exact=True)).to_have_count(0)


@pytest.fixture
def house(upstream: MakeUpstream, gateway: MakeGateway) -> Gateway:
    """With something on every page: traffic, an error, a cooldown, a price, a budget."""
    document = config(
        backend("first", upstream([{"text": "Hello."}]), rpm_limit=60, model_mappings={"m": "meta/m"}),
        backend(
            "limited",
            upstream([{"status": 429, "headers": {"retry-after": "60"}}]),
            model_mappings={"m": "m"},
        ),
        backend("spare", upstream([{"status": 400}]), "fallback", enabled=False),
        key={"budgets": [{"usd": 1, "window": "day"}]},
    )
    one = gateway({**document, "prices": [{"model": "m", "input": 1, "output": 2}]}, key=KEY)
    for _ in range(4):
        assert ask(one).status == 200
    return one


def test_axe_finds_nothing(house: Gateway, dashboard: MakeDashboard) -> None:
    """In the light theme by every rule, in the dark one by those that look at colours."""
    request_id = ask(house).header("x-request-id") or ""
    view = dashboard(house)
    found: list[str] = []

    def judge(what: str) -> None:
        view.page.emulate_media(color_scheme="light")
        found.extend(f"{what}: {violation}" for violation in view.axe())
        view.page.emulate_media(color_scheme="dark")
        found.extend(
            f"{what}, dark: {violation}" for violation in view.axe("color-contrast", "link-in-text-block")
        )

    view.page.goto(house.admin_url)
    view.page.get_by_label("Admin token").wait_for()
    judge("login")
    view.login()
    for place in PLACES:
        view.go(place.replace("REQUEST", request_id))
        arrive(view)
        judge(place)
    view.go("")
    view.page.keyboard.press("Control+k")
    view.page.get_by_role("combobox", name="Go to or do").wait_for()
    judge("palette")
    assert not found, "\n".join(found)


def test_nothing_comes_from_elsewhere(house: Gateway, dashboard: MakeDashboard) -> None:
    view = dashboard(house)
    asked: list[str] = []
    view.page.on("request", lambda request: asked.append(request.url))
    view.login()
    for place in PLACES:
        view.go(place)
        view.page.locator("main h1").first.wait_for(state="attached")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(f"{house.admin_url}/")] == []


@pytest.mark.rows("A21", "S-6")
def test_what_others_wrote_is_text(
    upstream: MakeUpstream, gateway: MakeGateway, dashboard: MakeDashboard
) -> None:
    """Names, labels, mappings, upstream models and upstream errors that would run if they were HTML."""
    assert len(NASTY) >= 30
    listed = {"data": [{"id": text} for text in NASTY]}
    refusing = upstream(
        [
            {"method": "GET", "path": "/v1/models", "json": listed},
            {
                "status": 400,
                "json": {"error": {"message": " ".join(NASTY), "type": NASTY[0], "code": NASTY[1]}},
            },
        ]
    )
    url = f"{refusing.url}/v1"
    document: dict[str, Any] = config()
    document["backends"] = [
        {
            "name": text,
            "label": text,
            "api_base_url": url,
            "pool": "primary",
            "model_mappings": {} if "*" in text else {text: text},
        }
        for text in NASTY
    ]
    document["client_keys"] += [
        {"name": text, "key": f"hw_key_{index:032}"} for index, text in enumerate(NASTY)
    ]
    document["pools"] += [{"name": text} for text in NASTY]
    house = gateway(document, key=KEY)
    for text in NASTY[:8]:
        ask(house, model=text)

    view = dashboard(house)
    view.page.add_init_script("window.boom = () => { window.boomed = true }")
    view.login()
    places = [
        "",
        "backends",
        "pools",
        "requests",
        "usage",
        "keys",
        "cooldowns",
        "configuration/1",
        "configuration/apply",
        "settings/audit",
    ]
    for place in places:
        view.go(place)
        arrive(view)
    view.go("backends")
    shown = view.page.get_by_role("region", name="Backends").get_by_role("link").all_inner_texts()
    assert set(NASTY) <= set(shown)
    view.page.get_by_role("link", name=NASTY[0], exact=True).first.click()
    view.page.get_by_role("heading", name=NASTY[0], exact=True).wait_for()
    view.page.get_by_role("button", name="Test", exact=True).click()
    view.says("It answers 400")
    assert all(text in view.page.locator("main").inner_text() for text in NASTY[:4])
    view.page.get_by_role("link", name="Edit", exact=True).click()
    view.page.get_by_role("button", name="Show the upstream's list").click()
    view.page.get_by_role("button", name=f"+ {NASTY[1]}", exact=True).wait_for()
    view.page.keyboard.press("Control+k")
    view.page.get_by_role("combobox", name="Go to or do").fill("img")
    view.page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
    assert view.page.evaluate("window.boomed") is None
    assert view.page.evaluate("document.querySelectorAll('main script, main iframe, main img').length") == 0


def test_it_is_small() -> None:
    """All of its JavaScript and CSS, as it goes over the wire."""
    files = [path for path in (ROOT / "web/dist").rglob("*") if path.suffix in (".js", ".css")]
    assert files
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) <= 90_000


def test_nothing_jumps(house: Gateway, dashboard: MakeDashboard) -> None:
    """What is on the screen stays where it is while the rest comes (cumulative layout shift; good is 0.1)."""
    view = dashboard(house)
    view.page.add_init_script(
        "window.shifted = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
        " window.shifted += entry.value }).observe({type: 'layout-shift', buffered: true})"
    )
    view.login()
    for place in ("", "backends/first", "pools", "usage"):
        view.page.goto("about:blank")
        view.page.goto(f"{house.admin_url}/#/{place}")
        view.is_live()
        arrive(view)
        view.page.wait_for_timeout(1200)  # what does not happen cannot be waited for
        assert view.page.evaluate("window.shifted") < 0.05, place


def test_every_page_fits_a_phone(house: Gateway, dashboard: MakeDashboard) -> None:
    """At 360 px nothing but a table of its own scrolls sideways."""
    view = dashboard(house, viewport={"width": 360, "height": 740}, has_touch=True).login()
    wide = []
    for place in PLACES:
        view.go(place)
        arrive(view)
        main = "document.querySelector('main')"
        if view.page.evaluate(f"{main}.scrollWidth > {main}.clientWidth || document.body.scrollWidth > 360"):
            wide.append(place)
    assert not wide
    view.go("")
    view.page.get_by_role("button", name="Pages").click()
    view.page.get_by_role("link", name="Usage").click()
    view.page.get_by_role("heading", name="Usage").wait_for()
