"""What happens and what was used: exchanges, cooldowns, usage, plans."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from headworks.rows.catalog import Dialect

__all__ = [
    "AskingKeyRow",
    "AttemptCooldownRow",
    "AttemptRow",
    "CooldownRow",
    "CooldownScope",
    "ExchangeFilter",
    "ExchangeRow",
    "LeftOutRow",
    "PlanRow",
    "PlanStepRow",
    "ProspectRow",
    "Question",
    "Step",
    "TierRow",
    "UsageFilter",
    "UsageRow",
    "WholeExchangeRow",
]

CooldownScope = Literal["model", "backend", "address"]
Step = Literal["minute", "hour", "day"]


class CooldownRow(TypedDict):
    """One cooldown, running or past, and why."""

    id: int
    backend_id: str
    model: str | None
    scope: CooldownScope
    cause: str
    source: str
    request_id: str | None
    consecutive: int
    started_at: str
    until: str
    ended_at: str | None


class UsageFilter(TypedDict, total=False):
    """Of what is asked: only of this model, backend, client key or pool, each by name."""

    model: str
    backend: str
    key: str
    pool: str


class ExchangeFilter(UsageFilter, total=False):
    """Which exchanges."""

    since: str
    """A moment, or an age: 90m, 24h, 7d."""
    state: Literal["running", "finished"]
    errors: bool
    """True: only those that ended in one."""
    status: int
    """What the client got."""


class UsageRow(TypedDict):
    """Sums over exchanges. Of `at`, `model`, `backend`, `key`, `pool` it has those that were asked for."""

    at: NotRequired[str]
    model: NotRequired[str]
    backend: NotRequired[str]
    key: NotRequired[str]
    pool: NotRequired[str]
    exchanges: int
    errors: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    estimated: int
    """Of the attempts: those whose tokens no upstream counted."""
    cost_usd: float
    mean_ms: float
    overhead_ms: float
    first_byte_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    first_byte_p95_ms: float
    first_byte_p99_ms: float


class AttemptCooldownRow(TypedDict):
    """What rests because of a failed attempt."""

    seconds: float
    scope: CooldownScope
    source: str


class AttemptRow(TypedDict):
    """One upstream call made for an exchange."""

    attempt: int
    """1 is the first."""
    backend_id: str
    backend: str
    pool: str
    model_sent: str
    score: float
    status: int
    error: str | None
    failure: str | None
    started_ms: float
    """Since the exchange began."""
    reused_connection: bool
    connect_ms: float
    first_byte_ms: float
    total_ms: float
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    usage_source: str
    cost_usd: float
    cooldown: AttemptCooldownRow | None


class PlanStepRow(TypedDict):
    """What a plan did between two attempts: passed somebody over, waited, or was told by a hook."""

    what: str
    attempts_before: int
    why: str
    seconds: NotRequired[float]
    count: NotRequired[int]
    backend: NotRequired[str]
    pool: NotRequired[str]
    score: NotRequired[float]
    hook: NotRequired[str]


class ExchangeRow(TypedDict):
    """One client request and our answer."""

    request_id: str
    state: Literal["running", "finished"]
    started_at: str
    started_ms: int
    """Since 1970."""
    route: str
    client_key_id: str | None
    client_key: str | None
    model: str | None
    stream: bool
    status: int
    error: str | None
    backend: str | None
    pool: str | None
    attempts_count: int
    total_ms: float
    overhead_ms: float
    queue_wait_ms: float
    input_tokens: int
    output_tokens: int
    cost_usd: float
    revision: int
    bytes_in: int
    bytes_out: int
    upstream_request_id: str | None


class WholeExchangeRow(ExchangeRow):
    """One with its plan and its attempts."""

    plan: list[PlanStepRow]
    attempts: list[AttemptRow]


class Question(TypedDict, total=False):
    """Who would ask, and how, besides for which model."""

    client_key: str | None
    """A name or id."""
    dialect: Dialect | None
    stream: bool
    tokens: int
    deadline_seconds: float


class ProspectRow(TypedDict):
    """A backend as a plan would see it now."""

    backend: str
    backend_id: str
    model: str
    score: float
    out: str | None
    """Why it cannot be called now; None: it can."""
    ready_in_seconds: float | None
    in_flight: int
    max_in_flight: int
    starts_left: int | None
    rpm_limit: int
    first_byte_ms: float
    context_tokens: int
    cooldown: CooldownRow | None


class TierRow(TypedDict):
    """A pool with its prospects, best first."""

    pool: str
    strategy: str
    measure: str
    patience_seconds: float
    candidates: list[ProspectRow]


class LeftOutRow(TypedDict):
    """A backend that is not even a candidate."""

    backend: str
    pool: str
    why: str


class AskingKeyRow(TypedDict):
    """The client key that would ask."""

    name: str
    enabled: bool
    model_allowed: bool
    in_flight: int
    max_in_flight: int
    starts_left: int | None
    rpm_limit: int
    weight: int


class PlanRow(TypedDict):
    """The plan that would be made now."""

    model: str
    dialect: Dialect
    revision: int
    client_key: AskingKeyRow | None
    next: Literal["try", "wait", "stop"]
    error: str | None
    pool: str | None
    wait_seconds: float | None
    tiers: list[TierRow]
    left_out: list[LeftOutRow]
