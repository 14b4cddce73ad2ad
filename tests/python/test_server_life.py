"""Servers come and go in one process, and end with it: nothing is left, nothing hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import headworks
from headworks.testing import Upstream
from support.until import until

MIB = 1 << 20


def held() -> tuple[int, int, int]:
    """Descriptors, threads, resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors, threads = (len(list(Path(f"/proc/self/{name}").iterdir())) for name in ("fd", "task"))
    return descriptors, threads, pages * os.sysconf("SC_PAGE_SIZE")


def serve_once(provider: Upstream) -> None:
    config = {"version": 1, "backends": [{"name": "one", "api_base_url": f"{provider.url}/v1"}]}
    with headworks.Server(config, workers=2) as server, server.openai() as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        server.admin.backends()


@pytest.mark.costs
def test_a_hundred_lives_leave_nothing(upstream: Callable[..., Upstream]) -> None:
    provider = upstream()
    for _ in range(20):  # what is made once is made now
        serve_once(provider)
    descriptors, threads, resident = held()
    for _ in range(100):
        serve_once(provider)

    # The upstream's ends of the connections close when it has seen ours.
    until(lambda: held()[0] <= descriptors, what="no descriptor more")
    until(lambda: held()[1] <= threads, what="no thread more")
    more = (held()[2] - resident) / MIB
    assert more < 8, f"{more:.1f} MiB more"


def run(code: str, *, expect: int = 0, seconds: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == expect, done.stderr
    return done.stdout


def test_the_interpreter_ends_with_a_running_server() -> None:
    out = run("import headworks; s = headworks.Server(); s.start(); print(s._core.data_dir)")

    assert not Path(out.strip()).exists(), "what was to be thrown away is gone"


def test_an_error_ends_it_too() -> None:
    out = run(
        "import headworks\n"
        "with headworks.Server() as s:\n"
        "    print(s._core.data_dir, flush=True)\n"
        "    raise SystemExit(7)\n",
        expect=7,
    )

    assert not Path(out.strip()).exists()


def test_an_interrupt_ends_it_too() -> None:
    out = run(
        "import headworks, os, signal\n"
        "with headworks.Server() as s:\n"
        "    print(s._core.data_dir, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.pause()\n",
        expect=-signal.SIGINT,
    )

    assert not Path(out.strip()).exists()


FORKED = """
import os, sys
import headworks
from headworks.testing import Upstream

server, upstream, bench = headworks.Server(), Upstream(), None
server.start()
child = os.fork()
if child == 0:
    said = []
    for use in (lambda: headworks.Server().start(), lambda: server.url, lambda: upstream.journal()):
        try:
            use()
        except headworks.errors.UsageError as error:
            said.append(str(error))
    server.close()
    assert len(said) == 3, said
    print(said[0])
    sys.exit(0)  # with all that an interpreter does at its end
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
import httpx2
assert httpx2.get(server.url + "/livez", trust_env=False).status_code == 200
server.close()
print("parent fine")
"""


def test_a_forked_child_is_told_and_the_parent_goes_on() -> None:
    out = run(FORKED)

    assert "spawn" in out
    assert out.splitlines()[-1] == "parent fine"


def test_a_fork_before_any_server_does_no_harm() -> None:
    run(
        "import os, sys, headworks\n"
        "with headworks.Server(): pass\n"  # ended before the fork: nothing of it is left
        "child = os.fork()\n"
        "if child == 0:\n"
        "    with headworks.Server() as s: assert s.admin.backends() == []\n"
        "    sys.exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
