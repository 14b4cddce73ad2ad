"""The sidecar's nine storage functions, under its names: scripts move over by changing an import.

    from headworks.backend_store import create_backend, list_backends

They work on the data directory (HEADWORKS_DATA_DIR and so on, as for the server), whether or not a server
runs there: beside a running one they write through it (its admin API, found by run.json) and read what it
has written, so that each sees the other's changes at once; without one they open `headworks.db` for the time
of a call. `use` names another store.

Each raises ConfigurationError for fields that do not hold, ConflictError, StorageError, MasterKeyError;
beside a server also UnreachableError and AccessError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headworks._beside_server import store_in
from headworks._data_dir import default_data_dir
from headworks.models import Backend, ModelMapping
from headworks.store import Store

__all__ = [
    "Backend",
    "ModelMapping",
    "clear_backend_cooldown",
    "create_backend",
    "delete_backend",
    "get_backend",
    "get_pool_stats",
    "list_backends",
    "set_backend_cooldown",
    "set_backend_status",
    "update_backend",
    "use",
]

_named: Store | None = None


def use(store: Store | None) -> None:
    """From now on the functions work on this store; its owner closes it. None: the data directory again."""
    global _named  # noqa: PLW0603
    _named = store


def create_backend(backend: Backend) -> Backend:
    """Writes a new row; answers it with id and times filled in, and the clear key as it was given."""
    with store_in(default_data_dir(), _named) as store:
        return store.create_backend(backend)


def get_backend(backend_id: str, decrypt_key: bool = True) -> Backend | None:
    """One row, or None. `decrypt_key`: with `api_key_plain`; None there: the key cannot be opened."""
    with store_in(default_data_dir(), _named) as store:
        return store.get_backend(backend_id, decrypt_key)


def list_backends(
    pool: str | None = None, enabled_only: bool = False, decrypt_key: bool = False
) -> list[Backend]:
    """The rows of one `pool`, oldest first; without it all, by pool, then oldest first.

    `enabled_only`: without the disabled ones. `decrypt_key`: with `api_key_plain`.
    """
    with store_in(default_data_dir(), _named) as store:
        return store.list_backends(pool, enabled_only, decrypt_key)


def update_backend(backend_id: str, updates: Mapping[str, Any]) -> Backend | None:
    """Changes these fields only; unknown ones are not applied. The row without its clear key, or None."""
    with store_in(default_data_dir(), _named) as store:
        return store.update_backend(backend_id, updates)


def delete_backend(backend_id: str) -> bool:
    """Whether a row went."""
    with store_in(default_data_dir(), _named) as store:
        return store.delete_backend(backend_id)


def set_backend_status(backend_id: str, status: str) -> bool:
    """`healthy`, `cooling`, `error` or `disabled`. Whether a row changed."""
    with store_in(default_data_dir(), _named) as store:
        return store.set_backend_status(backend_id, status)


def set_backend_cooldown(backend_id: str, cooldown_until: str, count: int) -> bool:
    """`cooling` until then (UTC, 2026-01-31T09:30:00Z), after `count` answers 429. Whether a row changed."""
    with store_in(default_data_dir(), _named) as store:
        return store.set_backend_cooldown(backend_id, cooldown_until, count)


def clear_backend_cooldown(backend_id: str) -> bool:
    """`healthy`, no until-time, count 0. Whether a row changed."""
    with store_in(default_data_dir(), _named) as store:
        return store.clear_backend_cooldown(backend_id)


def get_pool_stats() -> dict[str, dict[str, int]]:
    """How each pool is: `{pool: {"total", "enabled", "healthy", "cooling", "error"}}`."""
    with store_in(default_data_dir(), _named) as store:
        return store.get_pool_stats()
