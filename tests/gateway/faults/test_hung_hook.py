"""R11: what a hook that hangs costs the requests that have nothing to do with it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

from gateway.faults.figures import MakeGateway, MakeUpstream, Note
from support.asking import KEY, ask, backend, config
from support.gateway import Gateway, headworksd
from support.until import until

PLUGIN = """
import time
from headworks import hook

@hook(timeout_ms=20)
def admit(request):
    if "x-stuck" in request.headers:
        HANG
"""
ROUNDS = 5


def p99(house: Gateway) -> float:
    """Milliseconds, of 800 requests a second for four seconds."""
    asked = ("--url", house.url, "--key", KEY, "--model", "m", "--any-body")
    pace = ("--mode", "open", "--rate", "800", "--connections", "16", "--seconds", "4")
    command = [str(headworksd()), "bench", "--json", *asked, *pace]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return float(json.loads(run.stdout.strip().splitlines()[-1])["latency_us"]["p99"]) / 1000


@pytest.mark.rows("R11")
@pytest.mark.minutes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("hang", ["time.sleep(3)", "while True: pass"], ids=["sleeps", "never ends"])
def test_others_do_not_feel_a_hook_that_hangs(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path, hang: str, record_property: Note
) -> None:
    """p99 of the others rises by at most 10 % (and the 0.2 ms that a scheduler is allowed)."""
    (tmp_path / "plugin.py").write_text(PLUGIN.replace("HANG", hang))
    house = gateway(
        config(backend("only", upstream({"journal": False}))),
        key=KEY,
        command=(Path(sys.executable).with_name("headworks"), "serve"),
        arguments=("--plugin", str(tmp_path / "plugin.py"), "--workers", "1"),
    )

    def asked() -> bool:
        with house.admin() as admin:
            (one,) = [hook for plugin in admin.plugins() for hook in plugin["hooks"]]
        return bool(one["state"] == "asked")

    p99(house)
    alone, beside = [], []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(ROUNDS):
            until(lambda: ask(house).status == 200 and asked(), 30, what="the hook is asked again")
            alone.append(p99(house))
            stuck = pool.submit(ask, house, headers={"x-stuck": "1"})
            assert stuck.result().status == 200, "the hook has no opinion when it is late"
            beside.append(p99(house))
    record_property("R11", f"p99 {median(alone):.2f} ms alone, {median(beside):.2f} ms beside it ({hang})")
    assert median(beside) <= 1.1 * median(alone) + 0.2
