"""What is measured: each workload runs one subject once and says what came of it.

Every answer is checked by the load generator while it is measured; a round in which one was wrong is no
result.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import machine
from subjects import Subject, Upstream


@dataclass
class Bench:
    """Runs the native load generator, pinned to the load's core."""

    tool: Path
    cpus: set[int]

    def start(self, subject: Subject, model: str, stream: bool, *flags: str) -> subprocess.Popen:
        url = subject.stream_url if stream else subject.url
        command = [
            str(self.tool),
            "bench",
            "--json",
            "--url",
            url,
            "--key",
            subject.key,
            "--model",
            model,
            *flags,
        ]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, self.cpus)
        )

    def finish(self, process: subprocess.Popen) -> dict:
        lines = process.communicate()[0].strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            raise RuntimeError(f"the load generator failed with exit code {process.returncode}")
        return json.loads(lines[-1])


@dataclass
class Outcome:
    """One subject, one round."""

    subject: str
    values: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    foreign: float = 0.0
    stolen: float = 0.0


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    model: str
    flags: tuple[str, ...]
    stream: bool = False
    seconds: float | None = None  # instead of the run's
    repeats: int = 1  # within a round; the round's value is the median

    def run(self, bench: Bench, upstream: Upstream, subject: Subject, seconds: float) -> Outcome:
        outcome = Outcome(subject.name)
        foreign = machine.ForeignCpu({os.getpid(), upstream.process.pid, subject.pid})
        runs = [self._run_once(bench, upstream, subject, seconds, outcome) for _ in range(self.repeats)]
        outcome.foreign, outcome.stolen = foreign.finish()
        names = set().union(*runs)
        outcome.values = {name: median(values[name] for values in runs if name in values) for name in names}
        return outcome

    def _run_once(
        self, bench: Bench, upstream: Upstream, subject: Subject, seconds: float, outcome: Outcome
    ) -> dict[str, float]:
        served = upstream.requests()
        before = machine.cpu_of(subject.pid) if subject.pid else None
        length = str(self.seconds or seconds)
        process = bench.start(subject, self.model, self.stream, "--seconds", length, *self.flags)
        try:
            report = bench.finish(process)
        except RuntimeError as failure:
            subject.must_live()
            outcome.problems.append(str(failure))
            return {}
        subject.must_live()
        cpu = machine.cpu_of(subject.pid) - before if before else None
        self._check(outcome, report, upstream.requests() - served)
        return self._read(report, cpu)

    def _check(self, outcome: Outcome, report: dict, served: int) -> None:
        outcome.problems += [f"{count} {name}" for name, count in report["faults"].items() if count]
        if self.stream:
            stream = report["stream"]
            outcome.problems += [
                f"{stream[name]} {name}"
                for name in ("missing", "duplicated", "reordered", "foreign")
                if stream[name]
            ]
            if stream["started"] != report["connections"]:
                outcome.problems.append(f"only {stream['started']} streams started")
        elif served != report["answers"]:
            outcome.problems.append(f"{report['answers']} answers for {served} calls to the upstream")

    def _read(self, report: dict, cpu: machine.Cpu | None) -> dict[str, float]:
        values: dict[str, float] = {}
        count = report["stream"]["events"] if self.stream else report["answers"]
        if cpu and count:
            values["cpu_us"] = cpu.total / count * 1e6
            split = cpu.user + cpu.system
            values["user_us"] = values["cpu_us"] * cpu.user / split if split else 0.0
            values["utilisation"] = cpu.total / report["seconds"] if report["seconds"] else 0.0
        if self.stream:
            stream = report["stream"]
            values["per_second"] = stream["events_per_second"]
            values["events_per_read"] = stream["events"] / stream["reads"] if stream["reads"] else 0.0
            for name in ("p50", "p99"):
                values[f"first_{name}_us"] = report["first_event_us"][name]
                values[f"delay_{name}_us"] = report["event_delay_us"][name]
        else:
            values["per_second"] = report["per_second"]
            values["p50_us"], values["p99_us"] = report["latency_us"]["p50"], report["latency_us"]["p99"]
        return values


def _chat(connections: int) -> Workload:
    return Workload(
        f"w1-c{connections}",
        f"W1 chat 2 kB / 1 kB, c={connections}",
        "chat-a",
        ("--connections", str(connections)),
    )


