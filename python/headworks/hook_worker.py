"""Workers: threads that take the questions of hooks, call the functions, and leave the answers.

One thread for each hook, so that none waits for another. The core waits for an answer no longer than the
hook's own time; whatever happens here is a matter of this hook alone. A function that does not come back
within a second is interrupted (which Python can do between two of its instructions), and when that does
not help its hook gets another thread: the lost one is forgotten. `python -m headworks.hook_worker` is the
process of `isolation: process`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from headworks.hookspecs import Changes, Cool, Reject
from headworks.plugins import Hook

__all__ = ["HookWorkers"]

BATCH = 16
IDLE_SECONDS = 60.0
STUCK_SECONDS = 1.0
OBSERVER_STUCK_SECONDS = 60.0
MOST_LOST = 4
"""Threads of one hook that were given up; after so many it gets no other."""
MOST_TASKS = 256
"""Calls of one async hook under way."""


class Question(Protocol):
    """What a hook is asked, here or in another process. Every method but the attributes answers it."""

    @property
    def request(self) -> Any: ...
    @property
    def candidates(self) -> Any: ...
    @property
    def attempt(self) -> Any: ...
    @property
    def exchange(self) -> Any: ...
    def pass_(self) -> None: ...
    def reject(self, status: int, message: str, retry_after: float | None) -> None: ...
    def change(
        self, model: str | None, tags: dict[str, str], timeout: float | None, headers: dict[str, str | None]
    ) -> None: ...
    def order(self, backends: list[str]) -> None: ...
    def stop(self) -> None: ...
    def retry(self) -> None: ...
    def cool(self, seconds: float) -> None: ...
    def fail(self, reason: str, detail: str) -> None: ...


class Source(Protocol):
    """Where the questions of one hook come from."""

    @property
    def closed(self) -> bool: ...
    def take(self, most: int, seconds: float) -> Sequence[Question]: ...


class HookStuckError(BaseException):
    """Raised inside a function that does not come back."""


def arguments_of(point: str, question: Question) -> tuple[Any, ...]:
    """What the function of `point` is called with."""
    if point == "route":
        return question.request, question.candidates
    if point == "failed":
        return question.request, question.attempt
    return (question.exchange,) if point == "finished" else (question.request,)


def give(question: Question, said: Any) -> None:
    """Leaves what a function returned as the question's answer."""
    try:
        if said is None:
            question.pass_()
        elif isinstance(said, Reject):
            question.reject(said.status, said.message, said.retry_after)
        elif isinstance(said, Changes):
            question.change(
                said.model, dict(said.tags), said.timeout, {k.lower(): v for k, v in said.headers.items()}
            )
        elif isinstance(said, Cool):
            question.cool(said.seconds)
        elif isinstance(said, list | tuple):
            question.order([one if isinstance(one, str) else one.backend for one in said])
        elif said == "stop":
            question.stop()
        elif said == "retry":
            question.retry()
        else:
            question.fail("rubbish", f"it returned {type(said).__name__}")
    except Exception as error:
        question.fail("rubbish", f"what it returned cannot be used: {text_of(error)}")


def blame(question: Question, error: BaseException) -> None:
    """The function raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({frame[0].filename}:{frame[0].lineno})" if frame else ""
    question.fail("raised", text_of(error) + place)


def text_of(error: BaseException) -> str:
    """Its name and message, in short; a plug-in's own classes may be unable to say either."""
    try:
        return f"{type(error).__name__}: {error}"[:400]
    except Exception:
        return type(error).__name__


