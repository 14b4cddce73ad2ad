"""`plugins: {isolation: process}`: the same hooks in a process that can be killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, ask, backend, config, error_of
from support.gateway import Gateway
from support.until import until

HEADWORKS = Path(sys.executable).with_name("headworks")
MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

PLUGIN = """
import os, time
from headworks import Changes, Reject, hook

@hook(timeout_ms=3000)
def admit(request):
    act = request.headers.get("x-act")
    if act == "exit":
        os._exit(7)
    if act == "hang":
        time.sleep(60)
    if act == "loop":
        while True:
            pass
    if act == "leak":
        kept.append(bytearray(100 << 20))
    if act == "reject":
        return Reject("no", status=429, retry_after=3)
    if act == "environment":
        return Changes(headers={"x-environment": ",".join(sorted(os.environ))})
    return Changes(tags={"pid": str(os.getpid())}, headers={"x-pid": str(os.getpid())})

@hook(timeout_ms=3000, body=True)
async def route(request, candidates):
    assert request.tags.get("pid") in (None, str(os.getpid()))
    return [candidates[-1]] if b"Say" in request.body else None

@hook
def finished(exchange):
    with open(os.path.join(os.path.dirname(__file__), "finished.txt"), "a") as file:
        file.write(f"{exchange.id} {exchange.status}\\n")

kept = []
"""


@pytest.fixture
def house(gateway: MakeGateway, upstream: MakeUpstream, tmp_path: Path) -> Gateway:
    (tmp_path / "isolated.py").write_text(PLUGIN)
    document: dict[str, Any] = {
        **config(backend("one", upstream()), backend("two", upstream(), "fallback")),
        "plugins": {
            "modules": ["isolated.py"],
            "isolation": "process",
            "memory_mb": 2048,
            "entry_points": False,
        },
    }
    environment = {"HEADWORKS_SOME_SECRET": "hidden", "OPENAI_API_KEY": "sk-hidden"}
    return gateway(document, command=(HEADWORKS, "serve"), key=KEY, environment=environment)


def pid_of(house: Gateway) -> int:
    """Of the process that the hooks run in, the gateway's only child; 0 while there is none."""
    tasks = Path(f"/proc/{house.pid}/task").iterdir()
    children = {child for task in tasks for child in (task / "children").read_text().split()}
    assert len(children) <= 1
    return int(children.pop()) if children else 0


def test_hooks_decide_from_another_process(house: Gateway, tmp_path: Path) -> None:
    answer = ask(house)

    assert (answer.status, answer.header("x-headworks-backend")) == (200, "two")
    assert pid_of(house) != house.pid
    refused = ask(house, headers={"x-act": "reject"})
    assert (refused.status, refused.header("retry-after"), error_of(refused)["message"]) == (429, "3", "no")
    seen = {f"{answer.header('x-request-id')} 200", f"{refused.header('x-request-id')} 429"}
    file = tmp_path / "finished.txt"
    until(lambda: file.exists() and set(file.read_text().splitlines()) == seen, what="both were observed")


@pytest.mark.rows("F40")
def test_one_that_loops_is_interrupted(house: Gateway) -> None:
    """Python can stop between two instructions: the process stays."""
    before = pid_of(house)

    assert ask(house, headers={"x-act": "loop"}).status == 200

    until(lambda: ask(house).header("x-headworks-backend") == "two", 5, what="its hooks decide again")
    assert pid_of(house) == before


@pytest.mark.rows("F40", "F41")
@pytest.mark.parametrize("act", ["exit", "hang"])
def test_one_that_is_lost_is_replaced(house: Gateway, act: str) -> None:
    """F40, F41: the policy is `ignore`, so that nobody hears of it but the log."""
    before = pid_of(house)

    assert ask(house, headers={"x-act": act}).status == 200

    until(lambda: pid_of(house) not in (0, before), 5, what="another process")
    until(lambda: ask(house).header("x-headworks-backend") == "two", 5, what="its hooks decide again")


def test_one_that_is_killed_is_replaced(house: Gateway) -> None:
    before = pid_of(house)
    os.kill(before, signal.SIGKILL)

    until(lambda: ask(house).header("x-headworks-backend") == "two" and pid_of(house) not in (0, before), 5)


@pytest.mark.rows("F41")
def test_its_memory_ends_where_it_should(house: Gateway) -> None:
    """The thirtieth hundred megabytes are a MemoryError of the hook, nothing else."""
    for _ in range(30):
        assert ask(house, headers={"x-act": "leak"}).status == 200

    status = Path(f"/proc/{pid_of(house)}/status").read_text()
    size = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize"))
    assert size < 2048 * 1024


def test_it_knows_no_secret_of_the_gateway(house: Gateway) -> None:
    environment = Path(f"/proc/{pid_of(house)}/environ").read_bytes().decode()
    arguments = Path(f"/proc/{pid_of(house)}/cmdline").read_bytes().decode()

    assert "hidden" not in environment and "HEADWORKS_" not in environment
    for secret in (KEY, "sk-one", house.admin_token):
        assert secret not in environment + arguments


def test_it_goes_with_the_gateway(house: Gateway) -> None:
    pid = pid_of(house)
    assert house.stop() == 0
    assert not Path(f"/proc/{pid}").exists()


def test_it_goes_with_a_gateway_that_was_killed(house: Gateway) -> None:
    pid = pid_of(house)
    house.kill()
    until(lambda: not Path(f"/proc/{pid}").exists(), what="the plug-ins' process is gone")
