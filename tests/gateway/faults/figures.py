"""Figures of many repetitions, what the gates of the fault table are about; and a hole in the network."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from headworks.testing import Entry, Upstream
from support.quiet import is_quiet
from support.until import until

if TYPE_CHECKING:
    from support.gateway import Gateway

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., "Gateway"]

Note = Callable[[str, object], None]
"""pytest's record_property: a figure by its name, which the report of `make edge` prints."""
MEASURED = "HEADWORKSD" not in os.environ
"""False: another build is under test, whose memory and time mean nothing."""
REPETITIONS = 100
"""The least for a percentile."""
STEADY = {"failures": 0}
"""settings.cooldown: nobody is ejected, so that the same fault can be met again and again."""
EAGER = {"max_attempts": 3, "budget_percent": 100, "backoff_base_ms": 1}
"""settings.retry: the budget is not what is looked at."""


def now_ms() -> float:
    """The clock of the upstream's journal."""
    return time.monotonic() * 1000


def tell(name: str, values: Iterable[float], unit: str = "ms") -> float:
    """What is judged of the values: p99, on a machine that need not be quiet the median. `-s` shows both."""
    kept = list(values)
    p50, p99 = percentile(kept, 50), percentile(kept, 99)
    print(f"{name}: p50 {p50:.2f}, p99 {p99:.2f}, longest {max(kept):.2f} {unit} of {len(kept)}")
    return p99 if is_quiet() else p50


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
    ranked = sorted(values)
    assert len(ranked) >= REPETITIONS, f"{len(ranked)} repetitions are too few for a percentile"
    return ranked[math.ceil(len(ranked) * percent / 100) - 1]


def ended(upstream: Upstream, count: int) -> list[Entry]:
    """The journal, once it has so many entries and the gateway has left all of them."""

    def found() -> list[Entry]:
        entries = upstream.journal()
        done = len(entries) >= count and all(one.peer_closed_ms is not None for one in entries)
        return entries if done else []

    return until(found, what=f"{count} calls, and the gateway's end of each")


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no SYN: its listener accepts nobody, and its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield int(listener.getsockname()[1])
