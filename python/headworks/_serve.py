"""What `headworks serve` and `headworks demo` do between start and end: signals, reading the file again.

The main thread waits for signals with sigwait, so that none of them interrupts anything; the threads of the
core are started with those signals blocked and never see them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headworks._config import Document, read_document
from headworks._plugin_host import PluginHost
from headworks.errors import ConfigurationError, HeadworksError, PluginError
from headworks.plugins import PluginSources

if TYPE_CHECKING:
    from headworks import _core

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


def serve(
    config: Path | None,
    *,
    data_dir: str,
    listen: str | None,
    admin_listen: str | None,
    workers: int,
    log_level: str,
    log_format: str,
    plugins: Sequence[str] = (),
) -> int:
    """Runs the gateway until a signal ends it; the exit code. Raises HeadworksError if it does not start."""
    from headworks import _core

    document = None if config is None else read_document(config)
    if document is not None:
        document.expect_valid()
    hold_signals()
    host = PluginHost(
        _sources_of(document, plugins), say=lambda text: _say(log_format, "warn", f"plug-ins: {text}")
    )
    core = _core.Server(
        data_dir=data_dir,
        listen=listen,
        admin_listen=admin_listen,
        workers=workers,
        config_json=document.json_text if document else None,
        config_origin=document.origin if document else "",
        log_level=log_level,
        log_format=log_format,
        announce=True,
        hooks=host.rows(),
        command=sys.orig_argv,
    )
    host.open(core)

    def read_again() -> None:
        if config is None:
            _say(log_format, "warn", "HUP: there is no configuration file to read again")
            return
        try:
            fresh = read_document(config)
            fresh.expect_valid()
            revision = core.apply(fresh.json_text, fresh.origin)
            host.reload(_sources_of(fresh, plugins))
        except PluginError as error:
            _say(log_format, "error", f"{config} was applied, but the old plug-ins stay: {error}")
        except ConfigurationError as error:
            for line in str(error).splitlines():
                _say(log_format, "error", line)
            _say(log_format, "error", f"{config} was not applied; the old configuration stays")
        except HeadworksError as error:
            _say(log_format, "error", f"{config} was not applied, the old configuration stays: {error}")
        else:
            _say(log_format, "info", f"{config} was applied; revision {revision}")

    code = run_until_stopped(core, on_hangup=read_again)
    if not host.end():
        # A thread that hangs in a plug-in would keep the interpreter from ending; all of ours is written.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _sources_of(document: Document | None, flagged: Sequence[str]) -> PluginSources:
    if document is None:
        return PluginSources(flagged=tuple(flagged))
    return PluginSources.of_document(json.loads(document.json_text), document.origin, flagged=tuple(flagged))


def hold_signals() -> None:
    """From now on TERM, INT, HUP and USR2 wait for run_until_stopped. Call before any thread is started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def run_until_stopped(core: _core.Server, *, on_hangup: Callable[[], None]) -> int:
    """TERM or INT stop it gracefully, the second one at once; USR2 hands over.

    REQUIRES hold_signals(), the main thread.
    """
    main = threading.get_ident()
    exit_code: int | None = None

    def wait() -> None:
        nonlocal exit_code
        exit_code = core.wait()
        signal.pthread_kill(main, signal.SIGTERM)  # wakes sigwait

    waiter = threading.Thread(target=wait, name="headworks-wait")
    waiter.start()
    while True:
        caught = signal.sigwait(_SIGNALS)
        if exit_code is not None:
            waiter.join()
            return exit_code
        if caught == signal.SIGHUP:
            on_hangup()
        elif caught == signal.SIGUSR2:
            core.hand_over()
        else:
            core.stop()


def _say(log_format: str, level: str, message: str) -> None:
    line = json.dumps({"level": level, "message": message}) if log_format == "json" else f"{level}: {message}"
    print(line, file=sys.stderr, flush=True)
