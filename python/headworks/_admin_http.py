"""How the admin API of a running server is found, and what its errors become."""

from __future__ import annotations

import json
import os
from pathlib import Path

from headworks.errors import ConfigurationError, ConflictError, HeadworksError, NotFoundError, UsageError

__all__ = ["error_of", "find_token", "find_url", "quoted"]

_ERRORS: dict[str, type[HeadworksError]] = {
    "not_found": NotFoundError,
    "route_not_found": NotFoundError,
    "conflict": ConflictError,
    "stale_revision": ConflictError,
    "invalid_configuration": ConfigurationError,
    "bad_request": UsageError,
    "invalid_json": UsageError,
}


def quoted(part: str) -> str:
    from urllib.parse import quote

    return quote(part, safe="")


def find_url(given: str | None, folder: Path) -> str:
    if found := given or os.environ.get("HEADWORKS_ADMIN_URL"):
        return found.rstrip("/")
    try:
        return str(json.loads((folder / "run.json").read_text())["admin_url"])
    except (OSError, ValueError, KeyError) as failed:
        message = f"no running server was found in {folder}; give --url, or HEADWORKS_ADMIN_URL"
        raise UsageError(message) from failed


def find_token(given: str | None, folder: Path) -> str:
    if found := given or os.environ.get("HEADWORKS_ADMIN_TOKEN"):
        return found
    try:
        return (folder / "admin.token").read_text().strip()
    except OSError as failed:
        message = f"no admin token was found in {folder}; give --token, or HEADWORKS_ADMIN_TOKEN"
        raise UsageError(message) from failed


def error_of(status: int, content: bytes) -> HeadworksError:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return HeadworksError(f"the server answered {status} with something that is no error of its API")
    hint = f" ({error['hint']})" if error.get("hint") else ""
    kind = _ERRORS.get(error["code"], HeadworksError)
    return kind(f"{error['message']}{hint}", code=error["code"])
