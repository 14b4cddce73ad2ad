"""Twenty keys of three requests a minute each, two hundred requests a minute offered, for three real minutes.

Three gateways at the same time, each before an upstream that counts in its own way. What is allowed passes,
no upstream ever says 429, and who is refused and obeys is admitted.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway

SECONDS = 180
PER_MINUTE = 200
OBEYING = 0.25
"""This share of the refused come back when they were told to, if that is within the time of the test."""


@dataclass
class Seen:
    statuses: list[int] = field(default_factory=list)
    came_back: list[int] = field(default_factory=list)
    unreadable: int = 0


class Crowd:
    """Open loop: requests begin by the clock, whatever became of those before."""

    def __init__(self, house: Gateway, seed: int) -> None:
        self._house = house
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._due: list[tuple[float, str, bool]] = []  # a heap: when, whose, whether it comes back
        self.seen = Seen()

    def run(self, seconds: float) -> Seen:
        begin = at = time.monotonic()
        self._end = begin + seconds
        while at < self._end:
            heapq.heappush(self._due, (at, f"u{len(self._due)}", False))
            at += self._random.expovariate(PER_MINUTE / 60)
        with ThreadPoolExecutor(80) as pool:
            running = []
            while (next_one := self._take_due()) is not None:
                running.append(pool.submit(self._ask, *next_one))
            for one in running:
                one.result()
        return self.seen

    def _take_due(self) -> tuple[str, bool] | None:
        """Waits for the next request that is due; None when the time is over."""
        with self._changed:
            while (now := time.monotonic()) < self._end:
                if self._due and self._due[0][0] <= now:
                    _, user, came_back = heapq.heappop(self._due)
                    return user, came_back
                until = min(self._due[0][0], self._end) if self._due else self._end
                self._changed.wait(until - now)
        return None

    def _ask(self, user: str, came_back: bool) -> None:
        answer = ask(self._house, seconds=90, user=user)
        told = answer.header("retry-after-ms")
        with self._changed:
            (self.seen.came_back if came_back else self.seen.statuses).append(answer.status)
            if answer.status != 429:
                return
            if told is None or answer.header("retry-after") is None:
                self.seen.unreadable += 1
                return
            again = time.monotonic() + int(told) / 1000
            if not came_back and again < self._end - 2 and self._random.random() < OBEYING:
                heapq.heappush(self._due, (again, user, True))
                self._changed.notify()


@pytest.mark.minutes
@pytest.mark.timeout(400)
def test_what_is_allowed_passes_and_nothing_more(
    upstream: Callable[..., Upstream], gateway: Callable[..., Gateway]
) -> None:
    windows = ("fixed", "sliding", "bucket")
    upstreams = [upstream({"rate_limit": {"rpm": 3, "window": window}}) for window in windows]
    houses = [
        gateway(config(*(backend(f"key{number}", one, rpm_limit=3) for number in range(20))), key=KEY)
        for one in upstreams
    ]

    with ThreadPoolExecutor(3) as pool:
        crowds = [pool.submit(Crowd(house, seed).run, SECONDS) for seed, house in enumerate(houses)]
        results = [one.result() for one in crowds]

    for window, one, seen in zip(windows, upstreams, results, strict=True):
        journal = one.journal()
        first = min(entry.at_ms for entry in journal)
        within = [entry for entry in journal if entry.at_ms < first + SECONDS * 1000]
        print(
            f"{window}: {len(within)} of {60 * SECONDS // 60} allowed passed; {len(seen.statuses)} offered; "
            f"{seen.came_back.count(200)} of {len(seen.came_back)} that obeyed were admitted; "
            f"{sum(entry.status == 429 for entry in journal)} upstream 429"
        )
        assert {entry.status for entry in journal} == {200}, window
        assert len(within) >= 0.98 * 60 * (SECONDS / 60), window
        assert set(seen.statuses) == {200, 429}, window
        assert seen.unreadable == 0, window
        assert len(seen.came_back) >= 10, window
        assert set(seen.came_back) == {200}, window
