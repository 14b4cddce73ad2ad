"""Everything that Headworks raises.

* HeadworksError
  + ConfigurationError     a document, a row or a script that does not hold; `.problems` says all of it
  + MasterKeyError         the master key is missing, wrong, or readable by others
  + InUseError             the address is taken, or another server has the data directory
  + StorageError           a database cannot be opened, read or written
  + NotFoundError          there is no such thing
  + ConflictError          it would contradict what is there
  + AccessError            the admin token is missing, wrong, or not good for this call
  + UnreachableError       the server does not answer
  + UsageError             a call or a command line that cannot be meant
  + PluginError            a plug-in that cannot be loaded, or breaks its contract

Each carries `.code`, the stable name that the HTTP surface uses too, and `.exit_code`, what the commands end
with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "AccessError",
    "ConfigurationError",
    "ConflictError",
    "HeadworksError",
    "InUseError",
    "MasterKeyError",
    "NotFoundError",
    "PluginError",
    "Problem",
    "StorageError",
    "UnreachableError",
    "UsageError",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document: where, and what to write instead.

    * `path`: where, as a JSON path: $.backends[0].rpm_limit
    * `message`: what is wrong; `hint`: what to write instead, or empty
    * `file`, `line`: where in a file, if it came from one
    """

    path: str
    message: str
    hint: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """`headworks.yaml:12: $.backends[0].rpm_limit: must be ... (did you mean ...?)`."""
        place = self.file or ""
        if place and self.line is not None:
            place += f":{self.line}"
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place + ': ' if place else ''}{self.path}: {self.message}{hint}"


class HeadworksError(Exception):
    """Anything that Headworks can say went wrong."""

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        if code is not None:
            self.code = code


class ConfigurationError(HeadworksError):
    """A document, a row or a script that does not hold."""

    code = "invalid_configuration"
    exit_code = 3

    def __init__(
        self, message: str, *, code: str | None = None, detail: str = "", problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message, code=code, detail=detail)
        self.problems = tuple(problems)


class MasterKeyError(HeadworksError):
    """The master key is missing, wrong, or readable by others."""

    code = "key_unreadable"
    exit_code = 4


class InUseError(HeadworksError):
    """The address is taken, or another server has the data directory."""

    code = "in_use"
    exit_code = 5


class StorageError(HeadworksError):
    """A database cannot be opened, read or written."""

    code = "storage_failed"


class NotFoundError(HeadworksError):
    """There is no such thing."""

    code = "not_found"


class ConflictError(HeadworksError):
    """It would contradict what is there."""

    code = "conflict"


class AccessError(HeadworksError):
    """The admin token is missing, wrong, or not good for this call."""

    code = "permission_denied"


class UnreachableError(HeadworksError):
    """The server does not answer."""

    code = "unreachable"


class UsageError(HeadworksError):
    """A call or a command line that cannot be meant."""

    code = "bad_request"
    exit_code = 2


class PluginError(HeadworksError):
    """A plug-in that cannot be loaded, or breaks its contract; the message says file and line."""

    code = "plugin_failed"
    exit_code = 3


_CLASSES: tuple[type[HeadworksError], ...] = (
    ConfigurationError,
    MasterKeyError,
    InUseError,
    StorageError,
    NotFoundError,
    ConflictError,
    AccessError,
    UnreachableError,
    UsageError,
    PluginError,
)
_BY_CODE = {one.code: one for one in _CLASSES}
_BY_EXIT = {one.exit_code: one for one in reversed(_CLASSES) if one.exit_code != HeadworksError.exit_code}


def _error_of(code: str, message: str, detail: str, param: str) -> HeadworksError:
    """Called by the core: an Error of C++ as the exception of its kind."""
    if param and param not in message:
        message = f"{param}: {message}"
    return _BY_CODE.get(code, HeadworksError)(message, code=code, detail=detail)


def _start_error_of(exit_code: int, message: str) -> HeadworksError:
    """Called by the core: why a server did not start."""
    return _BY_EXIT.get(exit_code, HeadworksError)(message)
