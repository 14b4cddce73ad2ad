"""Waiting for what must come true, with a deadline: the only way in which tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(predicate: Callable[[], T | None], seconds: float = 10, *, what: str = "") -> T:
    """Asks again and again until the answer is true; answers it. Fails the test when the time is over."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(
                f"not within {seconds:g} s: {what or predicate!r}; the last answer was {answer!r}"
            )
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
