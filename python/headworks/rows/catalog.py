"""Rows of the configuration: backends, pools, client keys, prices, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "BackendChanges",
    "BackendFields",
    "BackendRow",
    "BackendStatus",
    "Budget",
    "BundledPriceRow",
    "ClientKeyChanges",
    "ClientKeyFields",
    "ClientKeyRow",
    "Clocks",
    "Dialect",
    "KeyLiveRow",
    "LiveRow",
    "NewClientKeyRow",
    "PoolFields",
    "PoolRow",
    "PoolStatsRow",
    "PriceFields",
    "PriceRow",
    "SettingsRow",
    "SpentRow",
]

BackendStatus = Literal["healthy", "cooling", "error", "disabled"]
Dialect = Literal["openai", "anthropic"]


class Clocks(TypedDict, total=False):
    """Seconds that the parts of one attempt may take; 0: the settings' own."""

    connect_seconds: float
    write_seconds: float
    first_byte_seconds: float
    idle_seconds: float
    total_seconds: float


class BackendFields(TypedDict, total=False):
    """What a new backend may have besides its name and URL."""

    label: str
    api: Dialect
    api_key: str
    """Write-only: sealed on the way in."""
    pool: str
    rpm_limit: int
    """At most so many starts in any 60 s; 0: no limit."""
    tpm_limit: int
    max_in_flight: int
    weight: int
    timeout_seconds: float
    timeouts: Clocks
    enabled: bool
    model_mappings: Mapping[str, str | Mapping[str, Any]]
    """Canonical name -> what the upstream calls it; empty: every model."""
    metadata: Mapping[str, Any]


class BackendChanges(BackendFields, total=False):
    """What may be changed of a backend."""

    name: str
    api_base_url: str


class LiveRow(TypedDict):
    """The gauges of a running backend, now."""

    in_flight: int
    starts_left: int | None
    """None: it has no limit."""
    cooling_seconds: float
    first_byte_ms: float
    """What is expected of it, by what it did."""


class BackendRow(TypedDict):
    """One upstream account, its key only as a hint."""

    id: str
    name: str
    label: str
    api: Dialect
    api_base_url: str
    api_key_hint: str
    key_state: Literal["none", "readable", "unreadable"]
    pool: str
    rpm_limit: int
    tpm_limit: int
    max_in_flight: int
    weight: int
    timeout_seconds: float
    timeouts: Clocks
    enabled: bool
    model_mappings: dict[str, dict[str, Any]]
    metadata: dict[str, Any]
    source: str
    status: BackendStatus
    cooldown_until: str | None
    consecutive_429_count: int
    created_at: str
    updated_at: str
    live: NotRequired[LiveRow]
    """Where one or all are read; not in the answer to a change."""


class PoolFields(TypedDict, total=False):
    """What a pool may have."""

    strategy: str
    patience_seconds: float
    sticky_by: str


class PoolRow(TypedDict):
    """One tier of backends."""

    name: str
    strategy: str
    patience_seconds: float
    sticky_by: str
    position: int
    source: str


class PoolStatsRow(TypedDict):
    """How many backends of a pool are well."""

    total: int
    enabled: int
    healthy: int
    cooling: int
    error: int


class Budget(TypedDict):
    """What a client key may spend in a window of time: one of US dollars, tokens and requests."""

    window: Literal["minute", "hour", "day", "month"]
    usd: NotRequired[float]
    tokens: NotRequired[int]
    requests: NotRequired[int]


class SpentRow(Budget):
    """What is spent of a budget in the window that runs."""

    until: str
    """When the window ends."""


class KeyLiveRow(TypedDict):
    """The gauges of a client key, now."""

    in_flight: int
    starts_left: int | None
    """None: it has no limit."""
    spent: list[SpentRow]


class ClientKeyChanges(TypedDict, total=False):
    """What may be changed of a client key."""

    name: str
    models: Sequence[str]
    rpm_limit: int
    tpm_limit: int
    max_in_flight: int
    budgets: Sequence[Budget]
    weight: int
    timeout_seconds: float
    expires_at: str | None
    enabled: bool


class ClientKeyFields(TypedDict, total=False):
    """What a new client key may have besides its name."""

    key: str
    """One of your own, at least 16 characters; else one is made."""
    models: Sequence[str]
    rpm_limit: int
    tpm_limit: int
    max_in_flight: int
    budgets: Sequence[Budget]
    weight: int
    timeout_seconds: float
    expires_at: str | None
    enabled: bool


class ClientKeyRow(TypedDict):
    """A key that applications call with, as a hint."""

    id: str
    name: str
    hint: str
    previous_until: str | None
    """So long the key before the last rotation is good."""
    models: list[str]
    rpm_limit: int
    tpm_limit: int
    max_in_flight: int
    budgets: list[Budget]
    weight: int
    timeout_seconds: float
    expires_at: str | None
    enabled: bool
    source: str
    created_at: str
    updated_at: str
    live: NotRequired[KeyLiveRow]
    """Where one or all are read; not in the answer to a change."""


class NewClientKeyRow(ClientKeyRow):
    """The same with the key itself, where one was made: it is shown this once."""

    key: NotRequired[str]


class PriceFields(TypedDict):
    """US dollars per million tokens of one model."""

    model: str
    input: float
    output: float
    cached_input: NotRequired[float]


class PriceRow(TypedDict):
    """The same as it stands in the table."""

    model: str
    input: float
    output: float
    cached_input: float
    source: str


class BundledPriceRow(PriceFields):
    """A price that Headworks brings along, for a provider's host."""

    host: str


class SettingsRow(TypedDict, total=False):
    """Groups of settings, each an object: `GET /openapi.json` describes every one."""

    retry: dict[str, Any]
    cooldown: dict[str, Any]
    timeouts: dict[str, Any]
    queue: dict[str, Any]
    buckets: dict[str, Any]
    limits: dict[str, Any]
    stream: dict[str, Any]
    retention: dict[str, Any]
    admin: dict[str, Any]
    probation: dict[str, Any]
    crypto: dict[str, Any]
    route_headers: bool
