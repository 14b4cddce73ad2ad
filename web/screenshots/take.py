"""Takes a picture of every page, both themes, three widths, into build/screenshots; the README's beside this.

    .venv/bin/python web/screenshots/take.py [--only PAGE,PAGE] [--readme]

A `headworks demo` stands behind them, with a few more limits and keys, so that there is something to see.
"""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
from playwright.sync_api import Page, sync_playwright

from headworks import AdminClient

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
)
SIZES = {360: 780, 1440: 900, 2560: 1440}
README_SIZE = {1200: 760}
PAGES = {
    "overview": "",
    "backends": "backends",
    "backend": "backends/rate-limited",
    "backend-edit": "backends/healthy/edit",
    "pools": "pools?model=demo",
    "requests": "requests",
    "request": "requests/REQUEST",
    "usage": "usage?range=1h&by=backend",
    "keys": "keys",
    "key": "keys/team-research",
    "key-new": "keys/+",
    "cooldowns": "cooldowns?minutes=15",
    "playground": "playground?model=demo&with=demo-small",
    "configuration": "configuration",
    "revision": "configuration/3",
    "apply": "configuration/apply",
    "settings": "settings",
    "prices": "settings/prices",
    "tokens": "settings/tokens",
    "plugins": "settings/plugins",
    "master-key": "settings/master-key",
    "audit": "settings/audit",
    "about": "settings/about",
}
README = {"overview": ("dark", "light"), "backend": ("light",), "request": ("dark",), "usage": ("light",)}


def found(pattern: str, text: str) -> re.Match[str]:
    """Where the text says it."""
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"the demo said something else: {text}")
    return match


class Demo:
    """The server, and a second team's traffic."""

    def __init__(self) -> None:
        command = [str(Path(sys.executable).with_name("headworks")), "demo", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, "--admin-listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, err = self.process.stdout, self.process.stderr
        if out is None or err is None:
            raise RuntimeError("the demo has no output")
        said = ""
        while "client key:" not in said:
            said += err.readline()
        self.token = Path(found(r"admin token:\s+(\S+)", said)[1]).read_text().strip()
        ready = found(r"data=(\S+) admin=(\S+)", out.readline())
        self.url, self.admin_url = ready[1], ready[2]
        threading.Thread(target=err.read, daemon=True).start()
        self.enrich()

    def enrich(self) -> None:
        """Limits, prices and keys, so that there is something to see."""
        with AdminClient(self.admin_url, self.token) as admin:
            admin.change_backend(
                "healthy",
                rpm_limit=120,
                max_in_flight=32,
                timeouts={"first_byte_seconds": 20, "idle_seconds": 15},
                metadata={"owner": "team-a", "tags": ["eu"]},
            )
            admin.change_backend("spare", rpm_limit=60)
            admin.change_pool("fallback", patience_seconds=1)
            prices = [
                {"model": "demo", "input": 350, "output": 1400},
                {"model": "demo-small", "input": 90, "output": 270},
            ]
            admin.put_prices(prices)
            key = admin.create_client_key(
                "team-research", rpm_limit=120, budgets=[{"usd": 40, "window": "day"}]
            )["key"]
            admin.create_client_key("batch", models=["demo-small"], budgets=[{"usd": 50, "window": "month"}])
            admin.create_token("grafana", "viewer")
        threading.Thread(target=self.ask, args=(key,), daemon=True).start()

    def ask(self, key: str) -> None:
        """Requests without an end, four a second."""
        with httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        ) as client:
            for turn in itertools.count():
                body = {
                    "model": "demo" if turn % 4 else "demo-small",
                    "messages": [{"role": "user", "content": "?"}],
                }
                try:
                    client.post("/v1/chat/completions", json={**body, "stream": turn % 3 == 0})
                except httpx2.HTTPError:
                    return
                time.sleep(0.25)

    def longest(self) -> str:
        """The request with the most to tell."""
        with AdminClient(self.admin_url, self.token) as admin:
            rows = admin.exchanges(limit=300, state="finished")
        return str(max(rows, key=lambda row: (row["attempts_count"], row["stream"]))["request_id"])


def take(page: Page, demo: Demo, name: str, theme: str, request: str, *, readme: bool) -> None:
    """One page in one theme, at every width (for the README at one)."""
    for width, height in (README_SIZE if readme else SIZES).items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{demo.admin_url}/#/{PAGES[name].replace('REQUEST', request)}")
        page.locator("main h1").first.wait_for(state="attached")
        page.locator(".bars").first.wait_for(state="detached")
        if name == "playground" and page.get_by_role("button", name="Send").is_disabled():
            page.get_by_role("button", name="Make a key for an hour").click()
            page.get_by_role("button", name="Send").click()
            page.get_by_text("as seen from here").first.wait_for()
        page.wait_for_timeout(1200)  # a sample or two
        folder = HERE if readme else ROOT / "build/screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / (f"{name}-{theme}.png" if readme else f"{name}-{width}-{theme}.png"))


def main() -> None:
    """Takes those that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PAGES))
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--seconds", type=float, default=90, help="of traffic before")
    arguments = parser.parse_args()
    demo = Demo()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            pages = {}
            for theme in ("light", "dark"):
                page = browser.new_context(color_scheme=theme).new_page()
                page.goto(demo.admin_url)
                page.get_by_label("Admin token").fill(demo.token)
                page.get_by_label("Admin token").press("Enter")
                pages[theme] = page
            time.sleep(arguments.seconds)
            request = demo.longest()
            wanted = (
                README if arguments.readme else dict.fromkeys(arguments.only.split(","), ("light", "dark"))
            )
            for name, themes in wanted.items():
                for theme in themes:
                    take(pages[theme], demo, name, theme, request, readme=arguments.readme)
            browser.close()
    finally:
        demo.process.terminate()
        demo.process.wait()


if __name__ == "__main__":
    main()
