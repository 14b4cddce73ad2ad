"""What a request and an event of a stream cost the process itself, counted and not timed.

Instructions and calls of malloc, by valgrind; the kernel is not in it. A gate is what was measured
and some room for other processors.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headworks.testing import Upstream
from support.asking import KEY, backend, config
from support.gateway import Gateway, headworksd

MakeUpstream = Callable[..., Upstream]
MakeGateway = Callable[..., Gateway]

pytestmark = [pytest.mark.costs, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Costs:
    """Of a whole run."""

    loop: int  # instructions of the thread that serves
    others: int  # of all other threads: recorder, ledger, log
    mallocs: int  # calls on the loop's thread

    def __sub__(self, other: Costs) -> Costs:
        return Costs(self.loop - other.loop, self.others - other.others, self.mallocs - other.mallocs)


def costs_in(folder: Path) -> Costs:
    """Adds up what callgrind wrote: a file for each thread."""
    loop = others = mallocs = 0
    for file in folder.glob("callgrind.out*-*"):
        text = file.read_text()
        totals = re.search(r"^totals: (\d+)", text, re.MULTILINE)
        instructions = int(totals[1]) if totals else 0
        # The binary is stripped, but simdjson's library is not, and only a loop reads requests with it.
        if "simdjson" not in text:
            others += instructions
            continue
        loop += instructions
        names: dict[str, str] = {}
        called: Counter[str] = Counter()
        callee = ""
        for line in text.splitlines():
            if name := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
                if name[2]:
                    names[name[1]] = name[2]
                if line.startswith("cfn="):
                    callee = name[1]
            elif line.startswith("calls="):
                called[callee] += int(line[6:].split()[0])
        mallocs += sum(count for number, count in called.items() if names.get(number) == "malloc")
    return Costs(loop, others, mallocs)


def measure(
    gateway: MakeGateway, document: dict[str, Any], folder: Path, *load: str
) -> tuple[Costs, dict[str, Any]]:
    """A fresh process under this load, from its start to its end."""
    folder.mkdir()
    callgrind = (
        "valgrind",
        "--tool=callgrind",
        "--separate-threads=yes",
        f"--callgrind-out-file={folder}/callgrind.out",
    )
    house = gateway(
        document, key=KEY, command=(*callgrind, headworksd(), "serve"), arguments=("--workers", "1")
    )
    command = [headworksd(), "bench", "--json", "--url", house.url, "--key", KEY, "--model", "m", *load]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=True)
    assert house.stop() == 0
    report: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return costs_in(folder), report


def governed(upstream: Upstream) -> dict[str, Any]:
    """Limits of key and backend, a budget, a price, another name of the model: all that is counted."""
    document = config(
        backend(
            "only",
            upstream,
            model_mappings={"m": "m-of-theirs"},
            rpm_limit=1_000_000,
            tpm_limit=1_000_000_000,
        )
    )
    document["client_keys"][0] |= {
        "rpm_limit": 1_000_000,
        "tpm_limit": 1_000_000_000,
        "budgets": [{"usd": 1_000_000, "window": "day"}],
    }
    document["prices"] = [{"model": "m-of-theirs", "input": 1, "output": 2}]
    return document


@pytest.fixture(autouse=True)
def valgrind() -> None:
    assert shutil.which("valgrind"), "valgrind is not installed (Debian: apt install valgrind)"


def test_a_request(upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path) -> None:
    answers = upstream(
        {
            "rules": [{"text": "Nothing is measured that is not also checked. " * 14, "ids": "fixed"}],
            "journal": False,
        }
    )
    document = governed(answers)
    few, many = (
        measure(gateway, document, tmp_path / str(count), "--connections", "8", "--requests", str(count))[0]
        for count in (500, 2500)
    )
    more = many - few
    loop, others, mallocs = (count / 2000 for count in (more.loop, more.others, more.mallocs))
    print(f"{loop:.0f} on the loop, {others:.0f} beside it, {mallocs:.2f} mallocs")
    assert loop <= 44_000
    assert others <= 45_000, "how many rows share a transaction is a matter of time"
    assert mallocs <= 0.1, "nothing is allocated for a request"


def test_an_event_of_a_stream(upstream: MakeUpstream, gateway: MakeGateway, tmp_path: Path) -> None:
    paced = {"stream": {"events": 1_000_000, "event_bytes": 208, "per_second": 20, "stamp": True}}
    document = governed(upstream({"rules": [paced], "journal": False}))
    load = ("--mode", "streams", "--streams", "20", "--seconds")
    (few, before), (many, after) = (
        measure(gateway, document, tmp_path / seconds, *load, seconds) for seconds in ("2", "6")
    )
    events = after["stream"]["events"] - before["stream"]["events"]
    more = many - few
    print(f"{events} events: {more.loop / events:.0f} on the loop, {more.mallocs / events:.2f} mallocs")
    assert events > 800
    assert more.loop / events <= 5_500
    assert more.mallocs / events <= 0.1, "nothing is allocated for an event"
