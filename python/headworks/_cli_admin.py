"""The commands that talk to a running server: what can be said, and how the answer is printed.

They find it by --url and --token, then HEADWORKS_ADMIN_URL and HEADWORKS_ADMIN_TOKEN, then run.json and
admin.token of the data directory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headworks.errors import UsageError

if TYPE_CHECKING:
    from headworks.admin import AdminClient

__all__ = ["apply", "backends", "explain", "export", "imports", "keys", "master_key", "usage"]

_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
_Url = Annotated[
    str | None, typer.Option("--url", envvar="HEADWORKS_ADMIN_URL", help="The admin listener of the server.")
]
_Token = Annotated[
    str | None, typer.Option("--token", envvar="HEADWORKS_ADMIN_TOKEN", help="Its admin token.")
]
_DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the running server is found by its run.json.")
]


def _client(url: str | None, token: str | None, data_dir: Path | None) -> AdminClient:
    from headworks.admin import AdminClient  # here, because it brings an HTTP library

    return AdminClient(url, token, data_dir=data_dir)


def explain(
    request_id: Annotated[
        str | None, typer.Argument(help="An answer's x-request-id: the plan that was made.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The plan that would be made for this model.")] = None,
    key: Annotated[str | None, typer.Option(help="... asked for with this client key.")] = None,
    dialect: Annotated[str | None, typer.Option(help="... over this dialect: openai or anthropic.")] = None,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Say why a request went where it went, or where one would go now."""
    from headworks._explain import show_exchange, show_prospects

    if (request_id is None) == (model is None):
        raise UsageError("say which: a request id, or --model MODEL")
    with _client(url, token, data_dir) as client:
        if request_id is not None:
            made, show = client.exchange(request_id), show_exchange
        else:
            question = {"client_key": key, "dialect": dialect}
            made, show = client.explain(model or "", **question), show_prospects
    if as_json:
        print(json.dumps(made, indent=2))
    else:
        show(made)


