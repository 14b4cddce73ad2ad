"""F50: mixed faults at 500 requests a second for a long time; memory, descriptors and threads stay.

`make soak` runs it for SOAK_SECONDS (30 minutes there); without that, two minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.faults.figures import MakeGateway, MakeUpstream, Note
from support.asking import KEY, backend, config
from support.gateway import Gateway, headworksd

SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))
RATE = 500
MIB = 1024 * 1024
FAULTS: list[dict[str, Any]] = [
    {"every": 17, "status": 500},
    {"every": 19, "status": 429, "headers": {"retry-after-ms": "5"}},
    {"every": 23, "fault": {"at": "head", "do": "reset"}},
    {"every": 29, "text": "word " * 500, "fault": {"at": "body", "do": "close"}},
    {"every": 31, "stream": {"events": 20, "always": True}, "fault": {"at": "event", "do": "reset"}},
    {"every": 37, "stale": "reset"},
    {"every": 41, "body": "<html>", "headers": {"content-type": "text/html"}},
    {"every": 997, "fault": {"at": "request", "do": "hang"}},
    {"stream": {"events": 20}},
]  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """What the process held at a moment."""

    seconds: float
    resident: int
    descriptors: int
    threads: int


def sample(house: Gateway, began: float) -> Sample:
    folder = Path(f"/proc/{house.pid}")
    descriptors, threads = (len(list((folder / one).iterdir())) for one in ("fd", "task"))
    return Sample(time.monotonic() - began, house.resident_bytes(), descriptors, threads)


def slope(points: list[tuple[float, float]]) -> float:
    """Of the line of least squares, per second."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


@pytest.mark.rows("F50", "R13")
@pytest.mark.minutes
@pytest.mark.timeout(SECONDS + 120)
def test_a_long_day_leaves_nothing_behind(
    upstream: MakeUpstream, gateway: MakeGateway, record_property: Note
) -> None:
    script = {"rules": FAULTS, "journal": False}
    pools = ("primary", "fallback", "fallback")
    backends = [backend(f"b{number}", upstream(script), pool) for number, pool in enumerate(pools)]
    house = gateway(
        config(*backends, timeouts={"first_byte_seconds": 1}, retry={"backoff_base_ms": 1}), key=KEY
    )
    began = time.monotonic()
    load = subprocess.Popen(
        [headworksd(), "bench", "--url", house.url, "--key", KEY, "--mode", "open", "--rate", str(RATE),
         "--connections", "64", "--seconds", str(SECONDS), "--any-body", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    samples = []
    while load.poll() is None:
        samples.append(sample(house, began))
        time.sleep(1)  # the grid of the samples
    assert load.stdout is not None
    report = json.loads(load.stdout.read())
    assert house.running

    # The first quarter fills pools, rings and the ledger's pages.
    steady = [one for one in samples if one.seconds >= SECONDS / 4]
    memory = slope([(one.seconds, one.resident) for one in steady])
    descriptors = slope([(one.seconds, one.descriptors) for one in steady])
    record_property("R13", f"{memory * 3600 / MIB:+.2f} MiB/h, {descriptors * 3600:+.1f} descriptors/h")
    record_property("F50", f"{SECONDS:g} s at {RATE}/s: {json.dumps(report)[:200]}")
    span = steady[-1].seconds - steady[0].seconds
    assert memory * span < 4 * MIB, "within what one allocator arena is noise"
    assert abs(descriptors * span) < 20
    assert max(one.threads for one in steady) == min(one.threads for one in steady)
