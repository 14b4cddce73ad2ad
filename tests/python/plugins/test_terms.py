"""TERM after TERM while hooks are asked: each ends with 0, every answer is written down, nobody is left."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from headworks.testing import Upstream
from support.asking import CHAT, KEY, backend, config, fields_of, rows_of
from support.gateway import Gateway
from support.until import until

SERVE = (Path(sys.executable).with_name("headworks"), "serve")
CALLERS = 8
# All four points, plain and async, quick and slow; which process they run in is written down.
PLUGIN = """
import asyncio, os, pathlib, time
from headworks import Changes, hook

pathlib.Path(__file__).with_name(f"{os.getpid()}.pid").touch()

@hook(timeout_ms=500)
async def admit(request):
    await asyncio.sleep(0.001)
    return Changes(tags={"seen": "yes"})

@hook(timeout_ms=500)
def route(request, candidates):
    time.sleep(0.002)
    return list(reversed(candidates))

@hook(timeout_ms=500)
def failed(request, attempt):
    return "retry"

@hook
def finished(exchange):
    time.sleep(0.001)
"""


class Callers:
    """Requests one after another from each of some threads, until the gateway does not answer any more."""

    def __init__(self, gateway: Gateway) -> None:
        self.answered: dict[str, int] = {}
        """Whole answers: statuses by request id."""
        self._url = gateway.url
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def _call(self) -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        with httpx2.Client(base_url=self._url, headers=headers, trust_env=False, timeout=20) as client:
            try:
                while True:
                    answer = client.post(CHAT, json=fields_of(CHAT))
                    self.answered[answer.headers["x-request-id"]] = answer.status_code
            except httpx2.TransportError:
                return

    def wait_for(self, answers: int) -> None:
        until(lambda: len(self.answered) >= answers, 20, what=f"{answers} answers")

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize(
    "times", [3, pytest.param(50, marks=[pytest.mark.minutes, pytest.mark.timeout(600)])]
)
def test_it_ends_under_load(
    upstream: Callable[..., Upstream],
    gateway: Callable[..., Gateway],
    tmp_path: Path,
    isolation: str,
    times: int,
) -> None:
    folder = tmp_path / "plug-ins"
    folder.mkdir()
    (folder / "busy.py").write_text(PLUGIN)
    provider = upstream([{"every": 5, "status": 500}, {"text": "Hello.", "delay_ms": 3}])
    document: dict[str, Any] = {
        **config(backend("one", provider), backend("two", provider), cooldown={"failures": 0}),
        "plugins": {"modules": [str(folder / "busy.py")], "isolation": isolation, "entry_points": False},
    }
    house = gateway(document, command=SERVE, key=KEY, start=False)
    answered: dict[str, int] = {}
    for life in range(times):
        house.start()
        with Callers(house) as callers:
            # Now and then at once, now and then in the middle of it.
            callers.wait_for(life % 4 * 40)
            assert house.stop(seconds=20) == 0, house.describe()
        answered |= callers.answered
        assert "Traceback" not in house.describe()
        until(lambda: not [file for file in folder.glob("*.pid") if exists(int(file.stem))], 5)

    assert set(answered.values()) <= {200, 500, 503}  # 500: the upstream's own, three times in a row
    assert 200 in answered.values()
    written = {row["request_id"] for row in rows_of(house, "SELECT request_id FROM attempts WHERE final")}
    assert {one for one, status in answered.items() if status == 200} <= written
