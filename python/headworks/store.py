"""Store: the catalog's database without a server, with the nine operations of the sidecar.

For one process at a time, like the server itself. Beside a running server: `headworks.backend_store`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from headworks.models import Backend, from_row, plain, to_row

__all__ = ["Store"]


class Store:
    """Opens `path` (`headworks.db`), and makes it if there is none.

    `master_key_file` seals and opens the keys. Without it the server's rule for the database's folder holds:
    `master.key` there, systemd's credential, HEADWORKS_MASTER_KEY; a new database makes a new key file.

    Raises MasterKeyError; every method raises StorageError when the file cannot be read or written.
    Thread-safe; calls block, and other threads go on meanwhile.
    """

    def __init__(
        self, path: str | os.PathLike[str], master_key_file: str | os.PathLike[str] | None = None
    ) -> None:
        from headworks import _core

        key_file = None if master_key_file is None else os.fspath(master_key_file)
        self._core = _core.Store(os.fspath(path), key_file)

    @property
    def master_key_fits(self) -> bool:
        """False: the keys were sealed with another master key, and read as unreadable."""
        return self._core.master_key_fits

    def create_backend(self, backend: Backend) -> Backend:
        """Writes a new row; answers it with id and times filled in, and the clear key as it was given.

        Raises ConfigurationError for fields that do not hold, ConflictError when the name is taken.
        """
        created = from_row(self._core.create_backend(to_row(backend)))
        created.api_key_plain = backend.api_key_plain
        return created

    def get_backend(self, backend_id: str, decrypt_key: bool = True) -> Backend | None:
        """One row; None: there is none. `decrypt_key`: with `api_key_plain`.

        A key that cannot be opened leaves `api_key_plain` None and `key_state` "unreadable".
        """
        row = self._core.get_backend(backend_id, decrypt_key)
        return None if row is None else from_row(row)

    def list_backends(
        self, pool: str | None = None, enabled_only: bool = False, decrypt_key: bool = False
    ) -> list[Backend]:
        """The rows of one `pool`, oldest first; without it all, by pool, then oldest first.

        `enabled_only`: without the disabled ones. `decrypt_key`: with `api_key_plain`.
        """
        return [from_row(row) for row in self._core.list_backends(pool, enabled_only, decrypt_key)]

    def update_backend(self, backend_id: str, updates: Mapping[str, Any]) -> Backend | None:
        """Changes these fields only; unknown ones are not applied. The row without its clear key, or None.

        Raises ConfigurationError for values that do not hold, ConflictError when a new name is taken.
        """
        row = self._core.update_backend(backend_id, json.dumps(dict(updates), default=plain))
        return None if row is None else from_row(row)

    def delete_backend(self, backend_id: str) -> bool:
        """Whether a row went."""
        return self._core.delete_backend(backend_id)

    def set_backend_status(self, backend_id: str, status: str) -> bool:
        """`healthy`, `cooling`, `error` or `disabled`; else ConfigurationError. Whether a row changed."""
        return self._core.set_backend_status(backend_id, status)

    def set_backend_cooldown(self, backend_id: str, cooldown_until: str, count: int) -> bool:
        """Status `cooling` until then (UTC, 2026-01-31T09:30:00Z), after `count` answers 429 in a row.

        Whether a row changed. Raises ConfigurationError when that is no time.
        """
        return self._core.set_backend_cooldown(backend_id, cooldown_until, count)

    def clear_backend_cooldown(self, backend_id: str) -> bool:
        """Status `healthy`, no until-time, count 0. Whether a row changed."""
        return self._core.clear_backend_cooldown(backend_id)

    def get_pool_stats(self) -> dict[str, dict[str, int]]:
        """How each pool is: `{pool: {"total", "enabled", "healthy", "cooling", "error"}}`."""
        return self._core.get_pool_stats()

    def close(self) -> None:
        """Writes what is queued and closes the file. May be called again."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
