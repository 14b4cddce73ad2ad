"""`headworks plugins`: what is loaded, and whether a plug-in would be."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from headworks._config import read_document
from headworks._console import print_json
from headworks.hookspecs import POINTS
from headworks.plugins import Hook, PluginSources, hooks_of, load_plugins
from headworks.rows import PluginRow

plugins = typer.Typer(
    name="plugins", help="Plug-ins: list those in force, load them again, try one.", no_args_is_help=True
)

_Url = Annotated[
    str | None, typer.Option(metavar="URL", envvar="HEADWORKS_ADMIN_URL", help="Of the admin listener.")
]
_Token = Annotated[str | None, typer.Option(envvar="HEADWORKS_ADMIN_TOKEN", help="The admin token.")]
_DataDir = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the server's run.json is.")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


@plugins.command("list")
def list_plugins(
    url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False
) -> None:
    """List the plug-ins of the running server, with their hooks: how often each was asked, and failed."""
    from headworks.admin import AdminClient

    with AdminClient(url, token, data_dir=data_dir) as admin:
        _show(admin.plugins(), as_json=as_json)


@plugins.command()
def reload(url: _Url = None, token: _Token = None, data_dir: _DataDir = None, as_json: _Json = False) -> None:
    """Have the running server load the plug-ins of its configuration again."""
    from headworks.admin import AdminClient

    with AdminClient(url, token, data_dir=data_dir) as admin:
        _show(admin.reload_plugins(), as_json=as_json)


@plugins.command()
def test(
    module: Annotated[list[str] | None, typer.Argument(help="Modules, or files ending in .py.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Its plug-ins, too.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Load plug-ins as a server would, call each hook once with made-up values, and say what it answers."""
    document = None if config is None else read_document(config)
    said = {} if document is None else json.loads(document.json_text)
    sources = PluginSources.of_document(
        said, "" if document is None else document.origin, flagged=tuple(module or ())
    )
    results = [_try(one) for one in hooks_of(load_plugins(sources))]
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for one in results:
            print(f"{one['hook']} ({one['point']}): {one['answer']}  [{one['milliseconds']:.2f} ms]")
        if not results:
            print("no plug-ins: name a module, or a configuration with `plugins:`")
    raise typer.Exit(1 if any(one["raised"] for one in results) else 0)


def _try(one: Hook) -> dict[str, Any]:
    made = samples()
    arguments = [made[name] for name in POINTS[one.options.point]]
    began = time.perf_counter()
    raised = False
    try:
        said = one.function(*arguments)
        if inspect.isawaitable(said):
            said = asyncio.run(_wait_for(said))
    except Exception as error:
        said, raised = f"{type(error).__name__}: {error}", True
    return {
        "hook": one.name,
        "point": one.options.point,
        "answer": said if isinstance(said, str) else repr(said),
        "raised": raised,
        "milliseconds": (time.perf_counter() - began) * 1000,
    }


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


def samples() -> dict[str, Any]:
    """One value of each kind that hooks are called with."""
    from headworks.hookspecs import Attempt, Candidate, Exchange, Request

    body = b'{"model": "llama-70b", "messages": [{"role": "user", "content": "Hello"}]}'
    return {
        "request": Request(
            id="req_sample",
            route="/v1/chat/completions",
            model="llama-70b",
            client_key="app",
            client_key_id="key_sample",
            body_bytes=len(body),
            body=body,
            headers={"content-type": "application/json"},
            seconds_left=600.0,
        ),
        "candidates": [
            Candidate(backend="first", pool="primary", model="meta/llama-70b", rpm_limit=40, starts_left=40),
            Candidate(backend="second", pool="primary", model="meta/llama-70b", out="cooling", ready_in=12.0),
            Candidate(backend="spare", pool="fallback", model="llama-70b", input_price=1, output_price=2),
        ],
        "attempt": Attempt(number=1, backend="first", pool="primary", status=429, failure="status_429"),
        "exchange": Exchange(
            id="req_sample", route="/v1/chat/completions", model="llama-70b", status=200, backend="first",
            pool="primary", attempts=1, seconds=1.5, input_tokens=12, output_tokens=80, cost_usd=0.0001,
        ),
    }  # fmt: skip


def _show(rows: Sequence[PluginRow], *, as_json: bool) -> None:
    if as_json:
        print_json(list(rows))
        return
    for plugin in rows:
        print(f"{plugin['name']} ({plugin['origin']})")
        for one in plugin["hooks"]:
            print(
                f"  {one['point']:<9} {one['timeout_ms']:g} ms, {one['on_error']}"
                f"  calls {one['calls']}, failures {one['failures']}, {one['state']}"
            )
    if not rows:
        print("no plug-ins")
