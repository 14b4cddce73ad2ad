"""Hooks: the functions by which a plug-in takes part in an exchange, what they see and what they may answer.

A plug-in is a module with functions marked `@hook`. The function's name says where it is asked:

    from headworks import hook

    @hook(timeout_ms=20, on_error="ignore")
    def route(request, candidates):         # before the first attempt
        return sorted(candidates, key=lambda one: one.input_price or 0)

* `admit(request)`, before routing: None, a Reject, or Changes
* `route(request, candidates)`, before the first attempt: the backends to ask, best first (their names or the
  candidates themselves; those left out are not asked), a Reject, or None
* `failed(request, attempt)`, after an attempt that failed: None, "stop", "retry", or Cool(seconds)
* `finished(exchange)`, after the answer: it observes only, off the request's way, and in no particular order

None is no opinion. Several hooks of one point are asked in the order of their plug-ins, each seeing what
the ones before it changed. Functions may be `async`. What they are shown is frozen, and holds no
credentials.

A hook has `timeout_ms` to answer. One that is late, raises or answers something else is passed over
(`on_error="ignore"`), or ends the exchange with 503 `hook_failed` (`on_error="reject"`); after five
failures in a row it is not asked for a second. Plug-ins are trusted code: in a thread of this process
unless `plugins: {isolation: process}` gives them one of their own.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from headworks.errors import PluginError

if TYPE_CHECKING:
    from headworks._core import (
        HookAttempt as Attempt,
    )
    from headworks._core import (
        HookCandidate as Candidate,
    )
    from headworks._core import (
        HookExchange as Exchange,
    )
    from headworks._core import (
        HookRequest as Request,
    )

__all__ = ["Attempt", "Candidate", "Changes", "Cool", "Exchange", "Reject", "Request", "hook"]

POINTS: dict[str, tuple[str, ...]] = {
    "admit": ("request",),
    "route": ("request", "candidates"),
    "failed": ("request", "attempt"),
    "finished": ("exchange",),
}
"""Every point, with what its hooks are called with."""

_VIEWS = {
    "Attempt": "HookAttempt",
    "Candidate": "HookCandidate",
    "Exchange": "HookExchange",
    "Request": "HookRequest",
}
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reject:
    """Ends the exchange: the client gets this error, in the dialect of its route.

    `message`: for the client; empty: a sentence of ours. `status`: 400, 401, 402, 403, 404, 413, 429 or 503.
    `retry_after`: seconds, for 429 and 503.
    """

    message: str = ""
    status: int = 403
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a request is to be instead. None, or nothing named: it stays.

    `model`: another model; the body that goes upstream names it. `tags`: for later hooks. `timeout`:
    seconds for the whole exchange; it can only become less. `headers`: what goes upstream; a value of
    None takes the header out.
    """

    model: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cool:
    """The backend that failed rests for so many `seconds`; the plan goes on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HookOptions:
    """What `@hook` says about a function."""

    point: str
    timeout_ms: float = 20
    on_error: Literal["ignore", "reject"] = "ignore"
    body: bool = False


@overload
def hook(function: _Function, /) -> _Function: ...
@overload
def hook(
    *,
    point: str | None = None,
    timeout_ms: float = 20,
    on_error: Literal["ignore", "reject"] = "ignore",
    body: bool = False,
) -> Callable[[_Function], _Function]: ...
def hook(
    function: _Function | None = None,
    /,
    *,
    point: str | None = None,
    timeout_ms: float = 20,
    on_error: Literal["ignore", "reject"] = "ignore",
    body: bool = False,
) -> _Function | Callable[[_Function], _Function]:
    """Marks a function, plain or async, as a hook of the point that its name says (or `point`).

    `timeout_ms`: how long the exchange waits for it, 1 to 60,000. `on_error`: what then, or when it
    fails: "ignore" or "reject". `body`: whether `request.body` is filled in (a copy of every request's
    body). Raises PluginError, naming file and line, when that cannot be a hook.
    """

    def mark(marked: _Function) -> _Function:
        options = HookOptions(point or str(getattr(marked, "__name__", "")), timeout_ms, on_error, body)
        _expect_sound(marked, options)
        marked.__headworks_hook__ = options  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def place_of(function: Callable[..., Any]) -> str:
    """`file.py:12`, as far as it is known."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(function)


def _expect_sound(function: Callable[..., Any], options: HookOptions) -> None:
    place = place_of(function)
    if options.point not in POINTS:
        close = difflib.get_close_matches(options.point, POINTS, 1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(POINTS)}"
        raise PluginError(f"{place}: there is no hook named '{options.point}' ({hint})")
    if options.on_error not in ("ignore", "reject"):
        raise PluginError(f"{place}: on_error is 'ignore' or 'reject', not {options.on_error!r}")
    if not 1 <= options.timeout_ms <= 60_000:
        raise PluginError(f"{place}: timeout_ms is 1 to 60,000, not {options.timeout_ms!r}")


def expect_callable(function: Callable[..., Any], options: HookOptions) -> None:
    """Raises PluginError when `function` cannot be called with what its point gives."""
    wanted = POINTS[options.point]
    try:
        inspect.signature(function).bind(*wanted)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{place_of(function)}: {options.point} is called as"
            f" {options.point}({', '.join(wanted)}): {error}"
        ) from None


def __getattr__(name: str) -> Any:
    """The views, from the extension module, when somebody wants them."""
    if name in _VIEWS:
        from headworks import _core

        return getattr(_core, _VIEWS[name])
    raise AttributeError(name)
