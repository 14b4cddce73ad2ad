"""A backup as one file: both databases of a server, packed with tar."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from headworks.errors import InUseError, UsageError

__all__ = ["pack", "unpack"]

_NAMES = ("headworks.db", "usage.db")


def pack(directory: Path, file: Path) -> None:
    """Packs what the server left in `directory` into `file` (owner only), and removes the directory.

    Raises UsageError when the directory cannot be seen: the server runs elsewhere.
    """
    if not directory.is_dir():
        raise UsageError(f"the backup stands in {directory} of the server's machine; fetch it from there")
    fresh = file.with_name(f"{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name in _NAMES:
                archive.add(directory / name, arcname=name)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(file)
    shutil.rmtree(directory)


def unpack(file: Path, data_dir: Path) -> list[Path]:
    """Puts the databases of `file` into the place of those of a stopped server; where those are kept.

    Raises UsageError when `file` is no whole backup, InUseError while a server runs there.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(data_dir):
        fresh = data_dir / ".restore"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            _extract(file, fresh)
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


def _extract(file: Path, target: Path) -> None:
    try:
        with tarfile.open(file, mode="r:") as archive:
            for name in _NAMES:
                member = archive.getmember(name)
                source = archive.extractfile(member)
                if source is None:
                    raise UsageError(f"{file} is no backup: {name} is no file in it")
                with source, open(target / name, "xb", opener=_owner_only) as out:
                    shutil.copyfileobj(source, out)
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
