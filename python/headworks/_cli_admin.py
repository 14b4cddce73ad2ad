"""The commands that talk to a running server: what can be said, and how the answer is printed.

They find it by --url and --token, then HEADWORKS_ADMIN_URL and HEADWORKS_ADMIN_TOKEN, then run.json and
admin.token of the data directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from headworks._cli_options import DataDir, DryRun, Json, Token, Url, connect, names_of
from headworks._console import print_json
from headworks.errors import UsageError
from headworks.rows import BackendChanges, BackendFields, Dialect, Step

__all__ = ["apply", "backends", "explain", "export", "keys", "usage"]


def explain(
    request_id: Annotated[
        str | None, typer.Argument(help="An answer's x-request-id: the plan that was made.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The plan that would be made for this model.")] = None,
    key: Annotated[str | None, typer.Option(help="... asked for with this client key.")] = None,
    dialect: Annotated[Dialect | None, typer.Option(help="... over this dialect.")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say why a request went where it went, or where one would go now."""
    from headworks._show import show_exchange, show_plan

    if (request_id is None) == (model is None):
        raise UsageError("say which: a request id, or --model MODEL")
    with connect(url, token, data_dir) as client:
        if model is not None:
            plan = client.explain(model, client_key=key, dialect=dialect)
            print_json(plan.row) if as_json else show_plan(plan)
        elif request_id is not None:
            made = client.exchange(request_id)
            print_json(made) if as_json else show_exchange(made)


