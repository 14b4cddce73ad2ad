"""A run's result as Markdown, and one line per round for whoever waits."""

from __future__ import annotations

from statistics import median

from workloads import Outcome


def brief(outcomes: list[Outcome]) -> str:
    parts = []
    for one in sorted(outcomes, key=lambda outcome: outcome.subject):
        shown = one.subject
        if "cpu_us" in one.values:
            shown += f" {one.values['cpu_us']:.1f} us"
        elif "per_second" in one.values:
            shown += f" {one.values['per_second']:.0f}/s"
        parts.append(shown + (f" [{'; '.join(one.problems)}]" if one.problems else ""))
    foreign = max(one.foreign for one in outcomes)
    return ", ".join(parts) + f" (foreign {foreign:.0%})"


def _rounds(workload: dict) -> tuple[list[dict], bool]:
    """The good rounds; when there are none, those whose answers were right, and False."""
    good = [each for each in workload["rounds"] if each["good"]]
    if good:
        return good, True
    right = [each for each in workload["rounds"] if not any(one["problems"] for one in each["outcomes"])]
    return right, False


def _values(rounds: list[dict], subject: str, name: str) -> list[float]:
    return [
        one["values"][name]
        for each in rounds
        for one in each["outcomes"]
        if one["subject"] == subject and name in one["values"]
    ]


def _ratios(rounds: list[dict], name: str) -> list[float]:
    out = []
    for each in rounds:
        by_subject = {one["subject"]: one["values"] for one in each["outcomes"]}
        if name in by_subject.get("headworks", {}) and by_subject.get("nginx", {}).get(name):
            out.append(by_subject["headworks"][name] / by_subject["nginx"][name])
    return out


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _cell(values: list[float]) -> str:
    return _number(median(values)) if values else "-"


def _ratio_cell(ratios: list[float]) -> str:
    if not ratios:
        return "-"
    return f"**{median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"


# What is shown of each kind of workload: (value, unit, whether its ratio to nginx is of use).
PLAIN_ROWS = [
    ("cpu_us", "CPU us/request", True),
    ("user_us", "of it user", True),
    ("per_second", "requests/s", True),
    ("p50_us", "latency p50 us", False),
    ("p99_us", "latency p99 us", False),
]
STREAM_ROWS = [
    ("cpu_us", "CPU us/event", True),
    ("user_us", "of it user", True),
    ("per_second", "events/s", False),
    ("events_per_read", "events per read", False),
    ("delay_p50_us", "event delay p50 us", False),
    ("delay_p99_us", "event delay p99 us", False),
    ("first_p50_us", "first event p50 us", True),
    ("first_p99_us", "first event p99 us", False),
]


def _workload_rows(name: str, workload: dict) -> list[str]:
    rounds, gated = _rounds(workload)
    if not rounds:
        return [f"| {workload['title']} | no valid round | - | - | - | 0 |"]
    wanted = STREAM_ROWS if workload["stream"] else PLAIN_ROWS
    if name == "w4":
        wanted = [row for row in STREAM_ROWS if row[0].startswith("first_")] + [STREAM_ROWS[0]]
    if name == "w3b":
        wanted = [
            row for row in STREAM_ROWS if row[0] in ("cpu_us", "user_us", "per_second", "events_per_read")
        ]
    count = f"{len(rounds)}{'' if gated else ' (not gated)'}"
    lines = []
    for index, (value, unit, has_ratio) in enumerate(wanted):
        title = f"**{workload['title']}**: {unit}" if index == 0 else unit
        cells = [_cell(_values(rounds, subject, value)) for subject in ("direct", "nginx", "headworks")]
        if value == "per_second":
            cells = [
                _with_utilisation(cell, rounds, subject)
                for cell, subject in zip(cells, ("direct", "nginx", "headworks"), strict=True)
            ]
        ratio = _ratio_cell(_ratios(rounds, value)) if has_ratio else ""
        lines.append(f"| {title} | {' | '.join(cells)} | {ratio} | {count if index == 0 else ''} |")
    return lines


def _with_utilisation(cell: str, rounds: list[dict], subject: str) -> str:
    used = _values(rounds, subject, "utilisation")
    return f"{cell} ({median(used):.0%} of its core)" if used else cell


def _fixed_rows(result: dict) -> list[str]:
    rows = []
    for part, value, title in (
        ("memory", "rss_idle_mib", "RSS idle, MiB"),
        ("memory", "rss_per_connection_kib", "RSS per idle keep-alive connection, KiB"),
        ("memory", "rss_per_stream_kib", "RSS per stream, KiB"),
        ("calls", "calls_per_request", "system calls per request"),
        ("calls", "calls_per_event", "system calls per event"),
    ):
        found = {name: values[value] for name, values in result[part].items() if value in values}
        if not found:
            continue
        cells = [f"{found[name]:.2f}" if name in found else "-" for name in ("direct", "nginx", "headworks")]
        both = found.get("nginx") and "headworks" in found
        ratio = f"{found['headworks'] / found['nginx']:.2f}" if both else ""
        rows.append(f"| {title} | {' | '.join(cells)} | {ratio} | 1 |")
    return rows


def _losses(name: str, lost: dict[str, int]) -> str:
    """Whether the figures were bought by not writing down what happened."""
    total = sum(lost.values())
    return f" {name} dropped {total} records, ledger rows and log lines in all of it."


def markdown(result: dict) -> str:
    settings = result["settings"]
    lines = [
        "| | direct | nginx | Headworks | x nginx: median (min-max) | rounds |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for name, workload in result["workloads"].items():
        lines += _workload_rows(name, workload)
    lines += _fixed_rows(result)
    about = result["machine"]
    versions = ", ".join(f"{name} {version}".strip() for name, version in result["versions"].items())
    lines += [
        "",
        f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, "
        f"{about['congestion_control']}; {versions}. Medians of rounds of {settings['seconds']:g} s, "
        f"interleaved; rounds with more than {settings['foreign']:.0%} of a core of foreign CPU set aside"
        f"{'' if result['pinned'] else '; NOT pinned: only one core'}. CPU is user + system of the whole "
        "process, from /proc/PID/task/*/schedstat; `of it user` is split by ticks."
        + "".join(_losses(name, lost) for name, lost in result["losses"].items()),
    ]
    return "\n".join(lines)
