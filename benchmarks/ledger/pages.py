#!/usr/bin/env python3
"""What the pages of a long ledger cost: starts a server on it, asks what the dashboard asks, prints the clocks.

    cmake --preset release -DHEADWORKS_MICRO=ON && ninja -C build/release headworksd fill_ledger
    build/release/benchmarks/ledger/fill_ledger /tmp/ledger/usage.db 10000000
    python3 benchmarks/ledger/pages.py /tmp/ledger

The directory is the server's data directory; what is missing in it is made. Times are of whole requests over
loopback, so the server's own are a little less: the median and the longest of --rounds. CPU is what the server itself
used for one (its median): on a machine that has other work, that is the figure to look at.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = {
    "start to ready": "",
    "overview: cost of the day": "/usage?since=24h",
    "overview: last hour by minute": "/usage?since=1h&step=minute",
    "usage by model, 30 days": "/usage?since=30d&by=model",
    "usage by model and day, 30 days": "/usage?since=30d&by=model&step=day",
    "usage by model and hour, 7 days": "/usage?since=7d&by=model&step=hour&limit=10000",
    "usage by backend, 24 hours": "/usage?since=24h&by=backend",
    "usage by key, 30 days": "/usage?since=30d&by=key",
    "usage by pool and hour, 24 hours": "/usage?since=24h&by=pool&step=hour",
    "one key by model, 30 days": "/usage?since=30d&by=model&key=team-3",
    "model and key, 30 days": "/usage?since=30d&by=model,key",
    "one backend by minute, 6 hours": "/usage?since=6h&backend=account-7&step=minute",
    "requests: newest": "/exchanges?limit=100",
    "requests of a key": "/exchanges?limit=100&key=team-39",
    "requests of a rare model and key": "/exchanges?limit=100&model=model-11&key=team-39",
    "requests that failed on a backend": "/exchanges?limit=100&backend=account-24&errors=1",
    "requests of long ago": "/exchanges?limit=100&since=29d&before={old}.",
    "nothing like it": "/exchanges?limit=100&key=nobody",
    "audit": "/audit",
    "cooldowns": "/cooldowns",
    "revisions": "/revisions",
}


def start(binary: Path, data: Path) -> tuple[subprocess.Popen[str], str, str, float]:
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            str(binary),
            "serve",
            "--data-dir",
            str(data),
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("headworks ready"):
            took = time.perf_counter() - began
            admin = dict(word.split("=", 1) for word in line.split() if "=" in word)["admin"]
            return process, admin, (data / "admin.token").read_text().strip(), took
    raise SystemExit(f"the server did not start (exit code {process.wait()})")


def cpu_ms(pid: int) -> float:
    """What all threads of the process have used until now."""
    return sum(int((one / "schedstat").read_text().split()[0]) for one in Path(f"/proc/{pid}/task").iterdir()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the data directory with usage.db")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/cpp/headworksd")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--most-ms", type=float, default=50, help="exit code 1 when a median is longer")
    arguments = parser.parse_args()
    process, admin, token, took = start(arguments.binary, arguments.data)
    slow = []
    try:
        old = int((time.time() - 25 * 86_400) * 1e6)
        print("| page | median ms | longest ms | CPU ms | rows |\n| --- | --: | --: | --: | --: |")
        print(f"| start to ready | {took * 1000:.0f} | | | |")
        for name, path in PAGES.items():
            if not path:
                continue
            times, used = [], []
            for _ in range(arguments.rounds):
                request = urllib.request.Request(
                    f"{admin}/admin/v1{path.format(old=old)}", headers={"authorization": f"Bearer {token}"}
                )
                before = cpu_ms(process.pid)
                began = time.perf_counter()
                with urllib.request.urlopen(request, timeout=60) as answer:
                    rows = len(json.loads(body)["data"]) if (body := answer.read()) else 0
                times.append((time.perf_counter() - began) * 1000)
                used.append(cpu_ms(process.pid) - before)
            median = statistics.median(times)
            cpu = statistics.median(used)
            print(f"| {name} | {median:.1f} | {max(times):.1f} | {cpu:.1f} | {rows} |", flush=True)
            if median > arguments.most_ms:
                slow.append(name)
    finally:
        process.terminate()
        process.wait(60)
    if slow:
        sys.exit(f"longer than {arguments.most_ms:g} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