def usage(
    by: Annotated[str, typer.Option(help="model, backend, key, pool, hour, day; with commas.")] = "model",
    since: Annotated[str, typer.Option(help="A moment in UTC, or an age: 90m, 24h, 7d.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Not included.")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what was used and what it cost: requests, errors, tokens, money, latency."""
    from headworks._show import show_usage

    names = [name for name in by.split(",") if name]
    steps: list[Step] = [step for step in get_args(Step) if step in names]
    keys = [name for name in names if name not in steps]
    if len(steps) > 1:
        raise UsageError("one step of time at most: minute, hour or day")
    with connect(url, token, data_dir) as client:
        used = client.usage(keys, since=since, until=until, step=steps[0] if steps else None)
    print_json(used.rows()) if as_json else show_usage(used)


_PassphraseFile = Annotated[
    Path | None, typer.Option(help="Its first line is the passphrase that provider keys are sealed with.")
]


def _passphrase(file: Path | None) -> str:
    import os

    if file is not None:
        return file.read_text(encoding="utf-8").split("\n", 1)[0]
    return os.environ.get("HEADWORKS_PASSPHRASE") or str(typer.prompt("Passphrase", hide_input=True))


def _find_sealed(file: Path) -> dict[str, Any] | None:
    """The document, if it is what `export --sealed` printed."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "sealed" in document else None


def apply(
    file: Annotated[Path, typer.Argument(help="YAML, TOML or JSON.")],
    dry_run: DryRun = False,
    passphrase_file: _PassphraseFile = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Apply a configuration to a running server as one change, and say what changed.

    References to keys (`${NAME}`, `file:PATH`) are looked up here, not on the server. What `export --sealed`
    printed needs its passphrase: from --passphrase-file, else HEADWORKS_PASSPHRASE, else it is asked for.
    """
    from headworks._config import read_document
    from headworks._show import show_changes

    missing: list[str] = []
    with connect(url, token, data_dir) as client:
        if (sealed := _find_sealed(file)) is not None:
            done = client.apply_sealed_config(sealed, _passphrase(passphrase_file), dry_run=dry_run)
            changes, missing = done["changes"], done["keys_missing"]
        else:
            document = read_document(file)
            document.expect_valid()
            changes = client.apply_config(document.resolved(), dry_run=dry_run)
    for name in missing:
        print(f"{name}: nobody knows its key any more; rotate it", file=sys.stderr)
    if as_json:
        print_json(changes)
    elif changes:
        show_changes(changes)
    else:
        print("nothing to change")


def export(
    sealed: Annotated[bool, typer.Option("--sealed", help="With provider keys, under a passphrase.")] = False,
    passphrase_file: _PassphraseFile = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Print the configuration of a running server as JSON, without secrets, or with sealed ones."""
    with connect(url, token, data_dir) as client:
        document = (
            client.export_sealed_config(_passphrase(passphrase_file)) if sealed else client.export_config()
        )
        print_json(document)


backends = typer.Typer(help="The upstream accounts of a running server.", no_args_is_help=True)
_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A backend's name or id.",
        autocompletion=names_of(lambda client: client.backends()),
    ),
]


@backends.command("list")
def list_backends(
    pool: Annotated[str | None, typer.Option(help="Of this pool only.")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """One line for each backend, with its state now."""
    from headworks._show import show_backends

    with connect(url, token, data_dir) as client:
        rows = client.backends(pool)
    print_json(rows) if as_json else show_backends(rows)


@backends.command("show")
def show_backend(name: _Name, url: Url = None, token: Token = None, data_dir: DataDir = None) -> None:
    """Everything about one backend, as JSON; its key only as a hint."""
    with connect(url, token, data_dir) as client:
        print_json(client.backend(name))


def _fields_of(said: list[str]) -> dict[str, Any]:
    """`rpm_limit=40 model_mappings={"a": "b"} label=x`: JSON where it is JSON, else text."""
    fields: dict[str, Any] = {}
    for each in said:
        name, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"'{each}' must be FIELD=VALUE")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


_Fields = Annotated[
    list[str] | None, typer.Argument(metavar="FIELD=VALUE", help="rpm_limit=40 pool=fallback ...")
]
_KeyFile = Annotated[
    Path | None,
    typer.Option(help="Holds the provider's key; - reads it from standard input.", allow_dash=True),
]


def _with_key(fields: dict[str, Any], key_file: Path | None) -> dict[str, Any]:
    if key_file is None:
        return fields
    text = sys.stdin.read() if str(key_file) == "-" else key_file.read_text()
    return {**fields, "api_key": text.strip()}


@backends.command("add")
def add_backend(
    name: Annotated[str, typer.Argument(help="Unique.")],
    api_base_url: Annotated[str, typer.Argument(metavar="URL", help="https://provider.example/v1")],
    fields: _Fields = None,
    api_key_file: _KeyFile = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Make a backend. Its key comes from a file or standard input, never from the command line."""
    # The server judges them, and says what to write instead.
    said = cast(BackendFields, _with_key(_fields_of(fields or []), api_key_file))
    with connect(url, token, data_dir) as client:
        made = client.create_backend(name, api_base_url, **said)
    print(f"{made['name']} ({made['id']}) is in pool {made['pool']}")


@backends.command("set")
def set_backend(
    name: _Name,
    fields: _Fields = None,
    api_key_file: _KeyFile = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Change what is named of a backend."""
    changes = cast(BackendChanges, _with_key(_fields_of(fields or []), api_key_file))
    if not changes:
        raise UsageError("say what: FIELD=VALUE, or --api-key-file")
    with connect(url, token, data_dir) as client:
        print_json(client.change_backend(name, **changes))


@backends.command("remove")
def remove_backend(name: _Name, url: Url = None, token: Token = None, data_dir: DataDir = None) -> None:
    """Remove a backend; `headworks revisions restore` brings it back, without its key."""
    with connect(url, token, data_dir) as client:
        client.remove_backend(name)


@backends.command("test")
def test_backend(
    name: _Name,
    model: Annotated[str | None, typer.Option(help="Ask for this one.")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send a backend's upstream a real, small request, and show the clocks."""
    from headworks._show import show_test

    with connect(url, token, data_dir) as client:
        made = client.test_backend(name, model)
    print_json(made) if as_json else show_test(made)
    if not made["ok"]:
        raise typer.Exit(1)


@backends.command("cool")
def cool_backend(
    name: _Name,
    seconds: Annotated[float | None, typer.Option(help="For so long.")] = None,
    until: Annotated[str | None, typer.Option(help="Until 2026-01-31T09:30:00Z.")] = None,
    reason: Annotated[str, typer.Option(help="For the audit.")] = "",
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Let a backend rest, instead of whatever it rests for now."""
    with connect(url, token, data_dir) as client:
        row = client.cool_backend(name, seconds=seconds, until=until, reason=reason)
    print(f"{row['name']} rests until {row['cooldown_until']}")


@backends.command("clear")
def clear_backend(name: _Name, url: Url = None, token: Token = None, data_dir: DataDir = None) -> None:
    """End every cooldown of a backend."""
    with connect(url, token, data_dir) as client:
        row = client.clear_backend(name)
    print(f"{row['name']} is {row['status']}")


keys = typer.Typer(help="The keys that applications call a running server with.", no_args_is_help=True)
_Key = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A client key's name or id.",
        autocompletion=names_of(lambda client: client.client_keys()),
    ),
]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose it is; unique.")],
    model: Annotated[list[str] | None, typer.Option(help="May ask for it; again for more.")] = None,
    rpm_limit: Annotated[int, typer.Option(help="Requests in any 60 s; 0 = no limit.")] = 0,
    tpm_limit: Annotated[int, typer.Option(help="Tokens per minute; 0 = no limit.")] = 0,
    expires_at: Annotated[str | None, typer.Option(help="2026-01-31T09:30:00Z.")] = None,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a client key. It is printed this once."""
    with connect(url, token, data_dir) as client:
        row = client.create_client_key(
            name, models=model or ["*"], rpm_limit=rpm_limit, tpm_limit=tpm_limit, expires_at=expires_at
        )
    print_json(row) if as_json else print(row["key"])


@keys.command("list")
def list_keys(url: Url = None, token: Token = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """One line for each client key, without the key."""
    from headworks._show import show_keys

    with connect(url, token, data_dir) as client:
        rows = client.client_keys()
    print_json(rows) if as_json else show_keys(rows)


@keys.command("rotate")
def rotate_key(
    name: _Key,
    overlap_seconds: Annotated[float, typer.Option(help="For so long the old one stays good.")] = 0,
    url: Url = None,
    token: Token = None,
    data_dir: DataDir = None,
) -> None:
    """Make another key for the same name. It is printed this once."""
    with connect(url, token, data_dir) as client:
        print(client.rotate_client_key(name, overlap_seconds=overlap_seconds)["key"])


@keys.command("revoke")
def revoke_key(name: _Key, url: Url = None, token: Token = None, data_dir: DataDir = None) -> None:
    """End a client key, now and for ever."""
    with connect(url, token, data_dir) as client:
        client.remove_client_key(name)
    print(f"{name} is revoked")
