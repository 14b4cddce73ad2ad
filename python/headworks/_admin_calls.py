"""The routes of the admin API, each once: what it takes, what it answers, and the Call that it is.

AdminClient and AsyncAdminClient are made of these functions, and their help is the text below. The name of a
function is the operation's of cpp/admin/admin_routes.cpp, less `list_` or `get_` where Python needs no verb.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Unpack

from headworks._admin_http import Call, Page, make_call
from headworks.plan import Plan
from headworks.rows import (
    AuditRow,
    BackendChanges,
    BackendFields,
    BackendRow,
    BackendTestRow,
    BundledPriceRow,
    ChangeRow,
    ClientKeyChanges,
    ClientKeyFields,
    ClientKeyRow,
    CooldownRow,
    ExchangeFilter,
    ExchangeRow,
    NewClientKeyRow,
    NewTokenRow,
    PoolFields,
    PoolRow,
    PoolStatsRow,
    PriceFields,
    PriceRow,
    Question,
    RestoreRow,
    RevisionRow,
    Role,
    SessionRow,
    SettingsRow,
    Step,
    TokenRow,
    UpstreamModelRow,
    UsageFilter,
    WholeExchangeRow,
    WholeRevisionRow,
)
from headworks.usage import Usage


def _whole(answer: Any) -> Any:
    return answer


def _rows(answer: Any) -> Page[Any]:
    return Page(answer["data"], answer["next"])


def request(method: str, path: str, body: Any = None, **query: Any) -> Call[Any]:
    """One call of the API, by hand: `request("GET", "/cooldowns", limit=10)`. None when there is no body."""
    return make_call(method, path.replace("{", "{{").replace("}", "}}"), read=_whole, body=body, **query)


def backends(pool: str | None = None) -> Call[Page[BackendRow]]:
    """All backends (of one pool), without their keys, each with its live gauges."""
    return make_call("GET", "/backends", read=_rows, pool=pool)


def backend(id_or_name: str) -> Call[BackendRow]:
    """One backend, with its live gauges."""
    return make_call("GET", "/backends/{}", id_or_name, read=_whole)


def create_backend(name: str, api_base_url: str, **fields: Unpack[BackendFields]) -> Call[BackendRow]:
    """Makes a backend; its row. `api_key` is sealed on the way in and comes back only as a hint.

    Raises ConflictError when the name is taken, ConfigurationError for fields that do not hold.
    """
    return make_call(
        "POST", "/backends", read=_whole, body={"name": name, "api_base_url": api_base_url, **fields}
    )


def change_backend(id_or_name: str, **changes: Unpack[BackendChanges]) -> Call[BackendRow]:
    """Changes the fields that are named; the row after it."""
    return make_call("PATCH", "/backends/{}", id_or_name, read=_whole, body=changes)


def remove_backend(id_or_name: str) -> Call[None]:
    """Removes a backend."""
    return make_call("DELETE", "/backends/{}", id_or_name, read=_whole)


def set_backend_status(id_or_name: str, status: Literal["healthy", "error", "disabled"]) -> Call[BackendRow]:
    """Says how it is; the row after it. To let it rest: cool_backend."""
    return make_call("PUT", "/backends/{}/status", id_or_name, read=_whole, body={"status": status})


def test_backend(id_or_name: str, model: str | None = None) -> Call[BackendTestRow]:
    """Sends its upstream a real, small request: `ok`, `status`, clocks, and the first of its answer."""
    return make_call("POST", "/backends/{}/test", id_or_name, read=_whole, body={"model": model})


def upstream_models(id_or_name: str) -> Call[Page[UpstreamModelRow]]:
    """The models that its upstream lists, each with what it is called here."""
    return make_call("GET", "/backends/{}/models", id_or_name, read=_rows)


def cool_backend(
    id_or_name: str,
    *,
    seconds: float | None = None,
    until: str | None = None,
    reason: str = "",
    consecutive: int = 0,
) -> Call[BackendRow]:
    """Lets it rest for `seconds`, or `until` a moment (2026-01-31T09:30:00Z), whatever it rests for now.

    `reason` is for people; so many answers 429 in a row (`consecutive`) are counted from now on.
    """
    body = {"seconds": seconds, "until": until, "reason": reason, "consecutive": consecutive}
    return make_call("PUT", "/backends/{}/cooldown", id_or_name, read=_whole, body=body)


def clear_backend(id_or_name: str) -> Call[BackendRow]:
    """Ends every cooldown of it, of its models and of its address."""
    return make_call("DELETE", "/backends/{}/cooldown", id_or_name, read=_whole)


# What happens


def cooldowns(*, before: str | int | None = None, limit: int | None = None) -> Call[Page[CooldownRow]]:
    """Running and past cooldowns with their causes, newest first: one page."""
    return make_call("GET", "/cooldowns", read=_rows, before=before, limit=limit)


def exchanges(
    *, limit: int | None = None, before: str | None = None, **only: Unpack[ExchangeFilter]
) -> Call[Page[ExchangeRow]]:
    """Running exchanges, then finished ones, newest start first: one page.

    `only`: `state` (running or finished), `errors=True`, `since` (a moment, or an age such as 24h), and of
    this `model`, `backend`, `key` or `pool`. `limit`: rows per page, at most 1000.
    """
    return make_call("GET", "/exchanges", read=_rows, limit=limit, before=before, **only)


def exchange(request_id: str) -> Call[WholeExchangeRow]:
    """One exchange with its plan, attempts, clocks and cost. NotFoundError when the ledger has it no more."""
    return make_call("GET", "/exchanges/{}", request_id, read=_whole)


def usage(
    by: str | Iterable[str] = (),
    *,
    since: str | None = None,
    until: str | None = None,
    step: Step | None = None,
    limit: int | None = None,
    **only: Unpack[UsageFilter],
) -> Call[Usage]:
    """Sums over the ledger, `by` any of model, backend, key, pool, in steps of a minute, an hour or a day.

    `since` and `until` are moments (2026-01-31T09:30:00Z) or ages (90m, 24h, 7d): unsaid, the last day.
    `only`: of this `model`, `backend`, `key` or `pool`. Without a step the dearest come first, with one the
    latest.
    """
    names = by.split(",") if isinstance(by, str) else list(by)
    keys = [name for name in names if name]
    return make_call(
        "GET",
        "/usage",
        read=lambda answer: Usage(answer, by=[*(["at"] if step else []), *keys]),
        by=",".join(keys) or None,
        since=since,
        until=until,
        step=step,
        limit=limit,
        **only,
    )


def explain(model: str, **question: Unpack[Question]) -> Call[Plan]:
    """The plan that would be made now; with `client_key`, `dialect`, `tokens`, `deadline_seconds`."""
    return make_call("POST", "/explain", read=Plan, body={"model": model, **question})


def pools() -> Call[Page[PoolRow]]:
    """All pools, in the order of the tiers."""
    return make_call("GET", "/pools", read=_rows)


def pool(name: str) -> Call[PoolRow]:
    """One pool."""
    return make_call("GET", "/pools/{}", name, read=_whole)


def pool_stats() -> Call[dict[str, PoolStatsRow]]:
    """How many backends of each pool are well, by the pool's name."""
    return make_call("GET", "/pools/stats", read=_whole)


