"""What Prometheus' own tool says of /metrics, and that every metric of the contract is there."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from collections.abc import Callable

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, rows_of
from support.gateway import Gateway
from support.until import until

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_finds_nothing(upstream: MakeUpstream, gateway: MakeGateway) -> None:
    rules = [{"model": "bad", "status": 400}, {"model": "limited", "status": 429}, {"usage": {"input": 3}}]
    house = gateway(config(backend("first", upstream(rules)), queue={"max_wait_seconds": 0}), key=KEY)
    for model in ("m", "bad", "m", "limited"):
        ask(house, model=model)
    until(lambda: len(rows_of(house)) >= 3, what="the ledger")
    with urllib.request.urlopen(f"{house.admin_url}/metrics", timeout=10) as answer:
        text = answer.read()
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
