"""The sidecar's nine storage functions, under its names: scripts move over by changing an import.

    from headworks.backend_store import create_backend, list_backends

They work on one store, opened at the first call: `headworks.db` in the data directory (HEADWORKS_DATA_DIR and
so on), or what `use` was given.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from threading import Lock
from typing import Any

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

_lock = Lock()
_store: Store | None = None


def use(store: Store | None) -> None:
    """From now on the functions work on this store; its owner closes it. None: the default again."""
    global _store  # noqa: PLW0603
    with _lock:
        _store = store


def _current() -> Store:
    global _store  # noqa: PLW0603
    with _lock:
        if _store is None:
            folder = default_data_dir()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _store = Store(folder / "headworks.db")
            atexit.register(_store.close)
        return _store


def create_backend(backend: Backend) -> Backend:
    """Writes a new row; answers it with id and times filled in."""
    return _current().create_backend(backend)


def get_backend(backend_id: str, decrypt_key: bool = True) -> Backend | None:
    """One row, or None."""
    return _current().get_backend(backend_id, decrypt_key)


def list_backends(
    pool: str | None = None, enabled_only: bool = False, decrypt_key: bool = False
) -> list[Backend]:
    """One pool: oldest first. All: by pool, then oldest first."""
    return _current().list_backends(pool, enabled_only, decrypt_key)


def update_backend(backend_id: str, updates: Mapping[str, Any]) -> Backend | None:
    """Changes these fields only. The row without its clear key, or None."""
    return _current().update_backend(backend_id, updates)


def delete_backend(backend_id: str) -> bool:
    """Whether a row went."""
    return _current().delete_backend(backend_id)


def set_backend_status(backend_id: str, status: str) -> bool:
    """Whether a row changed."""
    return _current().set_backend_status(backend_id, status)


def set_backend_cooldown(backend_id: str, cooldown_until: str, count: int) -> bool:
    """Whether a row changed."""
    return _current().set_backend_cooldown(backend_id, cooldown_until, count)


def clear_backend_cooldown(backend_id: str) -> bool:
    """Whether a row changed."""
    return _current().clear_backend_cooldown(backend_id)


def get_pool_stats() -> dict[str, dict[str, int]]:
    """`{pool: {"total", "enabled", "healthy", "cooling", "error"}}`."""
    return _current().get_pool_stats()
