"""The routes of the admin API that keep an installation: backups, master keys, imports, moves, plug-ins.

As _admin_calls, which holds the others.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from headworks._admin_http import Call, Page, make_call
from headworks.rows import AboutRow, BackupRow, MasterKeyState, PluginRow, RestoreRow, SidecarImportRow


def _whole(answer: Any) -> Any:
    return answer


def _rows(answer: Any) -> Page[Any]:
    return Page(answer["data"], answer["next"])


def make_backup() -> Call[BackupRow]:
    """Copies both databases, without the master key, into a new `directory` of the server's own."""
    return make_call("POST", "/backup", read=_whole)


def master_key() -> Call[MasterKeyState]:
    """The master keys, how many provider keys need each, and the backends whose key none opens."""
    return make_call("GET", "/master-key", read=_whole)


def add_master_key() -> Call[MasterKeyState]:
    """Makes another master key; what is sealed from now on is sealed with it."""
    return make_call("POST", "/master-key", read=_whole)


def rewrap() -> Call[MasterKeyState]:
    """Seals every provider key with the newest master key. May be broken off, and asked again."""
    return make_call("POST", "/master-key/rewrap", read=_whole)


def drop_master_key(kid: int) -> Call[MasterKeyState]:
    """Forgets a master key that no provider key needs."""
    return make_call("DELETE", "/master-key/{}", kid, read=_whole)


def import_sidecar(
    rows: Sequence[Mapping[str, Any]],
    *,
    key: bytes | None = None,
    dry_run: bool = False,
    **tables: Any,
) -> Call[SidecarImportRow]:
    """Takes over the rows of a sidecar's table `backends`; those that are here already stay as they are.

    `key`: the 32 bytes that the sidecar sealed keys with. `tables`: rows of `cooldowns`, `config` and
    `usage`, the last with `usage_from`, the number of its first row in its table.
    """
    body: dict[str, Any] = {"backends": rows, **tables}
    if key is not None:
        body["key"] = base64.b64encode(key).decode()
    return make_call("POST", "/import/sidecar", read=_whole, body=body, dry_run=dry_run)


def export_sealed_config(passphrase: str) -> Call[dict[str, Any]]:
    """The configuration with its provider keys, sealed with a passphrase of 12 characters or more."""
    return make_call("POST", "/config/sealed", read=_whole, body={"passphrase": passphrase})


def apply_sealed_config(
    document: Mapping[str, Any], passphrase: str, *, dry_run: bool = False
) -> Call[RestoreRow]:
    """Applies such a document: `changes`, and `keys_missing`, the client keys that are to be rotated."""
    body = {"document": document, "passphrase": passphrase}
    return make_call("PUT", "/config/sealed", read=_whole, body=body, dry_run=dry_run)


def plugins() -> Call[Page[PluginRow]]:
    """The plug-ins in force, in the order of asking, each with its hooks and how they do."""
    return make_call("GET", "/plugins", read=_rows)


def reload_plugins() -> Call[Page[PluginRow]]:
    """Loads the plug-ins of the configuration again; those in force after it.

    Raises ConflictError when one cannot be loaded: the old ones stay.
    """
    return make_call("POST", "/plugins/reload", read=_rows)


def about() -> Call[AboutRow]:
    """The server's addresses, since when it runs, and the versions of what it is made of."""
    return make_call("GET", "/about", read=_whole)