def order_pools(names: Sequence[str]) -> Call[Page[PoolRow]]:
    """Puts the tiers into this order, which names every pool once; all pools after it."""
    return make_call("PUT", "/pools", read=_rows, body={"order": names})


def put_pool(name: str, **fields: Unpack[PoolFields]) -> Call[PoolRow]:
    """Makes a pool, as the last tier, or replaces its settings; the row after it."""
    return make_call("PUT", "/pools/{}", name, read=_whole, body=fields)


def change_pool(name: str, **fields: Unpack[PoolFields]) -> Call[PoolRow]:
    """Changes the fields that are named; the row after it."""
    return make_call("PATCH", "/pools/{}", name, read=_whole, body=fields)


def remove_pool(name: str) -> Call[None]:
    """Removes a pool that no backend belongs to."""
    return make_call("DELETE", "/pools/{}", name, read=_whole)


# Client keys


def client_keys() -> Call[Page[ClientKeyRow]]:
    """All client keys, as hints."""
    return make_call("GET", "/client-keys", read=_rows)


def client_key(id_or_name: str) -> Call[ClientKeyRow]:
    """One client key, without the key itself."""
    return make_call("GET", "/client-keys/{}", id_or_name, read=_whole)


def create_client_key(name: str, **fields: Unpack[ClientKeyFields]) -> Call[NewClientKeyRow]:
    """Makes a client key; without a `key` of yours the answer's `key` is the only time it is shown."""
    return make_call("POST", "/client-keys", read=_whole, body={"name": name, **fields})


def change_client_key(id_or_name: str, **changes: Unpack[ClientKeyChanges]) -> Call[ClientKeyRow]:
    """Changes the fields that are named, but not the key; the row after it."""
    return make_call("PATCH", "/client-keys/{}", id_or_name, read=_whole, body=changes)


