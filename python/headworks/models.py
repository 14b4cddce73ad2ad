"""The rows that Python sees: values with the column names of the store.

Must not know: SQL, HTTP. How they cross to C++ is `to_row` and `from_row`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Backend", "ModelMapping"]


@dataclass
class ModelMapping:
    """What one backend calls a canonical model, and its settings for it.

    * `model`: what the backend calls it
    * `context_tokens`: how much it takes; 0: not known
    * `extra`: its other fields: `price`, `timeouts`, `set`, `drop`, and what Headworks does not know
    """

    model: str
    context_tokens: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, value: str | Mapping[str, Any]) -> ModelMapping:
        """Takes the mapping object, or its short form: the upstream's name alone."""
        if isinstance(value, str):
            return cls(model=value)
        rest = dict(value)
        model = rest.pop("model", "")
        return cls(model=str(model), context_tokens=int(rest.pop("context_tokens", 0) or 0), extra=rest)

    def to_dict(self) -> dict[str, Any]:
        """The mapping object, as it stands in `model_mappings_json`."""
        document: dict[str, Any] = {"model": self.model}
        if self.context_tokens:
            document["context_tokens"] = self.context_tokens
        return {**document, **self.extra}


@dataclass
class Backend:
    """One upstream account: base URL, key, limits. One row of the table `backends`.

    * `name`: short, unique; `label`: what people see; `id`: made by the store
    * `api_base_url`: where its API is, for example https://host/v1; `api`: its dialect, openai or anthropic
    * `api_key_plain`: the clear key: given to seal it, filled in only when asked for
    * `api_key_hint`: `****abcd`; empty when there is no key
    * `key_state`: none, readable, or unreadable: sealed with another master key, or damaged
    * `pool`: the tier that it belongs to; `weight`: its share of the pool's traffic
    * `rpm_limit`: at most so many starts in any 60 s; `tpm_limit`: tokens a minute; `max_in_flight`: requests
      at the same time; 0: no limit
    * `timeout_seconds`: one attempt, in all
    * `enabled`: takes part in plans; `status`: healthy, cooling, error or disabled
    * `model_mappings`: a ModelMapping by the name that clients use; empty: every model, under its own name
    * `cooldown_until`, `created_at`, `updated_at`: UTC, `YYYY-MM-DDTHH:MM:SSZ`
    * `consecutive_429_count`: answers 429 since the last success
    * `metadata`: yours; `source`: who made the row: admin, file, import, ...
    """

    name: str = ""
    api_base_url: str = ""
    api_key_plain: str | None = field(default=None, repr=False)
    id: str = ""
    label: str = ""
    api: str = "openai"
    timeout_seconds: float = 120
    rpm_limit: int = 0
    tpm_limit: int = 0
    max_in_flight: int = 0
    weight: int = 1
    pool: str = "primary"
    enabled: bool = True
    status: str = "healthy"
    model_mappings: dict[str, ModelMapping] = field(default_factory=dict)
    source: str = "admin"
    cooldown_until: str | None = None
    consecutive_429_count: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""
    api_key_hint: str = ""
    key_state: str = "none"

    @property
    def api_key_encrypted(self) -> str:
        """Whether there is a sealed key, as text: the sealed form itself never leaves the store."""
        return "" if self.key_state == "none" else f"sealed:{self.api_key_hint}"


def to_row(backend: Backend) -> dict[str, Any]:
    """The columns, as the core takes them."""
    row = {one.name: getattr(backend, one.name) for one in fields(backend)}
    for made_by_the_store in ("api_key_hint", "key_state", "created_at", "updated_at"):
        del row[made_by_the_store]
    row["api_key_plain"] = backend.api_key_plain or ""
    row["enabled"] = bool(backend.enabled)
    row["metadata_json"] = json.dumps(row.pop("metadata"))
    row["model_mappings_json"] = json.dumps(mappings_to_dict(row.pop("model_mappings")))
    return row


def from_row(row: Mapping[str, Any]) -> Backend:
    """The columns, as the core gives them."""
    values = dict(row)
    mappings = json.loads(values.pop("model_mappings_json"))
    return Backend(
        metadata=json.loads(values.pop("metadata_json")),
        model_mappings={name: ModelMapping.from_dict(one) for name, one in mappings.items()},
        **values,
    )


def mappings_to_dict(mappings: Mapping[str, ModelMapping | str | Mapping[str, Any]]) -> dict[str, Any]:
    """Mapping objects by canonical name, whichever form each was given in."""
    return {name: one.to_dict() if isinstance(one, ModelMapping) else one for name, one in mappings.items()}


def plain(value: object) -> object:
    """For json.dumps, what JSON has no form for: a mapping object, or what is refused by its text."""
    return value.to_dict() if isinstance(value, ModelMapping) else str(value)
