"""Fixtures of the tests in a browser: one Chromium for all, one context (cookies, storage) for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browser import Dashboard, chromium
from support.gateway import Gateway


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def dashboard(browser: Browser) -> Iterator[Callable[..., Dashboard]]:
    """`dashboard(gateway, **options)`: a tab of its own context; options are those of Browser.new_context.

    At the end no page may have complained: no exception, no console error, no violation of the CSP.
    """
    made: list[Dashboard] = []

    def open_tab(gateway: Gateway, **options: Any) -> Dashboard:
        context = browser.new_context(
            **{"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **options}
        )
        one = Dashboard(context.new_page(), gateway)
        made.append(one)
        return one

    yield open_tab
    for one in made:
        one.page.context.close()
    complaints = [complaint for one in made for complaint in one.complaints]
    assert not complaints, "\n".join(complaints)