class _Worker:
    """One thread of one hook."""

    def __init__(self, hook: Hook, source: Source) -> None:
        self.hook = hook
        self.source = source
        self.lost = False
        self.busy_since: float | None = None
        self._warned = False
        body = self._serve_async if hook.is_async else self._serve
        self.thread = threading.Thread(target=body, name=f"hw-hook {hook.name}"[:40], daemon=True)
        self.thread.start()

    def seconds_busy(self) -> float:
        since = self.busy_since
        return 0.0 if since is None else time.monotonic() - since

    def interrupt(self) -> None:
        """Once for each call: raises HookStuckError inside the function, when Python gets to it."""
        if self._warned or self.thread.ident is None:
            return
        self._warned = True
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self.thread.ident), ctypes.py_object(HookStuckError)
        )

    def _serve(self) -> None:
        while not self.lost:
            # The exception that interrupts may come late, when the function has returned: wherever that is.
            try:
                questions = self.source.take(BATCH, IDLE_SECONDS)
                if not questions and self.source.closed:
                    return
                for question in questions:
                    self._answer(question)
            except HookStuckError:
                continue

    def _answer(self, question: Question) -> None:
        self._warned = False
        self.busy_since = time.monotonic()
        try:
            said = self.hook.function(*arguments_of(self.hook.options.point, question))
        except BaseException as error:
            self.busy_since = None
            blame(question, error)
        else:
            self.busy_since = None
            give(question, said)

    def _serve_async(self) -> None:
        while not self.lost and not self.source.closed:
            try:
                asyncio.run(self._serve_tasks())
            except HookStuckError:
                continue
            return

    async def _serve_tasks(self) -> None:
        loop = asyncio.get_running_loop()
        room = asyncio.Semaphore(MOST_TASKS)
        tasks: set[asyncio.Task[None]] = set()
        beat = loop.create_task(self._beat())
        feeder = ThreadPoolExecutor(1, thread_name_prefix="hw-hook-feeder")
        try:
            while not self.lost:
                questions = await loop.run_in_executor(feeder, self.source.take, BATCH, 0.25)
                if not questions and self.source.closed:
                    break
                for question in questions:
                    await room.acquire()
                    task = loop.create_task(self._answer_async(question))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    task.add_done_callback(lambda _: room.release())
            if tasks:
                await asyncio.wait(tasks, timeout=1)
        finally:
            beat.cancel()
            feeder.shutdown(wait=False, cancel_futures=True)

    async def _beat(self) -> None:
        """The loop is busy from one beat to the next, if that does not come."""
        while True:
            self._warned = False
            self.busy_since = time.monotonic() + 0.25
            await asyncio.sleep(0.25)

    async def _answer_async(self, question: Question) -> None:
        options = self.hook.options
        limit = None if options.point == "finished" else options.timeout_ms / 1000
        try:
            async with asyncio.timeout(limit):
                said = await self.hook.function(*arguments_of(options.point, question))
        except BaseException as error:
            blame(question, error)
            if isinstance(error, HookStuckError):
                raise
        else:
            give(question, said)


class HookWorkers:
    """The workers of one set of hooks, from their making to join()."""

    def __init__(
        self, hooks: Sequence[Hook], sources: Sequence[Source], *, say: Callable[[str], None]
    ) -> None:
        """`sources`: one for each hook, in the same order. `say`: hears of threads that are lost."""
        self._say = say
        self._lost = 0
        self._workers = [_Worker(hook, source) for hook, source in zip(hooks, sources, strict=True)]
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="hw-hook-watch", daemon=True)
        if self._workers:
            self._watcher.start()

    def join(self, seconds: float) -> bool:
        """Waits for what is left to be answered. REQUIRES that the sources are closed. False: some hang."""
        until = time.monotonic() + seconds
        for one in self._workers:
            one.thread.join(max(0.0, until - time.monotonic()))
        self._ending.set()
        if self._workers:
            self._watcher.join()
        for one in self._workers:
            if one.thread.is_alive():
                one.interrupt()
                one.thread.join(0.2)
        return self._lost == 0 and not any(one.thread.is_alive() for one in self._workers)

    def _watch(self) -> None:
        lost: dict[str, int] = {}
        while not self._ending.wait(0.25):
            for at, one in enumerate(self._workers):
                limit = OBSERVER_STUCK_SECONDS if one.hook.options.point == "finished" else STUCK_SECONDS
                busy = one.seconds_busy()
                if busy > limit:
                    one.interrupt()
                if busy < limit + 0.25 or lost.get(one.hook.name, 0) >= MOST_LOST:
                    continue
                lost[one.hook.name] = lost.get(one.hook.name, 0) + 1
                self._lost += 1
                one.lost = True
                self._say(f"the hook {one.hook.name} does not come back; it gets another thread")
                self._workers[at] = _Worker(one.hook, one.source)


if __name__ == "__main__":
    from headworks._hook_process import main

    with contextlib.suppress(KeyboardInterrupt):
        main()
