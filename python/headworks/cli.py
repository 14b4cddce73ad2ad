"""The command `headworks`: what can be said on its command line, and what it ends with.

Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 invalid configuration, 4 master key, 5 address or directory in
use. What the commands do stands elsewhere; this file must not know how.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headworks import _cli_admin, _cli_operators, _cli_plugins
from headworks.errors import ConfigurationError, HeadworksError

__all__ = ["app", "main"]

app = typer.Typer(
    name="headworks",
    help="A self-hosted LLM gateway: one OpenAI-compatible endpoint in front of pools of upstream accounts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_NATIVE = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


class LogLevel(StrEnum):
    """What is worth a line."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(StrEnum):
    """The shape of a line."""

    TEXT = "text"
    JSON = "json"


_Listen = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", envvar="HEADWORKS_LISTEN", help="The data listener; port 0 = any free one."
    ),
]
_AdminListen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", envvar="HEADWORKS_ADMIN_LISTEN", help="Dashboard, admin API, metrics."),
]
_Workers = Annotated[
    int, typer.Option(min=0, max=1024, envvar="HEADWORKS_WORKERS", help="Event loops; 0 = one per core.")
]
_Level = Annotated[LogLevel, typer.Option("--log-level", envvar="HEADWORKS_LOG_LEVEL")]
_Format = Annotated[LogFormat, typer.Option("--log-format", envvar="HEADWORKS_LOG_FORMAT")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@app.command()
def serve(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", envvar="HEADWORKS_CONFIG", help="YAML, TOML or JSON."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Databases and keys; made if there is none.")
    ] = None,
    listen: _Listen = None,
    admin_listen: _AdminListen = None,
    workers: _Workers = 0,
    plugin: Annotated[
        list[str] | None, typer.Option(metavar="MODULE", help="A plug-in; may be given more than once.")
    ] = None,
    log_level: _Level = LogLevel.INFO,
    log_format: _Format = LogFormat.TEXT,
) -> None:
    """Run the gateway in the foreground.

    TERM and INT stop it, HUP reads the configuration again, USR2 hands over to the program as it is now.
    """
    from headworks._serve import serve as run

    code = run(
        config,
        data_dir="" if data_dir is None else str(data_dir),
        listen=listen,
        admin_listen=admin_listen,
        workers=workers,
        log_level=log_level.value,
        log_format=log_format.value,
        plugins=plugin or (),
    )
    raise typer.Exit(code)


@app.command()
def demo(
    listen: _Listen = None,
    admin_listen: _AdminListen = None,
    traffic: Annotated[bool, typer.Option(help="Gentle traffic of its own.")] = True,
    log_level: _Level = LogLevel.WARN,
) -> None:
    """Serve two pools of built-in upstreams (healthy, slow, rate-limited, dying); nothing is kept."""
    from headworks._demo import demo as run

    raise typer.Exit(
        run(listen=listen, admin_listen=admin_listen, traffic=traffic, log_level=log_level.value)
    )


@app.command()
def check(file: Annotated[Path, typer.Argument(help="YAML, TOML or JSON.")], as_json: _Json = False) -> None:
    """Say everything that is wrong with a configuration: file, line, path, and what to write instead."""
    from dataclasses import asdict

    from headworks._config import check_configuration

    problems = check_configuration(file)
    if as_json:
        print(json.dumps([asdict(one) for one in problems], indent=2))
    else:
        print("\n".join(str(one) for one in problems) or f"{file}: fine")
    raise typer.Exit(ConfigurationError.exit_code if problems else 0)


@app.command(context_settings=_NATIVE)
def upstream(context: typer.Context) -> None:
    """Run the programmable upstream: an LLM provider that does what a script says."""
    from headworks import _core

    raise typer.Exit(_core.run_upstream(context.args))


@app.command(context_settings=_NATIVE)
def bench(context: typer.Context) -> None:
    """Put load on a gateway and measure what comes back."""
    from headworks._bench import run_command

    raise typer.Exit(run_command(context.args))


@app.command()
def version(as_json: _Json = False) -> None:
    """Say the versions of Headworks and of everything in it."""
    from headworks import _core

    versions: dict[str, str] = json.loads(_core.versions())
    if as_json:
        print(json.dumps(versions, indent=2))
    else:
        print("\n".join(f"{name} {number}" for name, number in versions.items()))


@app.command()
def doctor(
    data_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="The one to look at.")] = None,
    as_json: _Json = False,
) -> None:
    """Look for what keeps a gateway from running well on this machine, and say what to do."""
    from headworks._doctor import examine, show

    findings = examine(data_dir)
    show(findings, as_json=as_json)
    raise typer.Exit(0 if all(one.fine for one in findings) else 1)


@app.command()
def deploy(
    name: Annotated[str | None, typer.Argument(metavar="FILE", help="The one to print.")] = None,
) -> None:
    """List the files that help to run it elsewhere (systemd, containers, monitoring), or print one."""
    from headworks._deploy import listing, text_of

    print(listing() if name is None else text_of(name), end="\n" if name is None else "")


app.command()(_cli_admin.explain)
app.command()(_cli_admin.usage)
app.command()(_cli_admin.apply)
app.command()(_cli_admin.export)
app.add_typer(_cli_admin.backends, name="backends")
app.add_typer(_cli_admin.keys, name="keys")
app.command()(_cli_operators.backup)
app.command()(_cli_operators.restore)
app.add_typer(_cli_operators.revisions, name="revisions")
app.add_typer(_cli_operators.tokens, name="tokens")
app.add_typer(_cli_plugins.plugins, name="plugins")
app.add_typer(_cli_operators.imports, name="import")
app.add_typer(_cli_operators.master_key, name="master-key")


def main() -> None:
    """The entry point: errors of ours become one message and their exit code."""
    try:
        app()
    except HeadworksError as error:
        print(f"headworks: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
