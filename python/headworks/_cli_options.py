"""What every command that talks to a running server takes, and how it finds the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from headworks.admin import AdminClient

__all__ = ["DataDir", "Json", "Token", "Url", "connect"]

Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
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
