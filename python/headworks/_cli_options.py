"""What every command that talks to a running server takes, and how it finds the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from headworks.admin import AdminClient

__all__ = ["DataDir", "DryRun", "Json", "Token", "Url", "connect", "names_of"]

Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")]
Url = Annotated[
    str | None, typer.Option("--url", envvar="HEADWORKS_ADMIN_URL", help="The admin listener of the server.")
]
Token = Annotated[
    str | None, typer.Option("--token", envvar="HEADWORKS_ADMIN_TOKEN", help="Its admin token.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the running server is found by its run.json.")
]


def connect(url: str | None, token: str | None, data_dir: Path | None) -> AdminClient:
    from headworks.admin import AdminClient  # here, because it brings an HTTP library

    return AdminClient(url, token, data_dir=data_dir)


def names_of(rows: Callable[[AdminClient], Any]) -> Callable[[typer.Context, str], list[str]]:
    """For shell completion: the names of what a running server has; none when it cannot be asked."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from headworks.admin import AdminClient
        from headworks.errors import HeadworksError

        said = context.params
        try:
            with AdminClient(
                said.get("url"), said.get("token"), data_dir=said.get("data_dir"), timeout=1
            ) as client:
                return [row["name"] for row in rows(client) if row["name"].startswith(incomplete)]
        except HeadworksError:
            return []

    return complete
