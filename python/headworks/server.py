"""Server: the gateway inside this process, with its own threads."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from headworks._config import Document, read_document
from headworks._plugin_host import PluginHost
from headworks.errors import UsageError
from headworks.plugins import PluginSources

if TYPE_CHECKING:
    import anthropic
    import openai

    from headworks import _core

__all__ = ["Server"]


class Server:
    """Runs the gateway from entering the `with` block to leaving it.

        with headworks.Server(config={"backends": [...]}) as server:
            server.openai().chat.completions.create(...)

    `config` is a file's name or the document itself. `plugins`: functions marked with @hook, modules or objects that
    hold some, besides those that the configuration names. Without `data_dir` everything is thrown away at the end.
    Port 0 is any free one. Raises ConfigurationError, MasterKeyError, InUseError, StorageError.
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

    def start(self) -> None:
        """What entering the `with` block does."""
        from headworks import _core

        if self._core is not None:
            raise UsageError("this server is running already")
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
        except BaseException:
            _remove(throw_away)
            raise
        host.begin(core)
        self._core = core
        self._ending = weakref.finalize(self, _end, [core], host, throw_away)

    def close(self) -> None:
        """Stops gracefully and waits for it. May be called again; a forgotten server does it by itself."""
        ending, self._ending, self._core = self._ending, None, None
        if ending is not None:
            ending()

    def apply(self, config: str | os.PathLike[str] | Mapping[str, Any]) -> int:
        """Applies a configuration as one change, all or nothing; the revision after it."""
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


def _end(cores: list[_core.Server], host: PluginHost, throw_away: str | None) -> None:
    cores[0].stop()
    cores[0].wait()
    host.end()
    cores.clear()  # closes the databases before their directory goes
    _remove(throw_away)


def _remove(throw_away: str | None) -> None:
    if throw_away is not None:
        shutil.rmtree(throw_away, ignore_errors=True)
