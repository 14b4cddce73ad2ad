"""A server of this process with hooks, and requests to it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from headworks import Server
from headworks.admin import AdminClient
from headworks.errors import NotFoundError
from headworks.rows import PlanStepRow, PluginHookRow, WholeExchangeRow
from support.asking import CHAT, KEY, config, fields_of
from support.until import until


class House:
    """One server, with everything that tests ask of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        token = (server.data_dir / "admin.token").read_text().strip()
        self.admin = AdminClient(server.admin_url, token)

    def ask(self, path: str = CHAT, model: str = "m", **options: Any) -> httpx2.Response:
        """One request; `headers`, and members of the body."""
        headers = {"authorization": f"Bearer {KEY}", **options.pop("headers", {})}
        return httpx2.post(
            f"{self.server.url}{path}",
            headers=headers,
            json=fields_of(path, model, **options),
            trust_env=False,
            timeout=30,
        )

    def plan_of(self, answer: httpx2.Response) -> list[PlanStepRow]:
        """What the exchange's plan noted of hooks."""
        found = until(lambda: self._exchange(answer.headers["x-request-id"]), what="the exchange")
        return [step for step in found["plan"] if step["what"] == "hook"]

    def hooks(self) -> dict[str, PluginHookRow]:
        """By name, as the admin API tells them."""
        return {one["name"]: one for plugin in self.admin.plugins() for one in plugin["hooks"]}

    def _exchange(self, request_id: str) -> WholeExchangeRow | None:
        try:
            found = self.admin.exchange(request_id)
        except NotFoundError:
            return None  # on its way
        return found if found["state"] == "finished" else None


@contextlib.contextmanager
def house(
    *backends: dict[str, Any], plugins: Sequence[Any] = (), patient: bool = True, **more: Any
) -> Iterator[House]:
    """A server with these backends and hooks; `more` goes to support.asking.config.

    `patient`: every hook has five seconds, so that a busy machine makes none late.
    """
    for function in (one for plugin in plugins for one in _hooks_in(plugin)) if patient else ():
        function.__headworks_hook__ = replace(function.__headworks_hook__, timeout_ms=5000)
    document = {**config(*backends, **more), "plugins": {"entry_points": False}}
    with Server(document, plugins=plugins) as server:
        made = House(server)
        with made.admin:
            yield made


def _hooks_in(plugin: Any) -> Iterator[Any]:
    """The marked functions: the plug-in itself, or what it holds."""
    if hasattr(plugin, "__headworks_hook__"):
        yield plugin
        return
    for value in (getattr(plugin, name) for name in dir(plugin)):
        if hasattr(value, "__headworks_hook__"):
            yield getattr(value, "__func__", value)


def error_of(answer: httpx2.Response) -> dict[str, Any]:
    """The error of an answer."""
    error: dict[str, Any] = json.loads(answer.content)["error"]
    return error
