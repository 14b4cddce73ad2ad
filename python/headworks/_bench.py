"""headworks.bench: load from C++ (cpp/bench) on any gateway that speaks HTTP/1.1, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from headworks._console import progress
from headworks._table import Table, html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from headworks import _core

__all__ = ["BenchResult", "Latency", "bench", "run_command"]

_LOOK_SECONDS = 0.1
_PERCENTILES = ("p50", "p90", "p99", "p999")


class Latency(TypedDict):
    """One step of a histogram: so many answers took at most so long."""

    up_to_ms: float
    count: int
    share: float
    """Of all answers, those that took at most so long: 0 to 1."""


class BenchResult:
    """What a run of headworks.bench measured. A notebook shows it as a table; `plot()` draws it.

    * `mode`, `connections`, `seconds`: what was asked for, and how long it took
    * `answers`: whole ones, right or wrong; of streams: ended ones; `per_second`: so many on average
    * `faults`: what went wrong, counted by kind; all 0 in a run that counts
    * `report`: all of it, as `headworks bench --json --buckets` prints it
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.report: dict[str, Any] = dict(report)
        self.mode: str = report["mode"]
        self.seconds: float = report["seconds"]
        self.connections: int = report["connections"]
        self.answers: int = report["answers"]
        self.per_second: float = report["per_second"]
        self.faults: dict[str, int] = report["faults"]
        self._measured: dict[str, Any] = report["event_delay_us" if self.mode == "streams" else "latency_us"]

    @property
    def right(self) -> bool:
        """Every answer had the expected status and body."""
        return not any(self.faults.values())

    @property
    def latency_ms(self) -> dict[str, float]:
        """`mean`, `min`, `p50`, `p90`, `p99`, `p999`, `max` of the latency (streams: of an event's delay)."""
        return {
            name: value / 1000
            for name, value in self._measured.items()
            if name not in ("count", "buckets_ns")
        }

    def histogram(self) -> Table[Latency]:
        """The latencies in ascending steps, each at most 0.8 % wide: `up_to_ms`, `count`, `share` of all."""
        count = self._measured["count"]
        rows: list[Latency] = []
        seen = 0
        for bound_ns, here in self._measured["buckets_ns"]:
            seen += here
            rows.append({"up_to_ms": bound_ns / 1e6, "count": here, "share": seen / count})
        return Table(rows, list(Latency.__annotations__))

    def plot(self, ax: Axes | None = None, *, label: str = "") -> Axes:
        """Latency by percentile, on `ax` or on a new figure. Needs the package matplotlib."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(7, 3.5))
        table = self.histogram()
        ax.step(
            table.column("up_to_ms"),
            [100 * share for share in table.column("share")],
            label=label,
            where="post",
        )
        ax.set_xscale("log")
        ax.set_xlabel("ms")
        ax.set_ylabel("% of answers")
        ax.grid(visible=True, alpha=0.3)
        if label:
            ax.legend(loc="lower right")
        return ax

    def __repr__(self) -> str:
        fine = "" if self.right else f", WRONG: {self.faults}"
        ms = self.latency_ms
        return (
            f"<headworks.BenchResult {self.answers} answers in {self.seconds:.2f} s: {self.per_second:.0f}/s "
            f"over {self.connections} connections, p50 {ms['p50']:.3f} ms, p99 {ms['p99']:.3f} ms{fine}>"
        )

    def _repr_html_(self) -> str:
        latency = self.latency_ms
        names = [
            "mode",
            "connections",
            "seconds",
            "answers",
            "per second",
            *(f"{one} ms" for one in _PERCENTILES),
        ]
        row = [self.mode, self.connections, self.seconds, self.answers, self.per_second]
        wrong = {name: count for name, count in self.faults.items() if count}
        shown = html_table(names, [[*row, *(latency[one] for one in _PERCENTILES)]])
        return shown + (f"<p><b>Wrong answers:</b> {wrong}</p>" if wrong else "")


def bench(
    url: str,
    *,
    key: str = "",
    model: str = "bench",
    connections: int = 64,
    seconds: float = 5,
    mode: Literal["closed", "open", "streams"] = "closed",
    rate: float = 1000,
    streams: int = 100,
    requests: int = 0,
    path: str = "/v1/chat/completions",
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    request_bytes: int = 2000,
    expect_status: int = 200,
    compare_bodies: bool = False,
) -> BenchResult:
    """Puts load on the gateway at `url` (plain HTTP) and measures what comes back.

        result = headworks.bench(server.url, key=server.client_key, model="llama-70b", seconds=2)
        result.per_second, result.latency_ms["p99"]

    `mode`: `closed` (each of `connections` sends its next request when its answer is there: the most that
    can be carried), `open` (`rate` requests per second whatever the answers do; latency counts from when a
    request was due), or `streams` (`streams` of them at one instant; their events must carry the stamps of
    headworks.testing.Upstream). The request is `body`, or a chat request of about `request_bytes` bytes for
    `model`; it goes to `path` with `key` and these `headers`. The run lasts `seconds`, or until there were so
    many `requests`. The status of every answer is compared with `expect_status`, and with `compare_bodies`
    its body with the first one's: for an upstream that always says the same.

    A bar shows how far it is, on a terminal and in a notebook. An interrupt ends the run. Raises
    HeadworksError when nothing answers at all, UsageError or ConfigurationError for what cannot be meant.
    """
    from headworks import _core

    said: dict[str, Any] = {
        "url": url, "key": key, "model": model, "mode": mode, "connections": connections, "seconds": seconds,
        "rate": rate, "streams": streams, "requests": requests, "path": path, "request-bytes": request_bytes,
        "expect-status": expect_status,
    }  # fmt: skip
    arguments = [word for name, value in said.items() for word in (f"--{name}", str(value))]
    for name, value in (headers or {}).items():
        arguments += ["--header", f"{name}: {value}"]
    if not compare_bodies:
        arguments.append("--any-body")
    run = _core.Bench(arguments, body)
    _watch(run, f"Load on {url}")
    return BenchResult(json.loads(run.json()))


def _watch(run: _core.Bench, what: str) -> None:
    with progress(what, run.planned_seconds) as bar:
        try:
            while not run.wait(_LOOK_SECONDS):
                bar.at(min(run.seconds, run.planned_seconds), note=f"{run.answers:,} answers")
        except BaseException:
            run.stop()
            raise


def run_command(arguments: list[str]) -> int:
    """The command `headworks bench`: the native one, with a bar where somebody watches."""
    import sys

    from headworks import _core
    from headworks.errors import ConfigurationError, HeadworksError, UsageError

    silent = any(
        word in arguments for word in ("--help", "-h", "idle", "streams")
    )  # these have their own words
    if silent or not arguments or not sys.stderr.isatty():
        return _core.run_bench(arguments)
    run = _core.Bench(arguments)
    _watch(run, "Load")
    try:
        print(run.text(), end="")
    except HeadworksError as failed:
        print(failed.message, file=sys.stderr)
        return UsageError.exit_code if isinstance(failed, ConfigurationError) else 1
    return 0 if not any(json.loads(run.json())["faults"].values()) else 1
