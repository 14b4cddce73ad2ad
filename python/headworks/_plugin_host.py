"""The plug-ins of one server: loaded, published to the core, served by workers, loaded again, ended.

Knows both ways to run them (threads here, a process of their own) and nothing of what a hook does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from headworks._hook_process import HookProcess
from headworks.errors import PluginError
from headworks.hook_worker import HookWorkers
from headworks.plugins import Plugin, PluginSources, hooks_of, load_plugins

if TYPE_CHECKING:
    from headworks import _core

__all__ = ["PluginHost"]


class _Runner(Protocol):
    """Plug-ins that are loaded and can be asked."""

    plugins: list[Plugin]

    def serve(self, hooks: list[_core.Hook]) -> None: ...
    def join(self, seconds: float) -> bool: ...


class _Threads:
    """Plug-ins in this process."""

    def __init__(self, sources: PluginSources, *, fresh: bool, say: Callable[[str], None]) -> None:
        self.plugins = load_plugins(sources, fresh=fresh)
        self._say = say
        self._workers: HookWorkers | None = None

    def serve(self, hooks: list[_core.Hook]) -> None:
        self._workers = HookWorkers(hooks_of(self.plugins), hooks, say=self._say)

    def join(self, seconds: float) -> bool:
        return self._workers is None or self._workers.join(seconds)


class PluginHost:
    """`rows()` go into the making of a core, `open()` follows it, `end()` follows its end."""

    def __init__(self, sources: PluginSources, *, say: Callable[[str], None]) -> None:
        """Loads the plug-ins. Raises PluginError."""
        self._sources = sources
        self._say = say
        self._runner = self._load(sources, fresh=False)
        self._core: _core.Server | None = None
        self._reloading = threading.Lock()
        self._reloader: threading.Thread | None = None
        self._clean = True

    @property
    def plugins(self) -> list[Plugin]:
        """Those in force."""
        return self._runner.plugins

    def rows(self) -> list[_core.HookRow]:
        """Every hook, as the core knows it."""
        return _rows_of(self._runner.plugins)

    def open(self, core: _core.Server) -> None:
        """Serves the hooks that `core` was made with, then lets it serve."""
        self._core = core
        self._runner.serve(core.hooks())
        self._reloader = threading.Thread(target=self._serve_reloads, name="hw-hook-reload", daemon=True)
        self._reloader.start()
        try:
            core.open()
        except BaseException:
            core.stop()
            core.wait()
            self.end()
            raise

    def reload(self, sources: PluginSources | None = None) -> None:
        """Reads the configuration's plug-ins again. Raises PluginError: then the old ones stay."""
        if self._core is None:
            raise PluginError("this server does not run")
        with self._reloading:
            sources = sources or self._sources
            fresh = self._load(sources, fresh=True)
            old, self._runner, self._sources = self._runner, fresh, sources
            fresh.serve(self._core.publish_hooks(_rows_of(fresh.plugins)))
            self._clean &= old.join(2)

    def end(self) -> bool:
        """Waits for the workers. REQUIRES that the core has ended. False: a function does not return."""
        clean = self._runner.join(2)
        if self._reloader is not None:
            self._reloader.join(5)
        self._core = None
        return clean and self._clean

    def _load(self, sources: PluginSources, *, fresh: bool) -> _Runner:
        if sources.isolation == "process":
            return HookProcess(sources, say=self._say)
        return _Threads(sources, fresh=fresh, say=self._say)

    def _serve_reloads(self) -> None:
        """Answers who asks for it by the admin API."""
        if self._core is None:
            return
        asked = self._core.open_reloader()
        while not asked.closed:
            for question in asked.take(1, 60):
                try:
                    self.reload()
                except Exception as error:
                    question.fail("raised", str(error))
                else:
                    question.pass_()


def _rows_of(plugins: list[Plugin]) -> list[_core.HookRow]:
    from headworks import _core

    origins = {plugin.name: plugin.origin for plugin in plugins}
    return [
        _core.HookRow(
            name=one.name,
            plugin=one.plugin,
            origin=origins[one.plugin],
            point=one.options.point,
            timeout_seconds=one.options.timeout_ms / 1000,
            on_error=one.options.on_error,
            body=one.options.body,
        )
        for one in hooks_of(plugins)
    ]
