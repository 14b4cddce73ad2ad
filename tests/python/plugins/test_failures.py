"""Hooks that are late, raise, hang or answer rubbish: the policy is applied exactly, and nobody else is
disturbed.

Rows F39 to F42 of the fault table, as far as they are about decisions; what they cost stands in
benchmarks/load/hooks.py.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from headworks import Changes, Reject, hook
from headworks.hookspecs import Candidate, Request
from headworks.testing import Upstream
from support.asking import KEY, backend
from support.plugin_house import error_of, house
from support.until import until

MakeUpstream = Callable[..., Upstream]


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text of this")


class NoMessageError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message of this")


def recurse() -> None:
    recurse()


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


# F39: what each does, and the reason that is counted.
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "exception": (raising(ValueError("broken")), "raised"),
    "no message": (raising(NoMessageError()), "raised"),
    "system exit": (raising(SystemExit(3)), "raised"),
    "keyboard interrupt": (raising(KeyboardInterrupt()), "raised"),
    "recursion": (recurse, "raised"),
    "number": (lambda: 7, "rubbish"),
    "unreadable": (Unreadable, "rubbish"),
    "numbers": (lambda: [1, 2], "rubbish"),
    "nobody": (lambda: ["nobody"], "rubbish"),
    "twice": (lambda: ["one", "one"], "rubbish"),
    "nothing": (list, "rubbish"),
    "another point's": (lambda: Changes(model="x"), "rubbish"),
    "no status of ours": (lambda: Reject(status=200), "rubbish"),
    "a hundred megabytes": (lambda: ["x" * (100 << 20)], "rubbish"),
    "a word": (lambda: "stop", "rubbish"),
}


@pytest.mark.rows("F39")
@pytest.mark.parametrize("policy", ["ignore", "reject"])
@pytest.mark.parametrize("name", BAD)
def test_the_policy_is_applied(
    upstream: MakeUpstream, name: str, policy: Literal["ignore", "reject"]
) -> None:
    act, reason = BAD[name]

    @hook(on_error=policy, timeout_ms=5000)
    def route(request: Request, candidates: Sequence[Candidate]) -> Any:
        return act()

    with house(backend("one", upstream()), plugins=[route]) as made:
        answer = made.ask()
        assert [step["why"] for step in made.plan_of(answer)] == [reason]
        assert made.hooks()["route.route"]["failures"] == 1

    if policy == "ignore":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, error_of(answer)["code"]) == (503, "hook_failed")
        assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("policy", ["ignore", "reject"])
def test_one_that_is_late_is_not_waited_for(
    upstream: MakeUpstream, policy: Literal["ignore", "reject"]
) -> None:
    released = threading.Event()

    @hook(on_error=policy, timeout_ms=20)
    def route(request: Request, candidates: Sequence[Candidate]) -> Any:
        released.wait(20)
        return ["two"]

    try:
        backends = [backend("one", upstream()), backend("two", upstream())]
        with house(*backends, plugins=[route], patient=False) as made:
            answer = made.ask()
            assert [step["why"] for step in made.plan_of(answer)] == ["late"]
            assert answer.status_code == (200 if policy == "ignore" else 503)
            released.set()
    finally:
        released.set()


def test_after_five_failures_it_is_left_alone_and_then_tried_again(upstream: MakeUpstream) -> None:
    broken = True
    calls = 0

    @hook(timeout_ms=5000)
    def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        nonlocal calls
        calls += 1
        if broken:
            raise RuntimeError("broken")
        return ["two"]

    with house(backend("one", upstream()), backend("two", upstream(), "fallback"), plugins=[route]) as made:
        whys = [made.plan_of(made.ask())[0]["why"] for _ in range(8)]
        assert whys[:5] == ["raised"] * 5
        assert "breaker" in whys[5:]
        assert made.hooks()["route.route"]["state"] == "open"

        broken = False
        until(lambda: made.ask().headers["x-headworks-backend"] == "two", 5, what="it is asked again")
        assert made.hooks()["route.route"]["state"] == "asked"


def hang_in_python() -> None:
    until_then = time.monotonic() + 60
    while time.monotonic() < until_then:
        pass


@pytest.mark.rows("F40")
@pytest.mark.parametrize("hang", [hang_in_python, lambda: time.sleep(10)], ids=["loop", "sleep"])
def test_one_that_hangs_recovers(upstream: MakeUpstream, hang: Callable[[], None]) -> None:
    """F40: interrupted, or replaced by another thread."""
    hung = threading.Event()

    @hook(timeout_ms=50)
    def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        if not hung.is_set():
            hung.set()
            hang()
        return ["two"]

    backends = [backend("one", upstream()), backend("two", upstream(), "fallback")]
    with house(*backends, plugins=[route], patient=False) as made:
        assert made.ask().headers["x-headworks-backend"] == "one"
        until(lambda: made.ask().headers["x-headworks-backend"] == "two", 8, what="another thread")


@pytest.mark.rows("F40")
def test_a_hook_that_hangs_stops_no_other(upstream: MakeUpstream) -> None:
    released = threading.Event()

    @hook
    def admit(request: Request) -> None:
        released.wait(20)

    @hook(timeout_ms=2000)
    def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        return ["two"]

    try:
        backends = [backend("one", upstream()), backend("two", upstream())]
        with house(*backends, plugins=[admit, route], patient=False) as made:
            assert [made.ask().headers["x-headworks-backend"] for _ in range(10)] == ["two"] * 10
            released.set()
    finally:
        released.set()


def test_a_client_that_leaves_blames_nobody(upstream: MakeUpstream) -> None:
    entered, released = threading.Event(), threading.Event()

    @hook(timeout_ms=10_000)
    def admit(request: Request) -> None:
        entered.set()
        released.wait(20)

    provider = upstream()
    with house(backend("one", provider), plugins=[admit]) as made:
        at = urlsplit(made.server.url)
        body = b'{"model":"m","messages":[]}'
        with socket.create_connection((at.hostname, at.port)) as client:
            client.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %b\r\n"
                b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (KEY.encode(), len(body), body)
            )
            assert entered.wait(10)
        (gone,) = until(lambda: made.admin.exchanges(state="finished"), what="the exchange's end")
        released.set()
        assert gone["error"] == "client_closed"
        assert made.hooks()["admit.admit"]["failures"] == 0
    assert not provider.journal()


@pytest.mark.rows("F42")
def test_servers_start_and_stop_a_hundred_times(upstream: MakeUpstream) -> None:
    """No thread and no descriptor is left behind."""

    @hook
    def route(request: Request, candidates: Sequence[Candidate]) -> list[str]:
        return ["one"]

    provider = upstream()
    with house(backend("one", provider), plugins=[route]) as made:
        made.ask()
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        with house(backend("one", provider), plugins=[route]) as made:
            assert made.ask().status_code == 200

    until(lambda: threading.active_count() <= threads, what="no thread more")
    until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files, what="no descriptor more")
