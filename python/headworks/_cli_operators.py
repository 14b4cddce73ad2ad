"""The commands of those who look after a server: its history, who may operate it, its master key, imports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headworks._cli_options import DataDir, DryRun, Json, Token, Url, connect, names_of
from headworks._console import Bar, print_json, print_lines, progress, state
from headworks.rows import MasterKeyState, RevisionRow, Role, TokenRow

if TYPE_CHECKING:
    from headworks.admin import AdminClient

__all__ = ["backup", "imports", "master_key", "restore", "revisions", "tokens"]

revisions = typer.Typer(no_args_is_help=True, help="Every change of the configuration, and the way back.")


@revisions.command("list")
def list_revisions(
    limit: Annotated[int, typer.Option(help="The last so many.")] = 20,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the last changes, the newest first."""
    with connect(url, token, data_dir) as client:
        rows = client.revisions(limit=limit)
    if as_json:
        print_json(rows)
        return

    def line(row: RevisionRow) -> str:
        return f"{row['number']:>5}  {row['at']}  {row['actor']}: {row['summary']}"

    def cells(row: RevisionRow) -> Sequence[str]:
        return str(row["number"]), row["at"], row["actor"], row["summary"]

    print_lines(rows, line, ("number", "at", "by", "what"), cells)


@revisions.command("restore")
def restore_revision(
    number: Annotated[int, typer.Argument(help="As `list` shows it.")],
    dry_run: DryRun = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Bring the configuration back to what it was after a revision, as one new change."""
    with connect(url, token, data_dir) as client:
        done = client.restore_revision(number, dry_run=dry_run)
    if as_json:
        print_json(done)
        return
    from headworks._show import show_changes

    show_changes(done["changes"])
    for name in done["keys_missing"]:
        print(f"{name}: its key is gone; give it again")
    print(f"{len(done['changes'])} changes{' would be made' if dry_run else ''}")


tokens = typer.Typer(no_args_is_help=True, help="Who may operate a running server.")


@tokens.command("list")
def list_tokens(
    url: Url = None, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Show who may operate, and as what."""
    with connect(url, token, data_dir) as client:
        rows = client.tokens()
    if as_json:
        print_json(rows)
        return

    def line(row: TokenRow) -> str:
        return f"{row['name']}: {row['role']}, {row['hint']}, until {row['expires_at'] or 'revoked'}"

    print_lines(
        rows,
        line,
        ("name", "role", "token", "until"),
        lambda row: (row["name"], state(row["role"]), row["hint"], row["expires_at"] or "revoked"),
    )


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Whose it is; unique.")],
    role: Annotated[Role, typer.Option(help="What it may.")] = "viewer",
    expires_at: Annotated[str | None, typer.Option(help="2026-01-31T09:30:00Z")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a token; it is shown this once."""
    with connect(url, token, data_dir) as client:
        row = client.create_token(name, role, expires_at=expires_at)
    print_json(row) if as_json else print(row["token"])


@tokens.command("revoke")
def revoke_token(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Its name or id.", autocompletion=names_of(lambda client: client.tokens())
        ),
    ],
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """End a token and its sessions, at once."""
    with connect(url, token, data_dir) as client:
        client.remove_token(name)


imports = typer.Typer(no_args_is_help=True, help="Take over what another gateway holds.")


_USAGE_ROWS = 2000
"""In one call."""


@imports.command("sidecar")
def import_sidecar(
    file: Annotated[Path, typer.Argument(help="The sidecar's SQLite database.")],
    key_file: Annotated[
        Path | None,
        typer.Option(help="The 32-byte key that it sealed with, raw, hexadecimal or base64."),
    ] = None,
    dry_run: DryRun = False,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take over a sidecar's backends, keys, cooldowns, settings and usage; what is here already stays.

    Without --key-file the key is HEADWORKS_SIDECAR_KEY, if that is set.
    """
    import os

    from headworks._sidecar import read_sidecar, read_sidecar_key

    found = read_sidecar(file)
    given = key_file.read_bytes() if key_file else os.environb.get(b"HEADWORKS_SIDECAR_KEY")
    key = read_sidecar_key(given) if given else None
    with connect(url, token, data_dir) as client, progress(f"Importing {len(found.backends)} rows"):
        done = client.import_sidecar(
            found.backends, key=key, dry_run=dry_run, cooldowns=found.cooldowns, config=found.config
        )
        for first in range(0, len(found.usage), _USAGE_ROWS):
            rows = found.usage[first : first + _USAGE_ROWS]
            part = client.import_sidecar([], dry_run=dry_run, usage=rows, usage_from=first)["usage"]
            for what in ("taken", "kept", "left"):
                done["usage"][what] += part[what]
            done["usage"]["unknown"] = sorted({*done["usage"]["unknown"], *part["unknown"]})
    if as_json:
        print(json.dumps({**done, "other_tables": found.other_tables}))
        return
    would = "would be " if dry_run else ""
    for names, sentence in (
        (done["imported"], f"{would}imported"),
        (done["kept"], "is here already and stays as it is"),
        (done["keys_missing"], "its key cannot be opened: it comes without one, disabled"),
        (done["parked"], "cannot work as it is (URL or dialect): it comes disabled"),
    ):
        for name in names:
            print(f"{name}: {sentence}")
    taken, cooling = len(done["imported"]), done["cooling"]
    print(f"{taken} of {len(found.backends)} rows {would}imported, {cooling} still cooling")
    tables = (("cooldowns", done["cooldowns"]), ("config", done["config"]), ("usage", done["usage"]))
    for name, table in tables:
        print(
            f"table {name}: {table['taken']} rows {would}taken over, {table['kept']} are here already, "
            f"{table['left']} do not say enough"
        )
        if table["unknown"]:
            print(f"table {name}: not known here: {', '.join(table['unknown'])}")
    for name, count in found.other_tables.items():
        print(f"table {name}: {count} rows, not taken over")


master_key = typer.Typer(no_args_is_help=True, help="Rotate the key that seals provider keys.")


def _show_master_key(now: MasterKeyState, as_json: bool) -> None:
    from headworks._show import show_master_keys

    if as_json:
        print(json.dumps(now))
    else:
        show_master_keys(now)


@master_key.command("status")
def master_key_status(
    url: Url = None, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Show the master keys, and how many provider keys need each."""
    with connect(url, token, data_dir) as client:
        _show_master_key(client.master_key(), as_json)


@master_key.command("add")
def master_key_add(
    url: Url = None, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Make another master key; what is sealed from now on is sealed with it."""
    with connect(url, token, data_dir) as client:
        _show_master_key(client.add_master_key(), as_json)


@master_key.command("rewrap")
def master_key_rewrap(
    url: Url = None, token: Token = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Seal every provider key with the newest master key. May be broken off and called again."""
    with (
        connect(url, token, data_dir) as client,
        connect(url, token, data_dir) as watcher,
        progress("Sealing provider keys") as bar,
    ):
        done = _rewrap(client, watcher, bar)
    _show_master_key(done, as_json)


def _rewrap(client: AdminClient, watcher: AdminClient, bar: Bar) -> MasterKeyState:
    """The server answers when all is done; meanwhile the other client asks how far it is."""
    from concurrent.futures import ThreadPoolExecutor, wait

    with ThreadPoolExecutor(1) as thread:
        sealing = thread.submit(client.rewrap)
        while not wait([sealing], timeout=0.2).done:
            now = watcher.master_key()
            total = sum(key["provider_keys"] for key in now["keys"]) + now["clear"]
            bar.at(sum(key["provider_keys"] for key in now["keys"] if key["newest"]), total)
        return sealing.result()


@master_key.command("drop")
def master_key_drop(
    kid: Annotated[int, typer.Argument(help="Its number, as `status` shows it.")],
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Forget a master key that no provider key needs any more."""
    with connect(url, token, data_dir) as client:
        _show_master_key(client.drop_master_key(kid), as_json)


def backup(
    file: Annotated[Path, typer.Argument(help="A tar file to write.")],
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Copy both databases of a running server into one file.

    Provider keys in it are sealed: keep master.key apart, without it they stay shut.
    """
    from headworks._backup import pack

    with connect(url, token, data_dir) as client, progress("Copying the databases") as bar:
        made = client.make_backup()
        pack(Path(made["directory"]), file, on_bytes=bar.at)
    print(f"{file}: " + ", ".join(f"{one['name']} {one['bytes']:,} bytes" for one in made["files"]))


def restore(
    file: Annotated[Path, typer.Argument(help="What `headworks backup` wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Put a backup in the place of a stopped server's databases, which are kept beside it."""
    from headworks._backup import unpack
    from headworks._data_dir import default_data_dir

    with progress("Restoring") as bar:
        kept_files = unpack(file, data_dir or default_data_dir(), on_bytes=bar.at)
    for kept in kept_files:
        print(f"what was there is now {kept}")
    print("restored; start the server with the master key that the backup was made with")
