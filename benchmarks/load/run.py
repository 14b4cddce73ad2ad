#!/usr/bin/env python3
"""Headworks beside nginx: the cost of a request and of a stream's event, measured in one run.

    python3 benchmarks/load/run.py              # builds, runs everything, about ten minutes
    python3 benchmarks/load/run.py --quick      # one minute: the headline rows

The load generator and the upstream have one core, the proxy under test the other; all proxies run at once
and take turns (interleaved rounds); a round in which other processes used the machine is set aside. What is
measured and how to read it: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import subjects
import table
from workloads import QUICK, WORKLOADS, Bench, Outcome, Workload, memory, system_calls

ROOT = Path(__file__).resolve().parents[2]
MOST_STOLEN = 0.10  # of one core, by other virtual machines


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="two rounds of one second, the headline workloads"
    )
    parser.add_argument("--rounds", type=int, default=5, help="good rounds wanted per workload (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement (3)")
    parser.add_argument(
        "--only",
        default="",
        help="names, comma separated: " + ", ".join(["memory", "calls"] + [one.name for one in WORKLOADS]),
    )
    parser.add_argument(
        "--subjects", default="direct,nginx,headworks", help="which of direct, nginx, headworks"
    )
    parser.add_argument("--binary", type=Path, help="a headworksd instead of building one")
    parser.add_argument(
        "--tool", type=Path, help="the binary of upstream and bench (default: the headworksd)"
    )
    parser.add_argument(
        "--foreign", type=float, default=0.08, help="most foreign CPU in a good round, of one core"
    )
    parser.add_argument("--minutes", type=float, default=25, help="no round is begun after so long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every round, good or bad")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = min(arguments.rounds, 2), min(arguments.seconds, 1.0)
        arguments.only = arguments.only or ",".join(("memory", *QUICK))
    return arguments


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build() -> Path:
    # CMake looks for the headers of the build environment with the first Python that it finds.
    environment = os.environ | {"PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    for command in (
        ["cmake", "--preset", "release"],
        ["cmake", "--build", "build/release", "--target", "headworksd"],
    ):
        say(" ".join(command))
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=environment)
    return ROOT / "build/release/cpp/headworksd"


class Run:
    def __init__(self, arguments: argparse.Namespace, directory: Path, stack: contextlib.ExitStack) -> None:
        self.arguments = arguments
        self.directory = directory
        self.deadline = time.monotonic() + arguments.minutes * 60
        load_core, proxy_core, self.pinned = machine.cores()
        self.proxy_core = proxy_core
        binary = arguments.binary.resolve() if arguments.binary else None
        wanted = arguments.subjects.split(",")
        if binary is None and ("headworks" in wanted or arguments.tool is None):
            binary = build()
        self.binary = binary
        tool = arguments.tool.resolve() if arguments.tool else binary
        self.bench = Bench(tool, load_core)
        self.upstream = subjects.Upstream(tool, load_core, directory)
        stack.callback(self.upstream.stop)
        self.subjects = []
        for name in wanted:
            subject = self._start(name)
            stack.callback(subject.stop)
            self.subjects.append(subject)

    def _start(self, name: str) -> subjects.Subject:
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))
        if name == "direct":
            return subjects.direct(self.upstream)
        if name == "nginx":
            return subjects.nginx(self.upstream, self.proxy_core, directory)
        if name == "headworks":
            return subjects.headworks(self.upstream, self.binary, self.proxy_core, directory)
        raise SystemExit(f"there is no subject named {name}")

    def proxies(self) -> list[subjects.Subject]:
        return [one for one in self.subjects if one.pid]

    def workload(self, workload: Workload) -> list[dict]:
        """Rounds until enough are good, at most three times as many as wanted."""
        rounds = []
        good = 0
        for index in range(self.arguments.rounds * 3):
            if good >= self.arguments.rounds or time.monotonic() > self.deadline:
                break
            turn = index % len(self.subjects)
            order = self.subjects[turn:] + self.subjects[:turn]
            outcomes = [workload.run(self.bench, self.upstream, one, self.arguments.seconds) for one in order]
            is_good = self._is_good(outcomes)
            good += is_good
            rounds.append({"good": is_good, "outcomes": [vars(one) for one in outcomes]})
            say(
                f"  {workload.name} round {index + 1}{'' if is_good else ' (set aside)'}: "
                + table.brief(outcomes)
            )
        return rounds

    def _is_good(self, outcomes: list[Outcome]) -> bool:
        return all(
            not one.problems and one.foreign <= self.arguments.foreign and one.stolen <= MOST_STOLEN
            for one in outcomes
        )

    def everything(self) -> dict:
        only = {name for name in self.arguments.only.split(",") if name}
        known = {"memory", "calls"} | {one.name for one in WORKLOADS}
        if only - known:
            raise SystemExit(f"not known: {', '.join(sorted(only - known))}")
        result = {
            "machine": machine.describe(),
            "pinned": self.pinned,
            "versions": {one.name: one.version for one in self.proxies()},
            "settings": {name: getattr(self.arguments, name) for name in ("rounds", "seconds", "foreign")},
            "memory": {},
            "calls": {},
            "losses": {},
            "workloads": {},
        }
        if not only or "memory" in only:
            say("memory")
            connections, streams = (1000, 200) if self.arguments.quick else (3000, 500)
            for one in self.proxies():
                try:
                    result["memory"][one.name] = memory(
                        self.bench, lambda name=one.name: self._start(name), connections, streams
                    )
                except RuntimeError as failure:
                    say(f"  {one.name}: {failure}")
        for workload in WORKLOADS:
            if not only or workload.name in only:
                say(workload.title)
                result["workloads"][workload.name] = {
                    "title": workload.title,
                    "stream": workload.stream,
                    "rounds": self.workload(workload),
                }
        result["losses"] = {one.name: one.losses() for one in self.proxies() if one.admin_url}
        if not only or "calls" in only:
            say("system calls")
            for one in self.proxies():
                result["calls"][one.name] = system_calls(self.bench, one, self.directory)
        return result


def main() -> int:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="headworks-bench-") as directory, contextlib.ExitStack() as stack:
        result = Run(arguments, Path(directory), stack).everything()
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))
    print(table.markdown(result))
    wrong = [
        name
        for name, one in result["workloads"].items()
        if any(outcome["problems"] for each in one["rounds"] for outcome in each["outcomes"])
    ]
    if wrong:
        say(f"answers were wrong in: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
