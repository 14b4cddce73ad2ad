"""The nine operations of headworks.Store on a data directory that a server may be using.

Who holds the directory's lock may write its database. A call takes the lock for as long as it lasts; when a
server has it, reads go to the file (SQLite lets others read) and writes to the server's admin API.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from headworks.admin import AdminClient
from headworks.errors import InUseError, NotFoundError, StorageError
from headworks.models import Backend, from_row, plain, to_row
from headworks.store import Store

__all__ = ["ServedStore", "store_in"]

_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.01


@contextmanager
def store_in(folder: Path, named: Store | None = None) -> Iterator[Store | ServedStore]:
    """The store of this directory for one operation, or the one that is named.

    Raises InUseError when the directory is locked by somebody who is no running server for five seconds.
    """
    if named is not None:
        yield named
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if _locked(lock, folder):
            _remember_key()
            with Store(folder / "headworks.db") as store:
                yield store
        else:
            with ServedStore(folder) as served:
                yield served
    finally:
        os.close(lock)


def _locked(lock: int, folder: Path) -> bool:
    """True: the lock is ours. False: a running server has it."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _serves(folder):
                return False
            if time.monotonic() > end:
                raise InUseError(f"{folder} is locked by a process that is no running server") from None
            time.sleep(_LOOK_SECONDS)
        else:
            return True


def _serves(folder: Path) -> bool:
    """Whether a server has written its run.json, which it does when it is ready, and still lives."""
    try:
        os.kill(json.loads((folder / "run.json").read_text())["pid"], 0)
    except PermissionError:
        return True  # another user's
    except (OSError, ValueError, KeyError):
        return False
    return True


def _remember_key() -> None:
    """The core takes HEADWORKS_MASTER_KEY out of the environment as it reads it; the next call needs it."""
    if key := os.environ.get("HEADWORKS_MASTER_KEY"):
        os.putenv("HEADWORKS_MASTER_KEY", key)


class ServedStore:
    """headworks.Store by way of the server that runs in `folder`: same methods, same answers."""

    def __init__(self, folder: Path) -> None:
        from headworks import _core

        _remember_key()
        self._reader = _core.StoreReader(os.fspath(folder / "headworks.db"))
        self._admin = AdminClient(json.loads((folder / "run.json").read_text())["admin_url"], data_dir=folder)

    def create_backend(self, backend: Backend) -> Backend:
        """Writes a new row; answers it with id and times filled in."""
        columns = to_row(backend)
        for name in ("metadata", "model_mappings"):
            columns[name] = json.loads(columns.pop(f"{name}_json"))
        made = self._admin.store_backend(columns)
        row = self._reader.get_backend(made["id"], False)
        if row is None:
            raise StorageError(f"backend {made['id']} was removed while it was made")
        created = from_row(row)
        created.api_key_plain = backend.api_key_plain
        return created

    def get_backend(self, backend_id: str, decrypt_key: bool = True) -> Backend | None:
        """One row, or None."""
        row = self._reader.get_backend(backend_id, decrypt_key)
        return None if row is None else from_row(row)

    def list_backends(
        self, pool: str | None = None, enabled_only: bool = False, decrypt_key: bool = False
    ) -> list[Backend]:
        """One pool: oldest first. All: by pool, then oldest first."""
        return [from_row(row) for row in self._reader.list_backends(pool, enabled_only, decrypt_key)]

    def update_backend(self, backend_id: str, updates: Mapping[str, Any]) -> Backend | None:
        """Changes these fields only; unknown ones are not applied. The row without its clear key, or None."""
        said = json.loads(json.dumps(dict(updates), default=plain))
        done = self._changed(lambda: self._admin.update_stored_backend(backend_id, said))
        return self.get_backend(backend_id, decrypt_key=False) if done else None

    def delete_backend(self, backend_id: str) -> bool:
        """Whether a row went."""
        return self._is_id(backend_id) and self._changed(lambda: self._admin.remove_backend(backend_id))

    def set_backend_status(self, backend_id: str, status: str) -> bool:
        """`healthy`, `cooling`, `error` or `disabled`. Whether a row changed."""
        if status in ("healthy", "error", "disabled"):
            known = cast(Literal["healthy", "error", "disabled"], status)
            return self._is_id(backend_id) and self._changed(
                lambda: self._admin.set_backend_status(backend_id, known)
            )
        return self._changed(lambda: self._admin.update_stored_backend(backend_id, {"status": status}))

    def set_backend_cooldown(self, backend_id: str, cooldown_until: str, count: int) -> bool:
        """Status `cooling` until then, after `count` answers 429 in a row. Whether a row changed."""
        if _is_to_come(cooldown_until):
            return self._is_id(backend_id) and self._changed(
                lambda: self._admin.cool_backend(backend_id, until=cooldown_until, consecutive=count)
            )
        said = {"status": "cooling", "cooldown_until": cooldown_until, "consecutive_429_count": count}
        return self._changed(lambda: self._admin.update_stored_backend(backend_id, said))

    def clear_backend_cooldown(self, backend_id: str) -> bool:
        """Status `healthy`, no until-time, count 0. Whether a row changed."""
        return self._is_id(backend_id) and self._changed(lambda: self._admin.clear_backend(backend_id))

    def get_pool_stats(self) -> dict[str, dict[str, int]]:
        """`{pool: {"total", "enabled", "healthy", "cooling", "error"}}`."""
        return self._reader.get_pool_stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admin.close()

    def _is_id(self, backend_id: str) -> bool:
        """The admin API takes names too; these functions take ids only."""
        return self._reader.get_backend(backend_id, False) is not None

    @staticmethod
    def _changed(change: Callable[[], object]) -> bool:
        try:
            change()
        except NotFoundError:
            return False
        return True


def _is_to_come(moment: str) -> bool:
    try:
        return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) > datetime.now(UTC)
    except ValueError:
        return False  # the server says what is wrong with it
