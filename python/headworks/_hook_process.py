"""Plug-ins in a process of their own: `plugins: {isolation: process}`.

The parent forwards questions over a pair of sockets and answers them with what comes back; JSON in both
directions, so that a plug-in can hand over nothing but values. A process that does not answer in time is
killed, one that ended is replaced, and what it owed is answered `raised`. It has an address space of its
own (`memory_mb`) and none of the gateway's environment but what a Python program needs: no key, no token.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from socket import socketpair
from typing import TYPE_CHECKING, Any

from headworks.errors import PluginError
from headworks.hook_worker import BATCH, IDLE_SECONDS, STUCK_SECONDS, HookWorkers, Source
from headworks.hookspecs import HookOptions
from headworks.plugins import Hook, Plugin, PluginSources, hooks_of, load_plugins

if TYPE_CHECKING:
    from headworks import _core

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR")
_ANSWERS = ("pass_", "reject", "change", "order", "stop", "retry", "cool", "fail")
_KILL_SECONDS = STUCK_SECONDS + 0.6
"""The child has interrupted by then what can be interrupted."""
_MOST_BYTES = 1 << 20
"""Of one answer; more is rubbish."""
_VIEWS = {
    "request": "HookRequest",
    "attempt": "HookAttempt",
    "exchange": "HookExchange",
    "candidates": "HookCandidate",
}


# Parent


class HookProcess:
    """The plug-ins of `sources`, in a child that is replaced whenever it must be."""

    def __init__(self, sources: PluginSources, *, say: Callable[[str], None]) -> None:
        """Starts the child and has it load the plug-ins. Raises PluginError, with the child's own words."""
        self._sources = sources
        self._say = say
        self._lock = threading.Lock()  # guards what follows
        self._owed: dict[int, tuple[_core.HookQuestion, float]] = {}
        self._number = 0
        self._child, self._link, self.plugins = self._spawn()
        self._ending = False
        self._threads: list[threading.Thread] = []

    def serve(self, hooks: Sequence[_core.Hook]) -> None:
        """Forwards the questions of `hooks`: one for each of the plug-ins' hooks, in their order."""
        for at, one in enumerate(hooks):
            self._begin(f"hw-hook {one.name}", partial(self._forward, at, one))
        self._begin("hw-hook-answers", self._receive)
        self._begin("hw-hook-watch", self._watch)

    def join(self, seconds: float) -> bool:
        """Ends the child. REQUIRES that the hooks are closed."""
        until = time.monotonic() + seconds
        while self._owed and time.monotonic() < until:
            time.sleep(0.01)
        self._ending = True
        self._child.kill()
        self._child.wait()
        for one in self._threads:
            one.join(max(0.1, until - time.monotonic()))
        self._link.close()
        return not any(one.is_alive() for one in self._threads)

    @property
    def pid(self) -> int:
        """The child."""
        return self._child.pid

    def _begin(self, name: str, body: Callable[[], None]) -> None:
        thread = threading.Thread(target=body, name=name[:40], daemon=True)
        self._threads.append(thread)
        thread.start()

    def _spawn(self) -> tuple[subprocess.Popen[bytes], Connection, list[Plugin]]:
        ours, theirs = socketpair()
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-m", "headworks.hook_worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if name in _KEPT},
            )
        link = Connection(ours.detach())
        try:
            _send(link, dataclasses.asdict(dataclasses.replace(self._sources, given=())))
            told = _receive(link)
        except (OSError, EOFError):
            told = {"error": "the plug-ins' process ended before it had loaded them"}
        if "error" in told:
            child.kill()
            child.wait()
            link.close()
            raise PluginError(told["error"])
        return child, link, [_plugin_of(one) for one in told["plugins"]]

    def _forward(self, at: int, hook: _core.Hook) -> None:
        while True:
            questions = hook.take(BATCH, IDLE_SECONDS)
            if not questions and hook.closed:
                return
            for question in questions:
                self._ask(at, question)

    def _ask(self, at: int, question: _core.HookQuestion) -> None:
        asked = {"hook": at, **_fields_of(question)}
        with self._lock:
            self._number += 1
            number = self._number
            self._owed[number] = (question, time.monotonic())
            try:
                _send(self._link, {"number": number, **asked})
            except (OSError, EOFError):
                del self._owed[number]
                question.fail("raised", "the plug-ins' process has ended")

    def _receive(self) -> None:
        while not self._ending:
            link = self._link
            try:
                told = _receive(link)
            except (OSError, EOFError, ValueError):
                self._replace(link)
                continue
            with self._lock:
                owed = self._owed.pop(told["number"], None)
            if owed is not None:
                _answer(owed[0], told)

    def _watch(self) -> None:
        """A child that owes an answer for too long is killed; _receive() sees its end."""
        while not self._ending:
            time.sleep(0.1)
            with self._lock:
                oldest = min((since for _, since in self._owed.values()), default=None)
            if oldest is not None and time.monotonic() - oldest > _KILL_SECONDS:
                self._child.send_signal(signal.SIGKILL)

    def _replace(self, broken: Connection) -> None:
        with self._lock:
            owed, self._owed = self._owed, {}
        for question, _ in owed.values():
            question.fail("raised", "the plug-ins' process has ended")
        self._child.kill()
        self._child.wait()
        if self._ending:
            return
        self._say("the plug-ins' process has ended; it is started again")
        try:
            child, link, _ = self._spawn()
        except PluginError as error:
            self._say(f"the plug-ins' process cannot be started again: {error}")
            time.sleep(1)
            return
        with self._lock:
            self._child, self._link = child, link
        broken.close()


