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
ROUNDS = 7


def p99(house: Gateway) -> float:
    """Microseconds, of some thousand requests over four connections."""
    asked = ("--url", house.url, "--key", KEY, "--model", "m", "--any-body")
    command = [str(headworksd()), "bench", "--json", *asked, "--connections", "4", "--seconds", "2"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return float(json.loads(run.stdout.strip().splitlines()[-1])["latency_us"]["p99"])


@pytest.mark.rows("R11")
@pytest.mark.minutes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("hang", ["time.sleep(3)", "while True: pass"], ids=["sleeps", "never ends"])
def test_others_do_not_feel_a_hook_that_hangs(
    upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path, hang: str, record_property: Note
) -> None:
    """p99 of the others rises by at most 10 % while the hook of one request hangs."""
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
    changes = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(ROUNDS):
            until(lambda: ask(house).status == 200 and asked(), 30, what="the hook is asked again")
            alone = p99(house)
            stuck = pool.submit(ask, house, headers={"x-stuck": "1"})
            assert stuck.result().status == 200, "the hook has no opinion when it is late"
            changes.append(p99(house) / alone - 1)
    record_property("R11", f"{median(changes):+.1%} ({hang})")
    assert median(changes) <= 0.10
