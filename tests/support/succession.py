"""Hand-overs as an operator makes them: USR2 to the process that run.json names; another one follows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from support.asking import KEY, fields_of
from support.gateway import Gateway
from support.raw_client import RawClient
from support.until import until


def hand_over(house: Gateway, *, seconds: float = 30) -> int:
    """USR2, and waits until another process serves: its pid."""
    before, failed = serving(house), len(says(house, "hand-over failed"))
    os.kill(before, signal.SIGUSR2)
    until(
        lambda: serving(house) != before or len(says(house, "hand-over failed")) > failed,
        seconds,
        what=f"another process\n{house.describe()}",
    )
    after = serving(house)
    assert after != before, house.describe()
    return after


def serving(house: Gateway) -> int:
    """The process that run.json names."""
    return int(house.run_json["pid"])


def says(house: Gateway, text: str) -> list[str]:
    """The log lines with this text, of all processes: they share one standard error."""
    return [line for line in house.log_lines if text in line]


def lives(pid: int) -> bool:
    """Whether it runs; who has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until_gone(pid: int) -> None:
    """Waits for its end."""
    until(lambda: not lives(pid), 40, what=f"the end of {pid}")


def end(house: Gateway) -> None:
    """Ends whoever serves, if it is not the process that the house was started with."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        last = serving(house)
        if not house.running or last != house.pid:
            os.kill(last, signal.SIGTERM)
            until_gone(last)


class Flow:
    """Clients that ask without a pause while a `with` block lasts, and what failed meanwhile."""

    def __init__(self, house: Gateway, *, fresh: int = 3, kept: int = 2) -> None:
        """`fresh` clients connect for each request; `kept` ones hold one connection for all of theirs."""
        self.failures: list[str] = []
        self.answered = 0
        self._house = house
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            *(threading.Thread(target=self._run, args=(self._connect_each_time,)) for _ in range(fresh)),
            *(threading.Thread(target=self._run, args=(self._keep_one,)) for _ in range(kept)),
        ]

    def __enter__(self) -> Flow:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Waits for some answers more."""
        before = self.answered
        until(lambda: self.answered > before + 20, what="answers")

    def _run(self, client: Callable[[], None]) -> None:
        while not self._end.is_set():
            try:
                client()
            except Exception as error:
                with self._lock:
                    self.failures.append(f"{client.__name__}: {error!r}")

    def _connect_each_time(self) -> None:
        with RawClient(self._house.url) as client:
            self._ask(client)

    def _keep_one(self) -> None:
        with RawClient(self._house.url) as client:
            while not self._end.is_set():
                self._ask(client)

    def _ask(self, client: RawClient) -> None:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        body = json.dumps(fields_of("/v1/chat/completions")).encode()
        answer = client.request("POST", "/v1/chat/completions", headers=headers, body=body)
        with self._lock:
            self.answered += 1
            if answer.status != 200 or not answer.complete:
                self.failures.append(f"{answer.status} {answer.body[:200]!r}")
