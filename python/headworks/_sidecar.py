"""What stands in the files of a Python sidecar: its database, read only, and the key that it sealed with."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headworks.errors import UsageError

__all__ = ["SidecarDatabase", "read_sidecar", "read_sidecar_key"]

_KEY_BYTES = 32
_TABLES = ("backends", "cooldowns", "config", "usage")


@dataclass
class SidecarDatabase:
    """The rows of four tables by column, and how many rows every other one has: those are not taken over."""

    backends: list[dict[str, Any]]
    cooldowns: list[dict[str, Any]] = field(default_factory=list)
    config: list[dict[str, Any]] = field(default_factory=list)
    usage: list[dict[str, Any]] = field(default_factory=list)
    other_tables: dict[str, int] = field(default_factory=dict)


def read_sidecar(file: Path) -> SidecarDatabase:
    """Raises UsageError when the file is no such database."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            tables = [
                row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            ]
            if "backends" not in tables:
                raise UsageError(f"{file} has no table `backends`: it is no database of a sidecar")
            rows = {
                table: [
                    {name: _plain(row[name]) for name in row.keys()}  # noqa: SIM118
                    for row in database.execute(f"SELECT * FROM {table} ORDER BY rowid")  # noqa: S608
                ]
                for table in _TABLES
                if table in tables
            }
            others = {
                name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
                for name in tables
                if name not in _TABLES and not name.startswith("sqlite_") and '"' not in name
            }
    except sqlite3.Error as failed:
        raise UsageError(f"{file} cannot be read: {failed}") from failed
    return SidecarDatabase(**rows, other_tables=others)


def read_sidecar_key(text: bytes) -> bytes:
    """The 32 bytes, given raw, as 64 hexadecimal digits, or in base64; else UsageError."""
    if len(text) == _KEY_BYTES:
        return text
    stripped = text.strip()
    if re.fullmatch(rb"[0-9a-fA-F]{64}", stripped):
        return bytes.fromhex(stripped.decode())
    try:
        padded = stripped.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(stripped) % 4)
        key = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise UsageError("the sidecar's key must be 32 bytes: raw, in hexadecimal or in base64")
    return key


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
