"""How the commands print what the admin API says."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["show_backends", "show_exchange", "show_keys", "show_prospects", "show_usage"]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="right" if column.endswith(("ms", "score", "left", "flight", "s")) else "left"
        )
    return table


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _cause(cooldown: dict[str, Any] | None) -> str:
    if cooldown is None:
        return ""
    asked = f", met by {cooldown['request_id']}" if cooldown.get("request_id") else ""
    return f"{cooldown['cause']} ({cooldown['scope']}, by {cooldown['source']}{asked})"


def show_prospects(made: dict[str, Any]) -> None:
    """The plan that would be made."""
    console = Console(soft_wrap=True)
    if made["error"]:
        console.print(f"{made['model']}: would be refused, {made['error']}")
    elif made["next"] == "wait":
        console.print(f"{made['model']}: would wait {_number(made['wait_seconds'])} s for the first slot")
    elif made["next"] == "try":
        console.print(f"{made['model']}: would be tried in pool {made['pool']}")
    for tier in made["tiers"]:
        title = f"{tier['pool']}: {tier['strategy']} (score: {tier['measure']})"
        table = _table(
            title, "backend", "model", "score", "state", "free in s", "in flight", "starts left", "why"
        )
        for one in tier["candidates"]:
            table.add_row(
                one["backend"],
                one["model"],
                _number(one["score"]),
                one["out"] or "free",
                _number(one["ready_in_seconds"]),
                str(one["in_flight"]),
                "" if one["starts_left"] is None else f"{one['starts_left']}/{one['rpm_limit']}",
                _cause(one["cooldown"]),
            )
        console.print(table)
    for one in made["left_out"]:
        console.print(f"left out: {one['backend']} ({one['pool']}), {one['why']}")


def show_exchange(made: dict[str, Any]) -> None:
    """The plan that was made."""
    console = Console(soft_wrap=True)
    who = "  ".join(str(made[name] or "-") for name in ("request_id", "started_at", "model", "client_key"))
    total, ours, waited = (_number(made[name]) for name in ("total_ms", "overhead_ms", "queue_wait_ms"))
    console.print(
        f"{who}\n{made['status']} {made['error'] or 'ok'} "
        f"in {total} ms (ours: {ours} ms, waited: {waited} ms), "
        f"{made['input_tokens']} + {made['output_tokens']} tokens, {made['cost_usd']:.6f} USD"
    )
    for number in range(len(made["attempts"]) + 1):
        for step in made["plan"]:
            if step["attempts_before"] == number:
                console.print(f"  {_step(step)}")
        if number < len(made["attempts"]):
            console.print(f"  {_attempt(made['attempts'][number])}")


def _step(step: dict[str, Any]) -> str:
    if step["what"] == "waited":
        return f"waited {_number(step['seconds'])} s ({step['why']})"
    if "count" in step:
        return f"passed over {step['count']} more: {step['why']}"
    return f"passed over {step['backend']} ({step['pool']}): {step['why']}"


def _attempt(one: dict[str, Any]) -> str:
    ended = one["failure"] or one["error"] or "ok"
    status = f" {one['status']}" if one["status"] else ""
    started, first_byte, total = (_number(one[name]) for name in ("started_ms", "first_byte_ms", "total_ms"))
    line = (
        f"tried {one['backend']} ({one['pool']}) as {one['model_sent']} after {started} ms: "
        f"{ended}{status}, first byte {first_byte} ms, total {total} ms"
    )
    if cooldown := one["cooldown"]:
        line += f"; {cooldown['scope']} rests {_number(cooldown['seconds'])} s by {cooldown['source']}"
    return line


def show_backends(rows: list[dict[str, Any]]) -> None:
    """One line per backend."""
    table = _table(
        "", "name", "pool", "api", "status", "cooling s", "in flight", "starts left", "key", "api_base_url"
    )
    for row in rows:
        live = row.get("live") or {}
        left = live.get("starts_left")
        table.add_row(
            row["name"],
            row["pool"],
            row["api"],
            row["status"] if row["enabled"] else "disabled",
            _number(live.get("cooling_seconds") or None, 1),
            str(live.get("in_flight", "")),
            "" if left is None else f"{left}/{row['rpm_limit']}",
            row["api_key_hint"] or "",
            row["api_base_url"],
        )
    Console(soft_wrap=True).print(table)


def show_keys(rows: list[dict[str, Any]]) -> None:
    """One line per client key."""
    table = _table("", "name", "key", "models", "rpm", "tpm", "expires", "state")
    for row in rows:
        limits = (str(row[name] or "") for name in ("rpm_limit", "tpm_limit"))
        state = "enabled" if row["enabled"] else "disabled"
        table.add_row(
            row["name"], row["hint"], ", ".join(row["models"]), *limits, row["expires_at"] or "never", state
        )
    Console(soft_wrap=True).print(table)


def show_usage(rows: list[dict[str, Any]], keys: list[str]) -> None:
    """One line per group, and their sum."""
    counted = ("exchanges", "errors", "input_tokens", "output_tokens")
    table = _table("", *keys, "requests", "errors", "tokens in", "out", "USD", "mean ms", "first byte ms")
    for row in rows:
        table.add_row(
            *(row[key] or "-" for key in keys),
            *(f"{row[name]:,}" for name in counted),
            f"{row['cost_usd']:.4f}",
            _number(row["mean_ms"], 1),
            _number(row["first_byte_ms"], 1),
        )
    if len(rows) > 1:
        sums = (f"{sum(row[name] for row in rows):,}" for name in counted)
        names = ["sum", *[""] * (len(keys) - 1)] if keys else []
        table.add_row(*names, *sums, f"{sum(row['cost_usd'] for row in rows):.4f}", "", "")
    Console(soft_wrap=True).print(table)
