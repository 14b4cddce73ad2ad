#!/usr/bin/env python3
"""What forgetting costs the requests: 2,000 of them a second, without and with retention at work on a long ledger.

    build/release/benchmarks/ledger/fill_ledger /tmp/ledger/usage.db 10000000
    python3 benchmarks/ledger/retention.py /tmp/ledger

Prints the latency of an open loop (the upstream's answer included) in turns: retention idle, retention at
work, ... The directory is used up: rows older than the days given are gone from it.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "load"))

import machine  # noqa: E402
import subjects  # noqa: E402


def rows_in(data: Path) -> int:
    with closing(sqlite3.connect(f"file:{data / 'usage.db'}?mode=ro", uri=True)) as database:
        (oldest,) = database.execute("SELECT min(started_us) FROM attempt_rows").fetchone()
    return int((time.time() * 1e6 - oldest) / 86_400e6)


def set_days(admin: str, token: str, days: int) -> None:
    request = urllib.request.Request(
        f"{admin}/admin/v1/settings",
        data=json.dumps({"retention": {"exchanges_days": days}}).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        method="PATCH",
    )
    urllib.request.urlopen(request, timeout=30).read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the data directory with usage.db")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/cpp/headworksd")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    load, proxy, _ = machine.cores()
    with tempfile.TemporaryDirectory() as folder:
        upstream = subjects.Upstream(arguments.binary, load, Path(folder))
        config = Path(folder) / "headworks.json"
        config.write_text(json.dumps(subjects.headworks_config(upstream)))
        config.chmod(0o600)
        command = [str(arguments.binary), "serve", "-c", str(config), "--data-dir", str(arguments.data)]
        command += [
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--workers",
            "1",
            "--log-level",
            "warn",
        ]
        server = subjects.Process(command, proxy, Path(folder), "headworks")
        said = dict(
            word.split("=", 1)
            for word in server.line_that_starts_with("headworks ready").split()
            if "=" in word
        )
        token = (arguments.data / "admin.token").read_text().strip()
        results: dict[str, list[float]] = {"idle": [], "at work": []}
        try:
            days = rows_in(arguments.data)
            print(
                "| retention | p50 us | p99 us | answers | oldest row, days |\n| --- | --: | --: | --: | --: |"
            )
            for turn in range(arguments.rounds * 2):
                state = "at work" if turn % 2 else "idle"
                if state == "at work":
                    # One minute passes at most until it looks; a start of the server looks at once.
                    days -= 3
                    set_days(said["admin"], token, days)
                    while rows_in(arguments.data) > days + 2:
                        time.sleep(0.2)
                report = json.loads(
                    subprocess.run(
                        [
                            str(arguments.binary),
                            "bench",
                            "--json",
                            "--url",
                            said["data"],
                            "--key",
                            subjects.CLIENT_KEY,
                        ]
                        + [
                            "--model",
                            "chat-a",
                            "--mode",
                            "open",
                            "--rate",
                            "2000",
                            "--seconds",
                            str(arguments.seconds),
                        ],
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    .stdout.strip()
                    .splitlines()[-1]
                )
                latency = report["latency_us"]
                results[state].append(latency["p99"])
                oldest = rows_in(arguments.data)
                print(
                    f"| {state} | {latency['p50']:.0f} | {latency['p99']:.0f} | {report['answers']} | {oldest} |",
                    flush=True,
                )
                if state == "at work":
                    while rows_in(arguments.data) > days:
                        time.sleep(0.5)
        finally:
            server.stop()
            upstream.stop()
        idle, work = (statistics.median(results[name]) for name in ("idle", "at work"))
        print(f"p99: {idle:.0f} us idle, {work:.0f} us at work")


if __name__ == "__main__":
    main()
