"""Threads for what may wait, beside something that must not.

Unlike those of `concurrent.futures` they are daemons: a function that never ends does not keep the interpreter from
ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from daebus.transport.threads import begin
from daebus.waiting import bounded

T = TypeVar("T")
_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Aside:
    """Calls functions on at most `size` threads, which begin when there is something to do; with one, in order."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._pending = 0
        self._ended = False

    @property
    def pending(self) -> int:
        """How many have been submitted that have not ended."""
        return self._pending

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Have a function called; the future has what it returns or raises.

        Raises RuntimeError after `end`, and where there is no thread and none is to be had.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._ended:
                raise RuntimeError(f"{self._name} has ended")
            if self._pending >= len(self._threads) < self._size:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                try:
                    begin(thread)
                    self._threads.append(thread)
                except RuntimeError:
                    if not self._threads:
                        raise
            self._pending += 1
        self._jobs.put((future, function, arguments))
        return future

    def end(self, within: float = 0.0) -> None:
        """Let the threads go when they have done what has been submitted, and wait for that so many seconds."""
        until = time.monotonic() + within
        with self._lock:
            self._ended = True
            for _ in self._threads:
                self._jobs.put(None)
        for thread in self._threads:
            thread.join(bounded(until - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function, arguments = job
            outcome: Any = None
            problem: BaseException | None = None
            try:
                outcome = function(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                problem = error
            with self._lock:
                self._pending -= 1
            if not future.set_running_or_notify_cancel():
                pass
            elif problem is None:
                future.set_result(outcome)
            else:
                future.set_exception(problem)
            del job, future, function, arguments, outcome, problem


class DefaultExecutor(ThreadPoolExecutor):
    """What an event loop calls functions by that may wait, as `asyncio.to_thread` gives them; on threads of `Aside`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._aside = Aside(name, self._max_workers)
        self._dropped = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See `Executor.submit`."""
        future: Future[T] = Future()
        self._aside.submit(self._call, future, partial(fn, *args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `Executor.shutdown`."""
        self._dropped = cancel_futures
        self._aside.end(threading.TIMEOUT_MAX if wait else 0.0)

    def _call(self, future: Future[T], function: Callable[[], T]) -> None:
        if self._dropped:
            future.cancel()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)
        finally:
            # The error knows this frame, and must not know itself by that: what was given would live on with it.
            del future, function
