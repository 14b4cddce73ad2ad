"""Configurations of a few lines, and requests of one: for tests in which the bytes do not matter."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

from support.raw_client import RawAnswer, RawClient
from support.until import until

if TYPE_CHECKING:
    from headworks.testing import Upstream
    from support.gateway import Gateway

KEY = "hw_key_asking-0123456789abcdef"
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
COUNT_TOKENS = "/v1/messages/count_tokens"
EMBEDDINGS = "/v1/embeddings"


def backend(name: str, upstream: Upstream | str, pool: str = "primary", **fields: Any) -> dict[str, Any]:
    """A backend of a configuration; its key is `sk-NAME`."""
    url = upstream if isinstance(upstream, str) else f"{upstream.url}/v1"
    return {"name": name, "api_base_url": url, "api_key": f"sk-{name}", "pool": pool, **fields}


def config(*backends: dict[str, Any], key: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """A configuration with one client key (`key`: its fields) and these groups of settings."""
    return {
        "version": 1,
        "settings": settings,
        "pools": [{"name": "primary"}, {"name": "fallback"}],
        "backends": list(backends),
        "client_keys": [{"name": "app", "key": KEY, **(key or {})}],
    }


def fields_of(path: str, model: str = "m", **members: Any) -> dict[str, Any]:
    """The smallest request of a route."""
    asked: dict[str, Any] = {"model": model}
    if path in (EMBEDDINGS, RESPONSES):
        asked["input"] = "Say something."
    elif path == COMPLETIONS:
        asked["prompt"] = "Say something."
    else:
        asked["messages"] = [{"role": "user", "content": "Say something."}]
    if path == MESSAGES:
        asked["max_tokens"] = 100
    return {**asked, **members}


def ask(
    gateway: Gateway,
    path: str = CHAT,
    model: str = "m",
    *,
    key: str | None = KEY,
    headers: dict[str, str] | None = None,
    seconds: float = 30,
    **members: Any,
) -> RawAnswer:
    """One request over a connection of its own; `seconds` for each part of the answer."""
    credential = {"authorization": f"Bearer {key}"} if key else {}
    with RawClient(gateway.url, seconds=seconds) as client:
        return client.request(
            "POST",
            path,
            headers={**credential, "content-type": "application/json", **(headers or {})},
            body=json.dumps(fields_of(path, model, **members)).encode(),
        )


def error_of(answer: RawAnswer) -> dict[str, Any]:
    """The error of an error body, in both dialects."""
    error: dict[str, Any] = json.loads(answer.body)["error"]
    return error


def metrics_of(gateway: Gateway) -> dict[str, float]:
    """The samples of /metrics by name and labels, as Prometheus writes them."""
    with urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def rows_of(
    gateway: Gateway, sql: str = "SELECT * FROM attempts ORDER BY started_us, attempt", *values: Any
) -> list[dict[str, Any]]:
    """Rows of the ledger, read from outside while the gateway runs or after it."""
    with closing(sqlite3.connect(f"file:{gateway.data_dir / 'usage.db'}?mode=ro", uri=True)) as ledger:
        ledger.row_factory = sqlite3.Row
        return [dict(row) for row in ledger.execute(sql, values)]


def final_row(gateway: Gateway, request_id: str | None) -> dict[str, Any]:
    """The row of an exchange's last attempt, once it is written."""
    sql = "SELECT * FROM attempts WHERE final AND request_id = ?"
    return until(lambda: rows_of(gateway, sql, request_id), what=f"the row of {request_id}")[0]
