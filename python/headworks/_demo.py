"""`headworks demo`: a gateway with life in it, without any provider key. Nothing of it is kept.

Two pools of built-in upstreams, each with a character, and gentle traffic over both dialects.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import tempfile
import threading
from typing import Any

from headworks._plugin_host import PluginHost
from headworks._serve import hold_signals, run_until_stopped
from headworks.plugins import PluginSources
from headworks.testing import Script, Upstream

_TEXT = "Water finds its level; requests find a backend that has room for them."
_STREAM = {"events": 24, "per_second": 40, "first_event_ms": 60}
# Two policies that have no opinion of the demo's own traffic: `x-tags: eu` is served by who is tagged so.
_PLUGINS = ("headworks.examples.tag_policy", "headworks.examples.redact_header")
_TAGGED = ("healthy", "spare")

# name -> pool, what it does.
_CHARACTERS: dict[str, tuple[str, Script]] = {
    "healthy": ("primary", [{"text": _TEXT, "delay_ms": 40, "stream": _STREAM}]),
    "slow": (
        "primary",
        [
            {
                "text": _TEXT,
                "delay_ms": 1200,
                "stream": {"events": 24, "per_second": 12, "first_event_ms": 900},
            }
        ],
    ),
    "rate-limited": (
        "primary",
        {"rules": [{"text": _TEXT, "delay_ms": 60, "stream": _STREAM}], "rate_limit": {"rpm": 12}},
    ),
    "dying": (
        "primary",
        [
            {"every": 3, "fault": {"at": "head", "do": "reset"}},
            {"every": 4, "status": 500},
            {"text": _TEXT, "delay_ms": 80, "stream": _STREAM},
        ],
    ),
    "spare": ("fallback", [{"text": _TEXT, "delay_ms": 120, "stream": _STREAM}]),
    "spare-slow": ("fallback", [{"text": _TEXT, "delay_ms": 700, "stream": _STREAM}]),
}


def demo(*, listen: str | None, admin_listen: str | None, traffic: bool, log_level: str) -> int:
    """Runs until a signal ends it; the exit code."""
    from headworks import _core

    hold_signals()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="headworks-demo-"))
        host = PluginHost(PluginSources(configured=_PLUGINS), say=lambda text: print(text, file=sys.stderr))
        upstreams = {name: stack.enter_context(Upstream(script)) for name, (_, script) in _CHARACTERS.items()}
        core = _core.Server(
            data_dir=folder,
            listen=listen,
            admin_listen=admin_listen,
            config_json=json.dumps(_document(upstreams)),
            config_origin="demo",
            log_level=log_level,
            announce=True,
            hooks=host.rows(),
        )
        host.open(core)
        stack.callback(host.end)
        print(_invitation(core.data_url, core.first_client_key), file=sys.stderr, flush=True)
        if traffic:
            stack.enter_context(_Traffic(core.data_url, core.first_client_key))
        return run_until_stopped(core, on_hangup=lambda: None)


def _document(upstreams: dict[str, Upstream]) -> dict[str, Any]:
    return {
        "version": 1,
        "pools": [{"name": "primary"}, {"name": "fallback"}],
        "backends": [
            {
                "name": name,
                "label": f"Demo: {name}",
                "api_base_url": f"{upstream.url}/v1",
                "pool": _CHARACTERS[name][0],
                "model_mappings": {"demo": "demo-large", "demo-small": "demo-small"},
                "metadata": {"tags": ["eu"]} if name in _TAGGED else {},
            }
            for name, upstream in upstreams.items()
        ],
        "prices": [{"model": "demo", "input": 0.35, "output": 0.4}],
    }


def _invitation(url: str, key: str) -> str:
    return f"""
Try it:
  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"model": "demo", "messages": [{{"role": "user", "content": "Hello"}}]}}'
"""


class _Traffic:
    """About two requests a second, every other one a stream. A failure is part of the show."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(pause,), daemon=True) for pause in (0.7, 1.1, 1.9)
        ]

    def _run(self, pause: float) -> None:
        import httpx2

        headers = {"authorization": f"Bearer {self._key}"}
        with httpx2.Client(base_url=self._url, headers=headers, timeout=30, trust_env=False) as client:
            for turn in itertools.count():
                if self._end.wait(pause):
                    return
                body = {
                    "model": "demo" if turn % 3 else "demo-small",
                    "stream": turn % 2 == 0,
                    "messages": [{"role": "user", "content": f"Turn {turn}"}],
                }
                with contextlib.suppress(httpx2.HTTPError):
                    client.post("/v1/chat/completions", json=body)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
