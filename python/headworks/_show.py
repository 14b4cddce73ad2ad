"""How the commands print what the admin API says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from headworks._console import console, make_table, state
from headworks.plan import Plan
from headworks.rows import (
    AttemptRow,
    BackendRow,
    BackendTestRow,
    ChangeRow,
    ClientKeyRow,
    CooldownRow,
    MasterKeyState,
    PlanStepRow,
    WholeExchangeRow,
)
from headworks.usage import Usage

__all__ = [
    "show_backends",
    "show_changes",
    "show_exchange",
    "show_keys",
    "show_master_keys",
    "show_plan",
    "show_test",
    "show_usage",
]


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _cause(cooldown: CooldownRow | None) -> str:
    if cooldown is None:
        return ""
    asked = f", met by {cooldown['request_id']}" if cooldown["request_id"] else ""
    return f"{cooldown['cause']} ({cooldown['scope']}, by {cooldown['source']}{asked})"


def show_plan(plan: Plan) -> None:
    """The plan that would be made."""
    out = console()
    out.print(plan.verdict)
    for tier in plan.row["tiers"]:
        table = make_table(
            f"{tier['pool']}: {tier['strategy']} (score: {tier['measure']})",
            *("backend", "model", "score", "state", "free in s", "in flight", "starts left", "why"),
        )
        for one in tier["candidates"]:
            table.add_row(
                one["backend"],
                one["model"],
                _number(one["score"]),
                state(one["out"] or "free"),
                _number(one["ready_in_seconds"]),
                str(one["in_flight"]),
                "" if one["starts_left"] is None else f"{one['starts_left']}/{one['rpm_limit']}",
                _cause(one["cooldown"]),
            )
        out.print(table)
    for other in plan.row["left_out"]:
        out.print(f"left out: {other['backend']} ({other['pool']}), {other['why']}")


def show_exchange(made: WholeExchangeRow) -> None:
    """The plan that was made."""
    out = console()
    who = (made["request_id"], made["started_at"], made["model"], made["client_key"])
    total, ours, waited = map(_number, (made["total_ms"], made["overhead_ms"], made["queue_wait_ms"]))
    out.print("  ".join(one or "-" for one in who))
    out.print(
        f"{made['status']} {made['error'] or 'ok'} "
        f"in {total} ms (ours: {ours} ms, waited: {waited} ms), "
        f"{made['input_tokens']} + {made['output_tokens']} tokens, {made['cost_usd']:.6f} USD",
        style="red" if made["error"] else "",
    )
    for number in range(len(made["attempts"]) + 1):
        for step in made["plan"]:
            if step["attempts_before"] == number:
                out.print(f"  {_step(step)}")
        if number < len(made["attempts"]):
            out.print(f"  {_attempt(made['attempts'][number])}")


def _step(step: PlanStepRow) -> str:
    if step["what"] == "waited":
        return f"waited {_number(step['seconds'])} s ({step['why']})"
    if "count" in step:
        return f"passed over {step['count']} more: {step['why']}"
    return f"passed over {step['backend']} ({step['pool']}): {step['why']}"


def _attempt(one: AttemptRow) -> str:
    ended = one["failure"] or one["error"] or "ok"
    status = f" {one['status']}" if one["status"] else ""
    started, first_byte, total = map(_number, (one["started_ms"], one["first_byte_ms"], one["total_ms"]))
    line = (
        f"tried {one['backend']} ({one['pool']}) as {one['model_sent']} after {started} ms: "
        f"{ended}{status}, first byte {first_byte} ms, total {total} ms"
    )
    if cooldown := one["cooldown"]:
        line += f"; {cooldown['scope']} rests {_number(cooldown['seconds'])} s by {cooldown['source']}"
    return line


def show_backends(rows: Sequence[BackendRow]) -> None:
    """One line per backend."""
    table = make_table(
        "", "name", "pool", "api", "status", "cooling s", "in flight", "starts left", "key", "api_base_url"
    )
    for row in rows:
        live = row.get("live")
        left = live["starts_left"] if live else None
        table.add_row(
            row["name"],
            row["pool"],
            row["api"],
            state(row["status"] if row["enabled"] else "disabled"),
            _number((live["cooling_seconds"] if live else 0) or None, 1),
            str(live["in_flight"]) if live else "",
            "" if left is None else f"{left}/{row['rpm_limit']}",
            row["api_key_hint"],
            row["api_base_url"],
        )
    console().print(table)


def show_test(made: BackendTestRow) -> None:
    """How a test of a backend went."""
    clocks = (
        ("connect", made["connect_ms"]),
        ("first_byte", made["first_byte_ms"]),
        ("total", made["total_ms"]),
    )
    told = ", ".join(f"{what} {ms:.0f} ms" for what, ms in clocks)
    out = console()
    out.print(
        f"{made['model_sent']}: {made['failure'] or made['status']} ({told})",
        style="green" if made["ok"] else "red",
    )
    if not made["ok"] and made["answer"]:
        out.print(made["answer"])


def show_keys(rows: Sequence[ClientKeyRow]) -> None:
    """One line per client key."""
    table = make_table("", "name", "key", "models", "rpm", "tpm", "expires", "state")
    for row in rows:
        table.add_row(
            row["name"],
            row["hint"],
            ", ".join(row["models"]),
            str(row["rpm_limit"] or ""),
            str(row["tpm_limit"] or ""),
            row["expires_at"] or "never",
            state("enabled" if row["enabled"] else "disabled"),
        )
    console().print(table)


def show_usage(used: Usage) -> None:
    """One line per group, and their sum."""
    counted = ("exchanges", "errors", "input_tokens", "output_tokens")
    table = make_table(
        "", *used.by, "requests", "errors", "tokens in", "out", "USD", "mean ms", "first byte ms"
    )
    rows: Sequence[Mapping[str, Any]] = used.rows()
    for row in rows:
        table.add_row(
            *(str(row[name] or "-") for name in used.by),
            *(f"{row[name]:,}" for name in counted),
            f"{row['cost_usd']:.4f}",
            _number(row["mean_ms"], 1),
            _number(row["first_byte_ms"], 1),
        )
    if len(rows) > 1:
        names = ["sum", *[""] * (len(used.by) - 1)] if used.by else []
        sums = (f"{sum(used.column(name)):,}" for name in counted)
        table.add_row(*names, *sums, f"{used.cost_usd:.4f}", "", "", style="bold")
    console().print(table)


def show_changes(changes: Sequence[ChangeRow]) -> None:
    """One line per changed row, with the fields that an update changes."""
    out = console()
    for change in changes:
        out.print(f"{change['action']} {change['target']}{_difference(change)}")


def _difference(change: ChangeRow) -> str:
    """As `: rpm_limit 0 -> 9, ...`."""
    before, after = change["before"], change["after"]
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    fields = [name for name in after if before.get(name) != after[name] and name != "updated_at"]
    told = ", ".join(f"{name} {json.dumps(before.get(name))} -> {json.dumps(after[name])}" for name in fields)
    return f": {told}" if told else ""


def show_master_keys(state_now: MasterKeyState) -> None:
    """One line per master key, and what is not well."""
    out = console()
    for key in state_now["keys"]:
        newest = ", the newest" if key["newest"] else ""
        out.print(
            f"master key {key['kid']}{newest}: {key['provider_keys']} provider keys, {key['seals']} seals"
        )
        if key["newest"] and key["seals_left"] < key["seals"]:
            out.print("half of the seals that one key may make are made: add another one", style="yellow")
    out.print(f"new seals: {state_now['algorithm']}")
    if state_now["clear"]:
        out.print(f"{state_now['clear']} provider keys are not sealed at all: rewrap", style="yellow")
    for name in state_now["unreadable"]:
        out.print(f"backend {name}: no master key opens its key; give it again", style="red")
