"""A backup as one file: both databases of a server, packed with tar."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from headworks.errors import InUseError, UsageError

__all__ = ["pack", "unpack"]

_NAMES = ("headworks.db", "usage.db")
_PIECE = 1 << 20

OnBytes = Callable[[float, float], None]
"""Told how many bytes are done, and of how many."""


def _nobody(_done: float, _total: float) -> None:
    pass


def pack(directory: Path, file: Path, *, on_bytes: OnBytes = _nobody) -> None:
    """Packs what the server left in `directory` into `file` (owner only), and removes the directory.

    Raises UsageError when the directory cannot be seen: the server runs elsewhere.
    """
    if not directory.is_dir():
        raise UsageError(f"the backup stands in {directory} of the server's machine; fetch it from there")
    fresh = file.with_name(f"{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w") as archive:
            counted = _Counted(sum((directory / name).stat().st_size for name in _NAMES), on_bytes)
            for name in _NAMES:
                with (directory / name).open("rb") as source:
                    member = archive.gettarinfo(arcname=name, fileobj=source)
                    archive.addfile(member, _CountedFile(source, counted))
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(file)
    shutil.rmtree(directory)


class _Counted:
    """Files that are read one after another, and how far that has come."""

    def __init__(self, total: int, on_bytes: OnBytes) -> None:
        self._total, self._on_bytes, self._done = total, on_bytes, 0

    def read(self, source: IO[bytes], size: int) -> bytes:
        piece = source.read(size)
        self._done += len(piece)
        self._on_bytes(self._done, self._total)
        return piece


class _CountedFile:
    """What copyfileobj and tarfile read from."""

    def __init__(self, source: IO[bytes], counted: _Counted) -> None:
        self._source, self._counted = source, counted

    def read(self, size: int = -1) -> bytes:
        return self._counted.read(self._source, size)


def unpack(file: Path, data_dir: Path, *, on_bytes: OnBytes = _nobody) -> list[Path]:
    """Puts the databases of `file` into the place of those of a stopped server; where those are kept.

    Raises UsageError when `file` is no whole backup, InUseError while a server runs there.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(data_dir):
        fresh = data_dir / ".restore"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            _extract(file, fresh, on_bytes)
            return _swap(fresh, data_dir)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as held:
        os.close(descriptor)
        raise InUseError(f"a server runs in {data_dir}; stop it first") from held
    try:
        yield
    finally:
        os.close(descriptor)


def _extract(file: Path, target: Path, on_bytes: OnBytes) -> None:
    try:
        with tarfile.open(file, mode="r:") as archive:
            counted = _Counted(sum(archive.getmember(name).size for name in _NAMES), on_bytes)
            for name in _NAMES:
                member = archive.getmember(name)
                source = archive.extractfile(member)
                if source is None:
                    raise UsageError(f"{file} is no backup: {name} is no file in it")
                with source, open(target / name, "xb", opener=_owner_only) as out:
                    shutil.copyfileobj(_CountedFile(source, counted), out, _PIECE)
                    out.flush()
                    os.fsync(out.fileno())
    except (OSError, tarfile.TarError, KeyError) as failed:
        raise UsageError(f"{file} is no backup of Headworks: {failed}") from failed
    for name in _NAMES:
        try:
            with closing(sqlite3.connect(target / name)) as database:
                (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as failed:
            said = str(failed)
        if said != "ok":
            raise UsageError(f"{name} in {file} is damaged: {said}")


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _swap(fresh: Path, data_dir: Path) -> list[Path]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    kept = []
    for name in _NAMES:
        for suffix in ("-wal", "-shm", ""):
            before = data_dir / f"{name}{suffix}"
            if before.exists():
                aside = data_dir / f"{name}.before-{stamp}{suffix}"
                before.rename(aside)
                if not suffix:
                    kept.append(aside)
        (fresh / name).rename(data_dir / name)
    return kept
