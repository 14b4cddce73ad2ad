"""A ledger with a past: rows written into usage.db while no server has it open.

Must not know: the admin API.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def request_id(at_ms: int, number: int) -> str:
    """As base/request_id.hpp makes them: 8 digits of time, then what tells them apart."""

    def digits(value: int, many: int) -> str:
        text = ""
        for _ in range(many):
            value, digit = divmod(value, 62)
            text = _DIGITS[digit] + text
        return text

    return f"req_{digits(at_ms, 8)}{digits(number, 14)}"


def fill(file: Path, exchanges: int, *, seconds: float, backends: int, models: int = 8) -> None:
    """So many finished exchanges of one attempt each, evenly over the last `seconds`. REQUIRES the schema."""
    now_us = int(time.time() * 1e6)
    with closing(sqlite3.connect(file)) as db, db:
        names: dict[str, int] = {}

        def name(text: str) -> int:
            if text not in names:
                db.execute("INSERT OR IGNORE INTO names (text) VALUES (?)", (text,))
                names[text] = db.execute("SELECT id FROM names WHERE text = ?", (text,)).fetchone()[0]
            return names[text]

        (batch,) = db.execute("SELECT summed_batch FROM usage_state").fetchone()
        columns = [row[1] for row in db.execute("PRAGMA table_info(attempt_rows)")]
        first_us = now_us - int(seconds * 1e6)

        def row(number: int) -> tuple[int | str | None, ...]:
            started = first_us + int(number * seconds * 1e6 / exchanges)
            failed = number % 40 == 0
            backend = f"backend-{number % backends}"
            made: dict[str, int | str | None] = dict.fromkeys(columns, 0)
            made |= {
                "started_us": started,
                "attempt_at_us": started,
                "request_id": request_id(started // 1000, number),
                "attempt": 1,
                "final": 1,
                "route": name("/v1/chat/completions"),
                "client_key_id": name("key_app"),
                "client_key": name("app"),
                "model": name(f"model-{number % models}"),
                "stream": number % 2,
                "exchange_status": 502 if failed else 200,
                "exchange_error": name("upstream_error") if failed else None,
                "exchange_us": 400_000 + number % 1000 * 900,
                "upstream_request_id": None,
                "backend_id": name(backend),
                "backend": name(backend),
                "pool": name("primary"),
                "model_sent": name("m"),
                "status": 500 if failed else 200,
                "error": name("upstream_error") if failed else None,
                "first_byte_us": 90_000 + number % 777 * 100,
                "attempt_us": 380_000,
                "input_tokens": 300 + number % 900,
                "output_tokens": number % 400,
                "usage_source": name("reported"),
                "cost_micro_usd": number % 5000,
                "plan": None,
                "batch": batch + 1,
            }
            return tuple(made[column] for column in columns)

        marks = ",".join("?" * len(columns))
        db.executemany(f"INSERT INTO attempt_rows VALUES ({marks})", map(row, range(exchanges)))  # noqa: S608
        db.execute("UPDATE usage_state SET unsummed_since_us = ?", (first_us,))