def _fields_of(question: _core.HookQuestion) -> dict[str, Any]:
    """The question as JSON values: those of its views that it has."""
    said: dict[str, Any] = {}
    for name in ("request", "attempt", "exchange"):
        if (view := getattr(question, name)) is not None:
            said[name] = _values_of(view)
    said["candidates"] = [_values_of(one) for one in question.candidates]
    return said


def _values_of(view: Any) -> dict[str, Any]:
    values = {name: getattr(view, name) for name in type(view).__match_args__}
    if isinstance(values.get("body"), bytes):
        values["body"] = values["body"].decode("latin-1")
    return values


def _answer(question: _core.HookQuestion, told: dict[str, Any]) -> None:
    try:
        name = told["answer"]
        if name not in _ANSWERS:
            raise ValueError(name)
        getattr(question, name)(*told["arguments"])
    except Exception as error:
        question.fail("rubbish", f"the plug-ins' process answered what cannot be used: {error}"[:300])


def _plugin_of(told: dict[str, Any]) -> Plugin:
    hooks = tuple(
        Hook(one["name"], told["name"], HookOptions(**one["options"]), function=_elsewhere)
        for one in told["hooks"]
    )
    return Plugin(told["name"], told["origin"], told["place"], hooks)


def _elsewhere(*_: Any) -> None:
    raise PluginError("this function is in another process")


def _send(link: Connection, value: Any) -> None:
    link.send_bytes(json.dumps(value, separators=(",", ":")).encode())


def _receive(link: Connection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(link.recv_bytes(64 << 20))
    return told


# Child


class _Remote:
    """The questions of one hook, as the parent sends them."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self.closed = False

    def take(self, most: int, seconds: float) -> list[_Asked]:
        del most
        try:
            return [self.queue.get(timeout=seconds)]
        except queue.Empty:
            return []


class _Asked:
    """One question; its methods send the answer."""

    def __init__(self, told: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        self._told = told
        self._reply = reply

    def __getattr__(self, name: str) -> Any:
        if name in _ANSWERS:
            return lambda *arguments: self._say(name, arguments)
        from headworks import _core

        made = getattr(_core, _VIEWS[name])
        said = self._told.get(name)
        if name == "candidates":
            return [made(**one) for one in said or ()]
        if said is not None and isinstance(said.get("body"), str):
            said["body"] = said["body"].encode("latin-1")
        return None if said is None else made(**said)

    def _say(self, name: str, arguments: tuple[Any, ...]) -> None:
        answer = {"number": self._told["number"], "answer": name, "arguments": arguments}
        if len(json.dumps(answer)) > _MOST_BYTES:
            answer |= {"answer": "fail", "arguments": ("rubbish", "the answer is larger than 1 MiB")}
        self._reply(answer)


def main() -> None:
    """The child: argument 1 is the descriptor to talk over."""
    link = Connection(int(sys.argv[1]))
    said = _receive(link)
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in said.items()}
    sources = PluginSources(**values)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent ends us
    if sources.memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (sources.memory_mb << 20, sources.memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        plugins = load_plugins(sources)
    except PluginError as error:
        _send(link, {"error": str(error)})
        return
    hooks = hooks_of(plugins)
    remotes = [_Remote() for _ in hooks]
    _send(link, {"plugins": [_told_of(one) for one in plugins]})
    lock = threading.Lock()

    def reply(answer: dict[str, Any]) -> None:
        with lock:
            _send(link, answer)

    sources_of_hooks: list[Source] = [*remotes]
    HookWorkers(
        hooks, sources_of_hooks, say=lambda text: print(f"plug-ins: {text}", file=sys.stderr, flush=True)
    )
    while True:
        try:
            told = _receive(link)
        except (OSError, EOFError):
            os._exit(0)  # the parent is gone; no function keeps us here
        remotes[told["hook"]].queue.put(_Asked(told, reply))


def _told_of(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "origin": plugin.origin,
        "place": plugin.place,
        "hooks": [{"name": one.name, "options": dataclasses.asdict(one.options)} for one in plugin.hooks],
    }
