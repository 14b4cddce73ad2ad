"""What operators see: history, tokens, master keys, backups, imports, tests of upstreams."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

__all__ = [
    "AboutRow",
    "AuditRow",
    "BackendTestRow",
    "BackupFile",
    "BackupRow",
    "ChangeRow",
    "MasterKeyRow",
    "MasterKeyState",
    "NewTokenRow",
    "PluginHookRow",
    "PluginRow",
    "RestoreRow",
    "RevisionRow",
    "Role",
    "SessionRow",
    "SidecarImportRow",
    "SidecarTableRow",
    "TokenRow",
    "UpstreamModelRow",
    "WholeRevisionRow",
]

Role = Literal["viewer", "operator", "admin"]


class AboutRow(TypedDict):
    """What a server is."""

    versions: dict[str, str]
    data_url: str
    admin_url: str
    data_dir: str
    started_at: str


class BackendTestRow(TypedDict):
    """How a real, small request to an upstream went."""

    ok: bool
    status: int
    """Of HTTP; 0: no answer."""
    model_sent: str
    failure: str | None
    connect_ms: float
    first_byte_ms: float
    total_ms: float
    reused_connection: bool
    answer: str
    """The first of its body."""


class UpstreamModelRow(TypedDict):
    """A model that an upstream lists."""

    id: str
    mapped_as: list[str]
    """What it is called here."""


class ChangeRow(TypedDict):
    """One row that a change makes, changes or removes."""

    action: str
    target: str
    before: Any
    after: Any


class RevisionRow(TypedDict):
    """One change of the configuration."""

    number: int
    at: str
    actor: str
    summary: str


class AuditRow(ChangeRow):
    """One changed row: when, by whom, in which revision."""

    id: int
    revision: int
    at: str
    actor: str


class WholeRevisionRow(RevisionRow):
    """One change with all its rows."""

    changes: list[AuditRow]


class RestoreRow(TypedDict):
    """What a restored revision changed, or would change."""

    changes: list[ChangeRow]
    keys_missing: list[str]
    """Backends whose key is gone: give it again."""
    dry_run: bool


class TokenRow(TypedDict):
    """Who may operate."""

    id: str
    name: str
    role: Role
    hint: str
    expires_at: str | None
    created_at: str


class NewTokenRow(TokenRow):
    """The same with the token itself, shown this once."""

    token: str


class SessionRow(TypedDict):
    """Who is asking."""

    name: str
    role: Role


class BackupFile(TypedDict):
    """One database of a backup."""

    name: str
    bytes: int


class BackupRow(TypedDict):
    """Where a backup stands, on the server's machine."""

    directory: str
    files: list[BackupFile]


class MasterKeyRow(TypedDict):
    """One master key."""

    kid: int
    provider_keys: int
    """So many are sealed with it."""
    newest: bool
    seals: int
    """How often it has sealed."""
    seals_left: int
    """Before it must be rotated."""


class MasterKeyState(TypedDict):
    """All master keys, and what they open."""

    origin: str
    algorithm: str
    """Of new seals: `aes256gcm` or `xchacha20`."""
    keys: list[MasterKeyRow]
    clear: int
    """Provider keys that are not sealed at all."""
    unreadable: list[str]
    """Backends whose key no master key opens."""
    rewrapped: int


class SidecarTableRow(TypedDict):
    """What became of the rows of one of its other tables."""

    taken: int
    kept: int
    """Here already."""
    left: int
    """Not understood."""
    unknown: list[str]
    """Columns that mean nothing here."""


class SidecarImportRow(TypedDict):
    """What an import did, or would do: names of backends, and counts of other rows."""

    imported: list[str]
    kept: list[str]
    keys_missing: list[str]
    parked: list[str]
    cooling: int
    cooldowns: SidecarTableRow
    config: SidecarTableRow
    usage: SidecarTableRow
    dry_run: bool


class PluginHookRow(TypedDict):
    """One hook of a plug-in."""

    name: str
    point: Literal["admit", "route", "failed", "finished"]
    timeout_ms: float
    on_error: Literal["ignore", "reject"]
    body: bool
    calls: int
    failures: int
    waiting: int
    """Questions that no worker has taken yet."""
    state: Literal["asked", "open", "closed"]
    """open: it failed too often, and is not asked for a while."""


class PluginRow(TypedDict):
    """One plug-in."""

    name: str
    origin: Literal["entry point", "configuration", "flag", "argument"]
    hooks: list[PluginHookRow]
