"""One call of the admin API as a value, without input or output: what is sent, and what its answer becomes.

Also how a running server is found. The transports (headworks.admin) send such values; they must not know
routes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from headworks.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    HeadworksError,
    NotFoundError,
    UnreachableError,
    UsageError,
)

__all__ = ["Call", "EventLines", "Page", "find_token", "find_url", "make_call", "unreachable"]

Answered = TypeVar("Answered")
Row = TypeVar("Row")

_ERRORS: dict[str, type[HeadworksError]] = {
    "not_found": NotFoundError,
    "route_not_found": NotFoundError,
    "conflict": ConflictError,
    "stale_revision": ConflictError,
    "invalid_configuration": ConfigurationError,
    "bad_request": UsageError,
    "invalid_json": UsageError,
    "missing_credential": AccessError,
    "invalid_api_key": AccessError,
    "permission_denied": AccessError,
    "too_many_wrong_tokens": AccessError,
    "misdirected": AccessError,
}


class Page(list[Row]):
    """One page of a list: its rows, and `next`, the `before` of the next page (None: this is the last)."""

    def __init__(self, rows: list[Row], next: str | None = None) -> None:  # noqa: A002  the API's own word
        super().__init__(rows)
        self.next = next


@dataclass(frozen=True)
class Call(Generic[Answered]):
    """Method, path under /admin/v1, query and body; `read` makes the answer's JSON what the caller gets."""

    method: str
    path: str
    read: Callable[[Any], Answered]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def answer_of(self, status: int, content: bytes) -> Answered:
        """What a whole answer means. Raises HeadworksError for every status but 2xx."""
        if not 200 <= status < 300:
            raise _error_of(status, content)
        return self.read(json.loads(content) if content else None)

    def before(self, cursor: str) -> Call[Answered]:
        """The same for the page that begins there."""
        return replace(self, query={**self.query, "before": cursor})


def make_call(
    method: str,
    path: str,
    *names: str | int,
    read: Callable[[Any], Answered],
    body: Any = None,
    **query: Any,
) -> Call[Answered]:
    """`path` holds one {} for each of `names`. Of the query, what is None or False is not said; True is 1."""
    said = {
        key: "1" if value is True else str(value)
        for key, value in query.items()
        if value is not None and value is not False
    }
    filled = path.format(*(quote(str(name), safe="") for name in names))
    return Call(method, filled, read, said, body)


class EventLines:
    """Reads server-sent events line by line."""

    def __init__(self) -> None:
        self._name = ""

    def take(self, line: str) -> tuple[str, dict[str, Any]] | None:
        """The event that the line completes."""
        name, _, value = line.partition(": ")
        if name == "event":
            self._name = value
        return (self._name, json.loads(value)) if name == "data" else None


def find_url(given: str | None, folder: Path) -> str:
    """The admin listener: as given, by the environment, or as run.json in the data directory says."""
    if found := given or os.environ.get("HEADWORKS_ADMIN_URL"):
        return found.rstrip("/")
    try:
        return str(json.loads((folder / "run.json").read_text())["admin_url"])
    except (OSError, ValueError, KeyError) as failed:
        message = f"no running server was found in {folder}; give --url, or HEADWORKS_ADMIN_URL"
        raise UsageError(message) from failed


def find_token(given: str | None, folder: Path) -> str:
    """The admin token, in the same order."""
    if found := given or os.environ.get("HEADWORKS_ADMIN_TOKEN"):
        return found
    try:
        return (folder / "admin.token").read_text().strip()
    except OSError as failed:
        message = f"no admin token was found in {folder}; give --token, or HEADWORKS_ADMIN_TOKEN"
        raise UsageError(message) from failed


def unreachable(url: str, failed: Exception) -> UnreachableError:
    """The error of a server that does not answer."""
    return UnreachableError(f"the server at {url} cannot be reached: {failed}")


def _error_of(status: int, content: bytes) -> HeadworksError:
    try:
        error = json.loads(content)["error"]
        code, message, hint = error["code"], error["message"], error.get("hint")
    except (ValueError, KeyError, TypeError):
        return HeadworksError(f"the server answered {status} with something that is no error of its API")
    kind = _ERRORS.get(code, HeadworksError)
    return kind(f"{message} ({hint})" if hint else message, code=code)