def _paced(streams: int) -> Workload:
    return Workload(
        f"w3-m{streams}",
        f"W3 SSE 208 B x 50/s, {streams} streams",
        "paced-a",
        ("--mode", "streams", "--streams", str(streams)),
        stream=True,
    )


WORKLOADS = [
    _chat(1),
    _chat(16),
    _chat(64),
    _chat(256),
    _paced(100),
    _paced(1000),
    Workload(
        "w3b",
        "W3b SSE blast, 32 streams",
        "blast-a",
        ("--mode", "streams", "--streams", "32"),
        stream=True,
    ),
    Workload(
        "w4",
        "W4 thundering start, 200 streams",
        "short-a",
        ("--mode", "streams", "--streams", "200"),
        stream=True,
        seconds=1.6,
        repeats=3,
    ),
]
QUICK = ("w1-c64", "w3-m100", "w4")


def memory(bench: Bench, fresh: Callable[[], Subject], connections: int, streams: int) -> dict[str, float]:
    """RSS idle, per idle keep-alive connection and per stream. `fresh` starts the subject anew for each
    of the two: memory that one load has freed would otherwise pay for the other."""
    grown = {}
    for what, count, model, mode in (
        ("connection", connections, "chat-a", ("--mode", "idle", "--connections", str(connections))),
        ("stream", streams, "paced-a", ("--mode", "streams", "--streams", str(streams))),
    ):
        subject = fresh()
        try:
            _report(bench, subject, "chat-a", False, "--requests", "1", "--connections", "1")
            idle = machine.rss_bytes(subject.pid)
            grown[what] = (_rss_when_steady(bench, subject, model, what == "stream", *mode) - idle) / count
        finally:
            subject.stop()
    return {
        "rss_idle_mib": idle / 2**20,
        "rss_per_connection_kib": grown["connection"] / 1024,
        "rss_per_stream_kib": grown["stream"] / 1024,
    }


def _report(bench: Bench, subject: Subject, model: str, stream: bool, *flags: str) -> dict:
    return bench.finish(bench.start(subject, model, stream, *flags))


def _rss_when_steady(bench: Bench, subject: Subject, model: str, stream: bool, *flags: str) -> int:
    process = bench.start(subject, model, stream, "--seconds", "2.5", *flags)
    if "steady" not in process.stdout.readline():
        raise RuntimeError(f"{subject.name} did not carry {' '.join(flags)}")
    time.sleep(1)  # measured in the middle of the load, not at its edge
    resident = machine.rss_bytes(subject.pid)
    bench.finish(process)
    return resident


def system_calls(bench: Bench, subject: Subject, directory: Path) -> dict[str, object]:
    """System calls per request (4 connections) and per event (20 streams), and the most frequent of each."""
    if shutil.which("strace") is None:
        return {}
    requests, calls = _traced(
        bench, subject, directory, "chat-a", False, "--connections", "4", "--requests", "4000"
    )
    events, stream_calls = _traced(
        bench, subject, directory, "paced-a", True, "--mode", "streams", "--streams", "20", "--seconds", "3"
    )
    return {
        "calls_per_request": sum(calls.values()) / max(requests, 1),
        "calls_per_event": sum(stream_calls.values()) / max(events, 1),
        "top_per_request": _top(calls, requests),
        "top_per_event": _top(stream_calls, events),
    }


def _top(calls: dict[str, int], count: int) -> dict[str, float]:
    ordered = sorted(calls.items(), key=lambda item: -item[1])[:6]
    return {name: round(number / max(count, 1), 2) for name, number in ordered}


def _traced(
    bench: Bench, subject: Subject, directory: Path, model: str, stream: bool, *flags: str
) -> tuple[int, dict[str, int]]:
    output = directory / "strace.txt"
    tracer = subprocess.Popen(
        ["strace", "-c", "-f", "-o", str(output), "-p", str(subject.pid)], stderr=subprocess.PIPE, text=True
    )
    try:
        if "attached" not in tracer.stderr.readline():
            return 0, {}
        report = _report(bench, subject, model, stream, *flags)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        tracer.stderr.close()
    count = report["stream"]["events"] if stream else report["answers"]
    calls = {}
    for line in output.read_text().splitlines():
        row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)$", line)
        if row and row[2] != "total":
            calls[row[2]] = int(row[1])
    return count, calls
