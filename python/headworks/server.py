"""Server: the gateway inside this process, with its own threads."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from headworks._config import Document, read_document
from headworks._plugin_host import PluginHost
from headworks._table import html_table
from headworks.errors import UsageError
from headworks.plan import Plan
from headworks.plugins import PluginSources
from headworks.rows import Question, Step, UsageFilter
from headworks.usage import Usage

if TYPE_CHECKING:
    import anthropic
    import openai

    from headworks import _core
    from headworks.admin import AdminClient

__all__ = ["Server"]

_running: weakref.WeakSet[Server] = weakref.WeakSet()
_orphaned = False
"""This process was forked while a server ran: its threads are not here, but its sockets and files are."""


def _note_fork() -> None:
    global _orphaned  # noqa: PLW0603
    for server in list(_running):
        _orphaned = True
        server._forget()


os.register_at_fork(after_in_child=_note_fork)


class Server:
    """Runs the gateway from entering the `with` block to leaving it.

        with headworks.Server(config={"backends": [...]}) as server:
            server.openai().chat.completions.create(...)

    `config` is a file's name (YAML, TOML, JSON) or the document itself. Without `data_dir` everything is
    thrown away at the end. `port` and `admin_port`: 0 is any free one. `workers`: event loops, 0 is one per
    core. `plugins`: functions marked with @hook, modules or objects that hold some, besides those that the
    configuration names. `log_level`: debug, info, warn or error; the log goes to standard error.

    It stops gracefully at the end of the block, also after an error, when it is forgotten, and when the
    interpreter ends. A notebook shows where it listens. Not for a process that was forked while a server ran
    in it: use the start method `spawn`.

    Raises at its start: ConfigurationError, MasterKeyError, InUseError, StorageError, UsageError,
    PluginError.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        admin_port: int = 0,
        workers: int = 0,
        plugins: Sequence[Any] = (),
        log_level: str = "warn",
    ) -> None:
        self._document: Document | None = None if config is None else read_document(config)
        self._data_dir = data_dir
        self._listen, self._admin_listen = f"{host}:{port}", f"{host}:{admin_port}"
        self._workers = workers
        self._plugins = tuple(plugins)
        self._log_level = log_level
        self._core: _core.Server | None = None
        self._ending: weakref.finalize[..., Server] | None = None
        self._admin: AdminClient | None = None

    def start(self) -> None:
        """What entering the `with` block does."""
        from headworks import _core

        if self._core is not None:
            raise UsageError("this server is running already")
        if _orphaned:
            raise UsageError(
                "this process was forked while a server ran in it, and cannot have one of its own; "
                "start processes with the method 'spawn', or start the server after the fork"
            )
        if self._document is not None:
            self._document.expect_valid()
        host = PluginHost(self._plugin_sources(), say=logging.getLogger("headworks").warning)
        throw_away = tempfile.mkdtemp(prefix="headworks-") if self._data_dir is None else None
        try:
            core = _core.Server(
                data_dir=throw_away or os.fspath(self._data_dir or ""),
                listen=self._listen,
                admin_listen=self._admin_listen,
                workers=self._workers,
                config_json=self._document.json_text if self._document else None,
                config_origin=self._document.origin if self._document else "",
                log_level=self._log_level,
                hooks=host.rows(),
            )
            host.open(core)
        except BaseException:
            _remove(throw_away)
            raise
        self._core = core
        self._ending = weakref.finalize(self, _end, [core], host, throw_away)
        _running.add(self)

    def close(self) -> None:
        """Stops gracefully and waits for it. May be called again; a forgotten server does it by itself."""
        ending, self._ending, self._core = self._ending, None, None
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
        if ending is not None:
            ending()
        _running.discard(self)

    def _forget(self) -> None:
        """In a forked child: it runs in the parent, and ends there."""
        if self._ending is not None:
            self._ending.detach()
        self._ending = self._core = self._admin = None

    def apply(self, config: str | os.PathLike[str] | Mapping[str, Any]) -> int:
        """Applies a configuration (a file's name or the document) as one change, all or nothing.

        The revision after it. Raises ConfigurationError, with every problem.
        """
        document = read_document(config)
        document.expect_valid()
        return self._running().apply(document.json_text, document.origin or "python")

    @property
    def url(self) -> str:
        """The data listener, without `/v1`."""
        return self._running().data_url

    @property
    def admin_url(self) -> str:
        """The admin listener: dashboard, admin API, metrics."""
        return self._running().admin_url

    @property
    def data_dir(self) -> Path:
        """Its databases, keys and admin token."""
        return Path(self._running().data_dir)

    @property
    def client_key(self) -> str:
        """A key to call it with: the one made at first start, else the first literal one of the document."""
        if key := self._running().first_client_key:
            return key
        document = self._document.located.value if self._document else {}
        for one in document.get("client_keys", []):
            key = one.get("key", "")
            if key and not key.startswith(("${", "file:")):
                return str(key)
        raise UsageError("no client key is known here; name one in the configuration, or pass api_key")

    @property
    def admin(self) -> AdminClient:
        """A client of its admin API. It is closed with the server."""
        from headworks.admin import AdminClient

        core = self._running()
        if self._admin is None:
            self._admin = AdminClient(core.admin_url, data_dir=core.data_dir)
        return self._admin

    def usage(
        self,
        by: str | Iterable[str] = (),
        *,
        since: str | None = None,
        until: str | None = None,
        step: Step | None = None,
        limit: int | None = None,
        **only: Unpack[UsageFilter],
    ) -> Usage:
        """What was used and what it cost; AdminClient.usage says what the parameters mean."""
        return self.admin.usage(by, since=since, until=until, step=step, limit=limit, **only)

    def explain(self, model: str, **question: Unpack[Question]) -> Plan:
        """Where a request for this model would go now; AdminClient.explain says what else can be asked."""
        return self.admin.explain(model, **question)

    def openai(self, **options: Any) -> openai.OpenAI:
        """An OpenAI SDK client of this server; `options` go to it. Needs the package `openai`."""
        import openai

        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=options.pop("api_key", None) or self.client_key, **options
        )

    def anthropic(self, **options: Any) -> anthropic.Anthropic:
        """An Anthropic SDK client of this server; `options` go to it. Needs the package `anthropic`."""
        import anthropic

        return anthropic.Anthropic(
            base_url=self.url, api_key=options.pop("api_key", None) or self.client_key, **options
        )

    def _plugin_sources(self) -> PluginSources:
        document = self._document
        if document is None:
            return PluginSources(given=self._plugins)
        return PluginSources.of_document(json.loads(document.json_text), document.origin, given=self._plugins)

    def _running(self) -> _core.Server:
        if self._core is None:
            raise UsageError("this server is not running: use it in a `with` block, or call start()")
        return self._core

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<headworks.Server {self.url}>" if self._core else "<headworks.Server (not running)>"

    def _repr_html_(self) -> str:
        if self._core is None:
            return "<p>headworks.Server (not running)</p>"
        rows = self.admin.backends()
        shown = [
            [
                row["name"],
                row["pool"],
                row["status"] if row["enabled"] else "disabled",
                row["rpm_limit"] or None,
            ]
            for row in rows
        ]
        where = f'data <code>{self.url}</code>, admin <a href="{self.admin_url}">{self.admin_url}</a>'
        return (
            f"<p>headworks.Server: {where}</p>{html_table(('backend', 'pool', 'status', 'rpm_limit'), shown)}"
        )


def _end(cores: list[_core.Server], host: PluginHost, throw_away: str | None) -> None:
    cores[0].stop()
    cores[0].wait()
    host.end()
    cores.clear()  # closes the databases before their directory goes
    _remove(throw_away)


def _remove(throw_away: str | None) -> None:
    if throw_away is not None:
        shutil.rmtree(throw_away, ignore_errors=True)
