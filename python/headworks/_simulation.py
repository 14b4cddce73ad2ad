"""headworks.simulate: the routing machines of the core against modelled upstreams, under a virtual clock."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from headworks._config import read_document
from headworks._table import Table, html_table
from headworks.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Happening", "Outage", "SimulatedRequest", "Timeline", "UpstreamModel", "Workload", "simulate"]


@dataclass(frozen=True)
class Outage:
    """Every call of a time fails.

    * `from_seconds`, `until_seconds`: from when to when, from the beginning of the simulation
    * `failure`: how, as logs and `explain` name it: connect, reset, timeout_first_byte, status_5xx, ...
    """

    from_seconds: float
    until_seconds: float
    failure: str = "connect"


@dataclass(frozen=True)
class UpstreamModel:
    """How the provider behind one backend behaves.

    * `rpm`: its own limit, requests a minute: above it answers 429; None: the backend's `rpm_limit`; 0: none
    * `window`: how it counts: "fixed", "sliding" or "bucket"
    * `says_when`: whether its 429 carries retry-after
    * `latency_seconds`: of an answer: from half of it to twice of it
    * `transit_seconds`: at most so long until it counts a request
    * `failing`: this share of calls (0 to 1) fails with status 500
    * `outages`: times in which every call fails
    """

    rpm: int | None = None
    window: Literal["fixed", "sliding", "bucket"] = "sliding"
    says_when: bool = True
    latency_seconds: float = 0.8
    transit_seconds: float = 0.02
    failing: float = 0
    outages: Sequence[Outage] = ()


@dataclass(frozen=True)
class Workload:
    """What clients do, and what the providers are like.

    * `per_minute`: new requests, on average
    * `minutes`: new ones come so long; what runs then is run to its end
    * `model`: the model that all of them ask for
    * `evenly`: at equal distances; else at random (Poisson)
    * `keys`: client keys, drawn at random
    * `obeying`: this share (0 to 1) of refused requests comes back when it is told to
    * `deadline_seconds`: a request is given up after so long
    * `seed`: the same seed gives the same timeline
    * `upstreams`: an UpstreamModel by the backend's name; `*`: every other one
    """

    per_minute: float = 60
    minutes: float = 10
    model: str = "m"
    evenly: bool = False
    keys: int = 1
    obeying: float = 0
    deadline_seconds: float = 600
    seed: int = 1
    upstreams: Mapping[str, UpstreamModel] = field(default_factory=dict)


class Happening(TypedDict):
    """One line of a timeline."""

    at_seconds: float
    what: str
    """arrived, tried, succeeded, failed, cooled, waits, refused or gave_up."""
    request: int
    key: int
    backend: str | None
    cause: str | None
    """Of what failed, cools, is refused or given up."""
    for_seconds: float | None
    """So long something rests, or a refused client should wait."""


class SimulatedRequest(TypedDict):
    """One request from its arrival to its end."""

    request: int
    arrived_seconds: float
    took_seconds: float
    outcome: str
    """succeeded, refused or gave_up."""
    attempts: int
    waited: bool
    backend: str | None
    """The last one that was tried."""


class Timeline(Table[Happening]):
    """What happened in a simulation: rows, sums, and a picture.

    A sequence of happenings (dictionaries) with `to_pandas()` and so on; `requests()` has a row for each
    request. A happening has `at_seconds`, `what` (arrived, tried, succeeded, failed, cooled, waits, refused
    or gave_up), `request`, `key`, `backend`, `cause` and `for_seconds` (of a rest, or what a client is told).

    * `totals`: requests, came_back, succeeded, refused, failed, attempts, upstream_429, seconds
    * `backends`: their names, in the order of the configuration
    """

    def __init__(self, rows: Sequence[Happening], totals: Mapping[str, Any], backends: Sequence[str]) -> None:
        super().__init__(rows, list(Happening.__annotations__))
        self.totals: dict[str, Any] = dict(totals)
        self.backends: list[str] = list(backends)

    def requests(self) -> Table[SimulatedRequest]:
        """One row for each request, in the order of arrival."""
        made: dict[int, SimulatedRequest] = {}
        for row in self:
            if row["what"] == "arrived":
                made[row["request"]] = {
                    "request": row["request"], "arrived_seconds": row["at_seconds"], "took_seconds": 0,
                    "outcome": "", "attempts": 0, "waited": False, "backend": None,
                }  # fmt: skip
                continue
            one = made[row["request"]]
            if row["what"] == "tried":
                one["attempts"] += 1
                one["backend"] = row["backend"]
            elif row["what"] == "waits":
                one["waited"] = True
            elif row["what"] in ("succeeded", "refused", "gave_up"):
                one["outcome"] = row["what"]
                one["took_seconds"] = row["at_seconds"] - one["arrived_seconds"]
        return Table(list(made.values()), list(SimulatedRequest.__annotations__))

    def quantile_seconds(self, share: float) -> float:
        """So long the given share (0 to 1) of successful requests took at most, waiting included."""
        took = sorted(one["took_seconds"] for one in self.requests() if one["outcome"] == "succeeded")
        return took[min(len(took) - 1, int(share * len(took)))] if took else 0.0

    def by_backend(self) -> Table[dict[str, Any]]:
        """Of each backend: calls begun, ended well, failed, answered 429, and seconds that it rested."""
        made: dict[str | None, dict[str, Any]] = {
            name: {
                "backend": name,
                "tried": 0,
                "succeeded": 0,
                "failed": 0,
                "status_429": 0,
                "cooled_seconds": 0.0,
            }
            for name in self.backends
        }
        for row in self:
            one = made.get(row["backend"])
            if one is None:
                continue
            if row["what"] in ("tried", "succeeded", "failed"):
                one[row["what"]] += 1
                one["status_429"] += row["what"] == "failed" and row["cause"] == "status_429"
            elif row["what"] == "cooled":
                one["cooled_seconds"] += row["for_seconds"] or 0
        return Table(list(made.values()))

    def plot(self, ax: Axes | None = None) -> Axes:
        """A lane for each backend: calls are dots, failed ones red, rest is a bar. Needs matplotlib."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(9, 1 + 0.35 * len(self.backends)))
        lane = {name: at for at, name in enumerate(self.backends)}
        dots: dict[str, tuple[list[float], list[int]]] = {what: ([], []) for what in ("tried", "failed")}
        for row in self:
            at = lane.get(row["backend"] or "")
            if at is None:
                continue
            if row["what"] == "cooled":
                ax.barh(
                    at,
                    row["for_seconds"] or 0,
                    left=row["at_seconds"],
                    height=0.7,
                    color="#f2c14e",
                    alpha=0.5,
                )
            elif row["what"] in dots:
                dots[row["what"]][0].append(row["at_seconds"])
                dots[row["what"]][1].append(at)
        ax.scatter(*dots["tried"], s=6, color="#2a6f97", label="tried")
        ax.scatter(*dots["failed"], s=14, color="#c1121f", label="failed", marker="x")
        ax.set_yticks(range(len(self.backends)), self.backends)
        ax.invert_yaxis()
        ax.set_xlabel("s")
        ax.legend(loc="upper right", fontsize="small")
        return ax

    def __repr__(self) -> str:
        sums = ", ".join(f"{count} {name}" for name, count in self.totals.items() if name != "seconds")
        return f"<headworks.Timeline of {self.totals['seconds']:.0f} s: {sums}>"

    def _repr_html_(self) -> str:
        table = self.by_backend()
        shown = html_table(list(self.totals), [list(self.totals.values())])
        return shown + html_table(table.columns, [list(row.values()) for row in table])


