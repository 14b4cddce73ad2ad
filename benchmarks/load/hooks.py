#!/usr/bin/env python3
"""What hooks cost: the same server without a plug-in, with a trivial one, with four, and with one that hangs.

    make build && .venv/bin/python benchmarks/load/hooks.py

Four `headworks serve` run at once and take turns, as in run.py: the load has one core, the servers the other. CPU is
that of the whole process, Python's threads included. Printed: medians of the rounds, differences taken within a round.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import machine
import subjects
from workloads import Bench, Workload

ROOT = Path(__file__).resolve().parents[2]
HOOK = "@hook(point='route', timeout_ms=1000)\ndef route_{}(request, candidates):\n    return None\n"
PLUGINS = {
    "none": "",
    "route": HOOK.format(1),
    "route x 4": "".join(HOOK.format(number) for number in range(4)),
    # Everybody's requests are asked about; for this one it hangs. Its time is 1 ms, then its breaker opens.
    "hanging": "import time\n@hook(timeout_ms=1)\ndef route(request, candidates):\n    time.sleep(10)\n",
}


def serve(name: str, upstream: subjects.Upstream, cpus: set[int], directory: Path) -> subjects.Subject:
    config = subjects.headworks_config(upstream) | {"plugins": {"modules": [], "entry_points": False}}
    if PLUGINS[name]:
        (directory / "plugin.py").write_text("from headworks import hook\n" + PLUGINS[name])
        config["plugins"]["modules"] = ["plugin.py"]
    file = directory / "headworks.json"
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    program = Path(sys.executable).with_name("headworks")
    flags = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1", "--log-level", "error"]
    command = [str(program), "serve", "-c", str(file), "--data-dir", str(directory / "data"), *flags]
    process = subjects.Process(command, cpus, directory, "headworks")
    ready = process.line_that_starts_with("headworks ready")
    url = next(word.removeprefix("data=") for word in ready.split() if word.startswith("data="))
    return subjects.Subject(name, url, url, subjects.CLIENT_KEY, process, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--foreign", type=float, default=0.08, help="most foreign CPU in a good round, of one core")
    parser.add_argument("--tool", type=Path, default=ROOT / "build/release/cpp/headworksd", help="upstream and load")
    arguments = parser.parse_args()
    load_core, server_core, _ = machine.cores()
    chat = Workload("hooks", "chat", "chat-a", ("--connections", str(arguments.connections)))
    rounds: list[dict[str, dict[str, float]]] = []
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = subjects.Upstream(arguments.tool, load_core, directory)
        stack.callback(upstream.stop)
        servers = []
        for name in PLUGINS:
            own = directory / name.replace(" ", "-")
            own.mkdir()
            servers.append(serve(name, upstream, server_core, own))
            stack.callback(servers[-1].stop)
        bench = Bench(arguments.tool, load_core)
        for number in range(arguments.rounds * 3):
            if len(rounds) == arguments.rounds:
                break
            turn = number % len(servers)
            outcomes = [chat.run(bench, upstream, one, arguments.seconds) for one in servers[turn:] + servers[:turn]]
            good = all(not one.problems and one.foreign <= arguments.foreign for one in outcomes)
            for one in outcomes:
                if one.problems:
                    print(f"  {one.subject}: {one.problems}", file=sys.stderr)
            foreign = max(one.foreign for one in outcomes)
            aside = "" if good else f" (set aside: up to {foreign:.0%} of a core was others')"
            print(f"round {number + 1}{aside}", file=sys.stderr)
            if good:
                rounds.append({one.subject: one.values for one in outcomes})
    if not rounds:
        raise SystemExit("no good round")
    report(rounds, arguments.connections)


def report(rounds: list[dict[str, dict[str, float]]], connections: int) -> None:
    print(f"\n| c={connections}, {len(rounds)} rounds | CPU us/request | more than without | calls/s | p50 us | p99 us |")
    print("| --- | --: | --: | --: | --: | --: |")
    for name in PLUGINS:
        hooks = PLUGINS[name].count("@hook")
        cost = median(one[name]["cpu_us"] for one in rounds)
        more = median(one[name]["cpu_us"] - one["none"]["cpu_us"] for one in rounds)
        calls = median(one[name]["per_second"] for one in rounds) * hooks
        p50, p99 = (median(one[name][key] for one in rounds) for key in ("p50_us", "p99_us"))
        print(f"| {name} | {cost:.1f} | {more:+.1f} | {calls:,.0f} | {p50:,.0f} | {p99:,.0f} |")


if __name__ == "__main__":
    main()
