"""A real Chromium with the dashboard in it. Must not know: what the tests look for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Page, sync_playwright

from support.gateway import ROOT, Gateway
from support.until import until

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage

CHROMIUM = Path("/usr/bin/chromium")  # Debian's package
SECONDS = 10
# As root, without a network, and with nothing of the browser's own going on.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# A violation is no error of the page: it must be heard.
_WATCH = """
addEventListener('securitypolicyviolation', (event) =>
  console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
"""
_AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
# What the page asks is refused, on purpose of a test or of a form: the browser says so, too.
_REFUSED = "Failed to load resource"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    assert CHROMIUM.exists(), "chromium is missing: `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


class Dashboard:
    """One tab, logged in to one gateway."""

    def __init__(self, page: Page, gateway: Gateway) -> None:
        self.page, self.gateway = page, gateway
        self.complaints: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.add_init_script(_WATCH)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.complaints.append(message.text)

    def login(self, token: str | None = None, at: str = "") -> Dashboard:
        """Opens a place of the dashboard and logs in, with the admin token unless another one is given."""
        self.page.goto(f"{self.gateway.admin_url}/#/{at}")
        self.page.get_by_label("Admin token").fill(token or self.gateway.admin_token)
        self.page.get_by_role("button", name="Log in").click()
        return self.is_live()

    def is_live(self) -> Dashboard:
        """Waits for the stream of events."""
        self.page.locator('[data-connection="live"]').wait_for()
        return self

    def go(self, place: str, heading: str | None = None) -> Dashboard:
        """To another place, as a link or a bookmark leads there."""
        self.page.evaluate("place => { location.hash = place }", f"#/{place}")
        if heading is not None:
            self.page.get_by_role("heading", name=heading, exact=True).first.wait_for()
        return self

    def says(self, text: str, *, seconds: float = SECONDS) -> None:
        """Waits until the page shows a text."""
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def axe(self, *rules: str) -> list[str]:
        """The violations that axe-core finds, by all its rules or by these."""
        self.page.evaluate("source => { if (!window.axe) window.eval(source) }", _AXE.read_text())
        options = {
            "resultTypes": ["violations"],
            "preload": False,
            **({"runOnly": {"type": "rule", "values": rules}} if rules else {}),
        }
        found: dict[str, Any] = self.page.evaluate("options => axe.run(options)", options)
        return [
            f"{violation['id']}: {node['html'][:200]} ({node['failureSummary']})"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def wait(self, script: str, what: str = "") -> Any:
        """Waits until a piece of JavaScript answers something true."""
        return until(lambda: self.page.evaluate(script), SECONDS, what=what or script)