def rotate_client_key(id_or_name: str, *, overlap_seconds: float = 0) -> Call[NewClientKeyRow]:
    """Another key for it, in the answer's `key` this once; the old one stays good for the overlap."""
    body = {"overlap_seconds": overlap_seconds}
    return make_call("POST", "/client-keys/{}/rotate", id_or_name, read=_whole, body=body)


def remove_client_key(id_or_name: str) -> Call[None]:
    """Revokes a client key, at once."""
    return make_call("DELETE", "/client-keys/{}", id_or_name, read=_whole)


# Settings, prices, the configuration and its history


def settings() -> Call[SettingsRow]:
    """All settings, with defaults."""
    return make_call("GET", "/settings", read=_whole)


def change_settings(**groups: Any) -> Call[SettingsRow]:
    """Changes what is named, as `retry={"max_attempts": 2}`; all settings after it."""
    return make_call("PATCH", "/settings", read=_whole, body=groups)


def prices() -> Call[Page[PriceRow]]:
    """US dollars per million tokens, by model."""
    return make_call("GET", "/prices", read=_rows)


def bundled_prices() -> Call[Page[BundledPriceRow]]:
    """The prices that Headworks brings along, by host and model: they hold where the table says nothing."""
    return make_call("GET", "/prices/bundled", read=_rows)


def put_prices(rows: Sequence[PriceFields]) -> Call[Page[PriceRow]]:
    """Replaces the table of prices: what is not named is gone."""
    return make_call("PUT", "/prices", read=_rows, body={"data": rows})


def export_config() -> Call[dict[str, Any]]:
    """The configuration as a document, without secrets."""
    return make_call("GET", "/config", read=_whole)


def apply_config(document: Mapping[str, Any], *, dry_run: bool = False) -> Call[list[ChangeRow]]:
    """Applies a document as one change, all or nothing; what it changes, or would change."""
    return make_call("PUT", "/config", read=lambda answer: answer["changes"], body=document, dry_run=dry_run)


def revisions(*, before: str | int | None = None, limit: int | None = None) -> Call[Page[RevisionRow]]:
    """Every change of the configuration, newest first: one page."""
    return make_call("GET", "/revisions", read=_rows, before=before, limit=limit)


def revision(number: int) -> Call[WholeRevisionRow]:
    """One change: each row before and after."""
    return make_call("GET", "/revisions/{}", number, read=_whole)


def restore_revision(number: int, *, dry_run: bool = False) -> Call[RestoreRow]:
    """Back to what it was after a revision: `changes`, and `keys_missing` where a secret is gone."""
    return make_call("POST", "/revisions/{}/restore", number, read=_whole, dry_run=dry_run)


def audit(*, before: str | int | None = None, limit: int | None = None) -> Call[Page[AuditRow]]:
    """Every changed row, newest first: one page."""
    return make_call("GET", "/audit", read=_rows, before=before, limit=limit)


# Who may operate


def tokens() -> Call[Page[TokenRow]]:
    """Who may operate, besides the data directory's own token."""
    return make_call("GET", "/tokens", read=_rows)


def create_token(name: str, role: Role = "viewer", *, expires_at: str | None = None) -> Call[NewTokenRow]:
    """A new token with a role; its `token` is shown this once."""
    body = {"name": name, "role": role, "expires_at": expires_at}
    return make_call("POST", "/tokens", read=_whole, body=body)


def remove_token(id_or_name: str) -> Call[None]:
    """Revokes a token and the sessions that were begun with it."""
    return make_call("DELETE", "/tokens/{}", id_or_name, read=_whole)


def begin_session(token: str) -> Call[SessionRow]:
    """Begins a session, as the dashboard does: this client then holds its cookie."""
    return make_call("POST", "/session", read=_whole, body={"token": token})


def session() -> Call[SessionRow]:
    """Who is asking, and with which role."""
    return make_call("GET", "/session", read=_whole)


def end_session() -> Call[None]:
    """Ends the session of the cookie."""
    return make_call("DELETE", "/session", read=_whole)


# Against loss, and taking over


def store_backend(row: Mapping[str, Any]) -> Call[BackendRow]:
    """Makes a backend of a whole row with `id`, `status` and so on, as the sidecar's create_backend does."""
    return make_call("POST", "/store/backends", read=_whole, body={"row": row})


def update_stored_backend(backend_id: str, updates: Mapping[str, Any]) -> Call[BackendRow]:
    """Changes columns of a row, as the sidecar's update_backend does: unknown ones are not applied."""
    return make_call("PATCH", "/store/backends/{}", backend_id, read=_whole, body={"updates": updates})


def openapi() -> Call[dict[str, Any]]:
    """The description of this API (OpenAPI 3.1)."""
    return make_call("GET", "/openapi.json", read=_whole)