def simulate(
    config: str | os.PathLike[str] | Mapping[str, Any], workload: Workload | Mapping[str, Any] | None = None
) -> Timeline:
    """Runs the routing engine (plans, buckets, cooldowns, waiting line) on a workload, without any network.

        config = {"backends": [{"name": f"key-{n}", "rpm_limit": 40} for n in range(5)]}
        timeline = headworks.simulate(config, headworks.Workload(per_minute=180, minutes=10))
        timeline.totals, timeline.plot()

    `config`: a file's name or the document, as for Server; of it only `settings`, `pools` and `backends`
    matter, and a backend needs no URL. `workload`: a Workload or its fields as a dictionary. Minutes take
    milliseconds.

    Raises ConfigurationError for a configuration that does not hold, UsageError for such a workload.
    """
    from headworks import _core

    work = _workload_of(workload)
    document = _document_of(config)
    names = [str(row["name"]) for row in document["backends"]]
    upstreams = {row["name"]: _upstream_of(row, work) for row in document["backends"]}
    said = {**asdict(work), "seconds": work.minutes * 60}
    columns, totals = _core.simulate(json.dumps(document), said, upstreams)
    columns["backend"] = [names[at] if at >= 0 else None for at in columns["backend"]]
    rows: list[Any] = [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]
    return Timeline(rows, totals, names)


def _workload_of(said: Workload | Mapping[str, Any] | None) -> Workload:
    work = said if isinstance(said, Workload) else _read_workload(said or {})
    if not (work.per_minute > 0 and work.minutes > 0 and work.keys >= 1 and 0 <= work.obeying <= 1):
        raise UsageError("a workload has requests, minutes and keys, and obeying is a share from 0 to 1")
    return work


def _read_workload(said: Mapping[str, Any]) -> Workload:
    try:
        made = Workload(**said)
        models = {
            name: one if isinstance(one, UpstreamModel) else UpstreamModel(**one)
            for name, one in made.upstreams.items()
        }
        return Workload(**{**asdict(made), "upstreams": models})
    except TypeError as wrong:
        raise UsageError(f"the workload cannot be read: {wrong}") from wrong


def _document_of(config: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    whole = json.loads(read_document(config).json_text)
    backends = [{"api_base_url": "https://simulated.example/v1", **row} for row in whole.get("backends", [])]
    if not backends:
        raise UsageError("there is nothing to simulate: the configuration names no backends")
    tiers = dict.fromkeys(row.get("pool", "primary") for row in backends)
    pools = whole.get("pools") or [{"name": name} for name in tiers]
    return {"version": 1, "settings": whole.get("settings", {}), "pools": pools, "backends": backends}


def _upstream_of(row: Mapping[str, Any], work: Workload) -> dict[str, Any]:
    model = work.upstreams.get(row["name"]) or work.upstreams.get("*") or UpstreamModel()
    rpm = row.get("rpm_limit", 0) if model.rpm is None else model.rpm
    return {**asdict(model), "rpm": rpm, "outages": [asdict(one) for one in model.outages]}