def usage(
    by: Annotated[str, typer.Option(help="model, backend, key, pool, hour, day; with commas.")] = "model",
    since: Annotated[str, typer.Option(help="A moment in UTC, or an age: 90m, 24h, 7d.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Not included.")] = None,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Say what was used and what it cost: requests, errors, tokens, money, latency."""
    from headworks._explain import show_usage

    names = [name for name in by.split(",") if name]
    steps = [name for name in names if name in ("minute", "hour", "day")]
    keys = [name for name in names if name not in steps]
    if len(steps) > 1:
        raise UsageError("one step of time at most: minute, hour or day")
    with _client(url, token, data_dir) as client:
        rows = client.usage(keys, since=since, until=until, step=steps[0] if steps else None)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show_usage(rows, ["at"] * len(steps) + keys)


def apply(
    file: Annotated[Path, typer.Argument(help="YAML, TOML or JSON.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Apply a configuration to a running server as one change, and say what changed.

    References to keys (`${NAME}`, `file:PATH`) are looked up here, not on the server.
    """
    from headworks._config import read_document

    document = read_document(file)
    document.expect_valid()
    with _client(url, token, data_dir) as client:
        changes = client.apply_config(document.resolved(), dry_run=dry_run)
    if as_json:
        print(json.dumps(changes, indent=2))
        return
    for change in changes:
        print(f"{change['action']} {change['target']}{_difference(change)}")
    if not changes:
        print("nothing to change")


def _difference(change: dict[str, Any]) -> str:
    """The fields that an update changes, as `: rpm_limit 0 -> 9, ...`."""
    before, after = change["before"], change["after"]
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    fields = [name for name in after if before.get(name) != after[name] and name != "updated_at"]
    told = ", ".join(f"{name} {json.dumps(before.get(name))} -> {json.dumps(after[name])}" for name in fields)
    return f": {told}" if told else ""


def export(url: _Url = None, token: _Token = None, data_dir: _DataDir = None) -> None:
    """Print the configuration of a running server as JSON, without secrets."""
    with _client(url, token, data_dir) as client:
        print(json.dumps(client.export_config(), indent=2))


backends = typer.Typer(help="The upstream accounts of a running server.", no_args_is_help=True)
_Name = Annotated[str, typer.Argument(metavar="NAME", help="A backend's name or id.")]


@backends.command("list")
def list_backends(
    pool: Annotated[str | None, typer.Option(help="Of this pool only.")] = None,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """One line for each backend, with its state now."""
    from headworks._explain import show_backends

    with _client(url, token, data_dir) as client:
        rows = client.backends(pool)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show_backends(rows)


@backends.command("show")
def show_backend(name: _Name, url: _Url = None, token: _Token = None, data_dir: _DataDir = None) -> None:
    """Everything about one backend, as JSON; its key only as a hint."""
    with _client(url, token, data_dir) as client:
        print(json.dumps(client.backend(name), indent=2))


@backends.command("cool")
def cool_backend(
    name: _Name,
    seconds: Annotated[float | None, typer.Option(help="For so long.")] = None,
    until: Annotated[str | None, typer.Option(help="Until 2026-01-31T09:30:00Z.")] = None,
    reason: Annotated[str, typer.Option(help="For the audit.")] = "",
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
) -> None:
    """Let a backend rest, instead of whatever it rests for now."""
    with _client(url, token, data_dir) as client:
        row = client.cool_backend(name, seconds=seconds, until=until, reason=reason)
    print(f"{row['name']} rests until {row['cooldown_until']}")


@backends.command("clear")
def clear_backend(name: _Name, url: _Url = None, token: _Token = None, data_dir: _DataDir = None) -> None:
    """End every cooldown of a backend."""
    with _client(url, token, data_dir) as client:
        row = client.clear_backend(name)
    print(f"{row['name']} is {row['status']}")


keys = typer.Typer(help="The keys that applications call a running server with.", no_args_is_help=True)
_Key = Annotated[str, typer.Argument(metavar="NAME", help="A client key's name or id.")]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose it is; unique.")],
    model: Annotated[list[str] | None, typer.Option(help="May ask for it; again for more.")] = None,
    rpm_limit: Annotated[int, typer.Option(help="Requests in any 60 s; 0 = no limit.")] = 0,
    tpm_limit: Annotated[int, typer.Option(help="Tokens per minute; 0 = no limit.")] = 0,
    expires_at: Annotated[str | None, typer.Option(help="2026-01-31T09:30:00Z.")] = None,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Make a client key. It is printed this once."""
    fields = {
        "rpm_limit": rpm_limit,
        "tpm_limit": tpm_limit,
        "expires_at": expires_at,
        "models": model or ["*"],
    }
    with _client(url, token, data_dir) as client:
        row = client.create_client_key(name, **fields)
    print(json.dumps(row, indent=2) if as_json else row["key"])


@keys.command("list")
def list_keys(
    url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False
) -> None:
    """One line for each client key, without the key."""
    from headworks._explain import show_keys

    with _client(url, token, data_dir) as client:
        rows = client.client_keys()
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show_keys(rows)


@keys.command("rotate")
def rotate_key(
    name: _Key,
    overlap_seconds: Annotated[float, typer.Option(help="For so long the old one stays good.")] = 0,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
) -> None:
    """Make another key for the same name. It is printed this once."""
    with _client(url, token, data_dir) as client:
        print(client.rotate_client_key(name, overlap_seconds=overlap_seconds)["key"])


@keys.command("revoke")
def revoke_key(name: _Key, url: _Url = None, token: _Token = None, data_dir: _DataDir = None) -> None:
    """End a client key, now and for ever."""
    with _client(url, token, data_dir) as client:
        client.remove_client_key(name)
    print(f"{name} is revoked")


imports = typer.Typer(no_args_is_help=True, help="Take over what another gateway holds.")


@imports.command("sidecar")
def import_sidecar(
    file: Annotated[Path, typer.Argument(help="The sidecar's SQLite database.")],
    key_file: Annotated[
        Path | None,
        typer.Option(help="The 32-byte key that it sealed with, raw, hexadecimal or base64."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Take over a sidecar's backends, keys and running cooldowns; what is here already stays as it is.

    Without --key-file the key is HEADWORKS_SIDECAR_KEY, if that is set.
    """
    import os

    from headworks._sidecar import read_sidecar, read_sidecar_key

    found = read_sidecar(file)
    given = key_file.read_bytes() if key_file else os.environb.get(b"HEADWORKS_SIDECAR_KEY")
    key = read_sidecar_key(given) if given else None
    with _client(url, token, data_dir) as client:
        done = client.import_sidecar(found.backends, key=key, dry_run=dry_run)
    if as_json:
        print(json.dumps({**done, "other_tables": found.other_tables}))
        return
    would = "would be " if dry_run else ""
    for what, sentence in (
        ("imported", f"{would}imported"),
        ("kept", "is here already and stays as it is"),
        ("keys_missing", "its key cannot be opened: it comes without one, disabled"),
        ("parked", "cannot work as it is (URL or dialect): it comes disabled"),
    ):
        for name in done[what]:
            print(f"{name}: {sentence}")
    taken, cooling = len(done["imported"]), done["cooling"]
    print(f"{taken} of {len(found.backends)} rows {would}imported, {cooling} still cooling")
    for name, rows in found.other_tables.items():
        print(f"table {name}: {rows} rows, not taken over")


master_key = typer.Typer(no_args_is_help=True, help="Rotate the key that seals provider keys.")


def _show_master_key(state: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(state))
        return
    for key in state["keys"]:
        newest = ", the newest" if key["newest"] else ""
        print(f"master key {key['kid']}{newest}: {key['provider_keys']} provider keys")
    if state["clear"]:
        print(f"{state['clear']} provider keys are not sealed at all: rewrap")
    for name in state["unreadable"]:
        print(f"backend {name}: no master key opens its key; give it again")


@master_key.command("status")
def master_key_status(
    url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False
) -> None:
    """Show the master keys, and how many provider keys need each."""
    with _client(url, token, data_dir) as client:
        _show_master_key(client.master_key(), as_json)


@master_key.command("add")
def master_key_add(
    url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False
) -> None:
    """Make another master key; what is sealed from now on is sealed with it."""
    with _client(url, token, data_dir) as client:
        _show_master_key(client.add_master_key(), as_json)


@master_key.command("rewrap")
def master_key_rewrap(
    url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False
) -> None:
    """Seal every provider key with the newest master key. May be broken off and called again."""
    with _client(url, token, data_dir) as client:
        _show_master_key(client.rewrap(), as_json)


@master_key.command("drop")
def master_key_drop(
    kid: Annotated[int, typer.Argument(help="Its number, as `status` shows it.")],
    url: _Url = None,
    token: _Token = None,
    data_dir: _DataDir = None,
    as_json: _Json = False,
) -> None:
    """Forget a master key that no provider key needs any more."""
    with _client(url, token, data_dir) as client:
        _show_master_key(client.drop_master_key(kid), as_json)
