"""Plug-ins: finding them, and holding them to their contract when they are loaded.

Three ways to name one: `plugins:` in the configuration, `--plugin`, and the entry-point group
`headworks.plugins` of installed packages. They are asked in this order: entry points by name, then the
configuration's, then the flags'.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from headworks.errors import PluginError
from headworks.hookspecs import POINTS, HookOptions, expect_callable, place_of

__all__ = ["Hook", "Plugin", "PluginSources", "load_plugins"]

GROUP = "headworks.plugins"


@dataclass(frozen=True)
class Hook:
    """One function of a plug-in."""

    name: str
    """`module.function`: its label in metrics and logs."""
    plugin: str
    options: HookOptions
    function: Callable[..., Any]

    @property
    def is_async(self) -> bool:
        """Whether calling it gives something to await."""
        return inspect.iscoroutinefunction(self.function)


@dataclass(frozen=True)
class Plugin:
    """A module (or an object) with hooks."""

    name: str
    origin: str
    """`entry point`, `configuration`, `flag` or `argument`."""
    place: str
    """The file it came from."""
    hooks: tuple[Hook, ...]


@dataclass(frozen=True)
class PluginSources:
    """Where plug-ins are to come from."""

    configured: tuple[str, ...] = ()
    """Modules, or files ending in .py, by `plugins:`; only these are loaded again."""
    folder: str = ""
    """Of the configuration file: files are relative to it, and its modules can be imported."""
    flagged: tuple[str, ...] = ()
    given: tuple[Any, ...] = ()
    """Functions, modules and objects, by Server(plugins=...)."""
    entry_points: bool = True
    isolation: str = "thread"
    memory_mb: int = 0
    """Of the process of `isolation: process`; 0: no limit."""

    @classmethod
    def of_document(cls, document: Mapping[str, Any], origin: str = "", **more: Any) -> PluginSources:
        """What a (valid) configuration says."""
        said = document.get("plugins") or []
        if not isinstance(said, Mapping):
            said = {"modules": said}
        return cls(
            configured=tuple(said.get("modules") or ()),
            folder=str(Path(origin).resolve().parent) if origin else "",
            entry_points=bool(said.get("entry_points", True)),
            isolation=str(said.get("isolation", "thread")),
            memory_mb=int(said.get("memory_mb", 0)),
            **more,
        )


@dataclass
class _Loading:
    fresh: bool
    """Modules that were imported before are read again."""
    loaded: list[Plugin] = field(default_factory=list)

    def add(self, name: str, origin: str, thing: Any) -> None:
        plugin = Plugin(name, origin, _place_of(thing), tuple(_hooks_of(name, thing)))
        if not plugin.hooks:
            raise PluginError(
                f"{plugin.place or name}: the plug-in {name} has no hook: mark one of"
                f" {', '.join(POINTS)} with @headworks.hook"
            )
        self.loaded.append(plugin)


def load_plugins(sources: PluginSources, *, fresh: bool = False) -> list[Plugin]:
    """All plug-ins, in the order in which they are asked. `fresh`: those of the configuration are read again.

    Raises PluginError: what cannot be imported, has no hook, or a hook that cannot be called.
    """
    loading = _Loading(fresh)
    if sources.entry_points:
        for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda one: one.name):
            with _blaming(f"entry point {point.name} ({point.value})"):
                thing = point.load()
            loading.add(point.name, "entry point", thing)
    for name in sources.configured:
        loading.add(name, "configuration", _import(name, sources.folder, fresh=fresh))
    for name in sources.flagged:
        loading.add(name, "flag", _import(name, str(Path.cwd()), fresh=False))
    for thing in sources.given:
        loading.add(_name_of(thing), "argument", thing)
    return loading.loaded


def _import(name: str, folder: str, *, fresh: bool) -> Any:
    with _blaming(f"plug-in {name}"), _importable(folder):
        if name.endswith(".py"):
            return _import_file(Path(folder) / name if folder else Path(name))
        importlib.invalidate_caches()
        if fresh and name in sys.modules:
            return importlib.reload(sys.modules[name])
        return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"{path}: there is no such file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Modules of `folder` can be imported, after everything that is installed."""
    if not folder or folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


@contextlib.contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Whatever goes wrong inside is a PluginError that says where."""
    try:
        yield
    except PluginError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        own = [
            one
            for one in frames
            if os.sep + "importlib" + os.sep not in one.filename and "<frozen" not in one.filename
        ]
        place = f"{own[-1].filename}:{own[-1].lineno}: " if own and own[-1].filename != __file__ else ""
        if isinstance(error, SyntaxError):
            place = f"{error.filename}:{error.lineno}: "
        raise PluginError(f"{place}{what} cannot be loaded: {type(error).__name__}: {error}") from error


def _hooks_of(plugin: str, thing: Any) -> Iterator[Hook]:
    if callable(thing) and hasattr(thing, "__headworks_hook__"):
        members = [(getattr(thing, "__name__", "hook"), thing)]
    elif isinstance(thing, ModuleType):
        members = list(vars(thing).items())
    else:
        members = [(name, getattr(thing, name)) for name in dir(thing) if not name.startswith("__")]
    for name, member in members:
        options = getattr(member, "__headworks_hook__", None)
        if not isinstance(options, HookOptions):
            continue
        if isinstance(thing, ModuleType) and getattr(member, "__module__", None) != thing.__name__:
            continue  # imported from another plug-in, which has it already
        expect_callable(member, options)
        yield Hook(f"{plugin}.{name}", plugin, options, member)


def _place_of(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return getattr(thing, "__file__", None) or ""
    return (
        place_of(thing).rpartition(":")[0] if callable(thing) else (inspect.getsourcefile(type(thing)) or "")
    )


def _name_of(thing: Any) -> str:
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def hooks_of(plugins: Sequence[Plugin]) -> list[Hook]:
    """Every hook, in the order of asking."""
    return [one for plugin in plugins for one in plugin.hooks]
