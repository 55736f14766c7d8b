"""How many async handlers may run at once. Like `Workers`, on the event loop, and with the same queue."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

from .event_loop import EventLoop
from .worker import Crew, Job, Room


@dataclass(eq=False, slots=True)
class _Run(Generic[Job]):
    """A job that is being done. `task` is None until the loop has got to it."""

    job: Job
    begun: float
    task: asyncio.Task[Any] | None = None


class Coroutines(Crew[Job]):
    """Runs `work(job)`, which must not raise, as a task for at most `size` jobs at once; the others wait in the `room`.

    `waits()` is called for each that has to wait. Every method may be called from any thread.
    """

    def __init__(
        self,
        size: int,
        room: Room,
        loop: EventLoop,
        work: Callable[[Job], Coroutine[Any, Any, None]],
        waits: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(size, room, waits)
        self._loop = loop
        self._work = work
        self._running: dict[_Run[Job], None] = {}
        self._fresh: deque[_Run[Job]] = deque()
        self._woken = False

    @property
    def busy(self) -> int:
        """How many jobs are being done."""
        return len(self._running)

    def longest(self) -> tuple[Job, float] | None:
        """The job that has been done for longest, and since when."""
        with self._lock:
            run = next(iter(self._running), None)
            return None if run is None else (run.job, run.begun)

    def take(self, job: Job) -> bool:
        """Have the job done, now or later. False where the queue is full or the service is stopping."""
        with self._lock:
            if self._closing:
                return False
            waits = len(self._running) >= self.size
            if not waits:
                run = self._begin(job)
            elif self._room.enter():
                self._waiting.append(job)
            else:
                return False
        if waits:
            self._waits()
        else:
            self._start(run)
        return True

    def put(self, job: Job) -> None:
        """Have a job done that has been taken before: now, or when it has its turn, however many wait."""
        with self._lock:
            waits = len(self._running) >= self.size
            if waits:
                self._room.must_enter()
                self._waiting.append(job)
            else:
                run = self._begin(job)
        if not waits:
            self._start(run)

    def finish(self, until: float) -> list[Job]:
        """Wait until `until` (a time of `time.monotonic()`) for what is to be done, and give back what still is."""
        with self._lock:
            self._await(lambda: not (self._running or self._waiting), until)
            return [run.job for run in self._running]

    def cancel(self, within: float) -> list[Job]:
        """Cancel what is being done, and give back what has not ended in so many seconds all the same."""
        self._loop.soon(self._cancel_all)
        return self.finish(time.monotonic() + within)

    def rest(self, until: float) -> bool:
        """Wait until nothing waits or is being done; False where that takes longer than `until`."""
        with self._lock:
            return self._await(lambda: not (self._running or self._waiting), until)

    def _begin(self, job: Job) -> _Run[Job]:
        """Note that a job is being done from now on. Called with `_lock` held."""
        run = _Run(job, time.monotonic())
        self._running[run] = None
        # One that takes the place of another that has ended changes nothing.
        if len(self._running) == self.size and self._full_since is None:
            self._full_since = run.begun
        return run

    def _start(self, run: _Run[Job]) -> None:
        """Have the loop begin it: it is woken once for all that have come meanwhile."""
        with self._lock:
            self._fresh.append(run)
            if self._woken:
                return
            self._woken = True
        if not self._loop.soon(self._start_all):
            with self._lock:
                self._running.clear()
                self._quiet.notify_all()

    def _start_all(self) -> None:
        """On the loop."""
        with self._lock:
            self._woken = False
        while self._fresh:
            self._make_task(self._fresh.popleft())

    def _make_task(self, run: _Run[Job]) -> None:
        run.task = self._loop.task(self._work(run.job))
        run.task.add_done_callback(partial(self._ended, run))

    def _ended(self, run: _Run[Job], _task: asyncio.Task[Any]) -> None:
        """On the loop: do what has waited for longest."""
        with self._lock:
            self._running.pop(run, None)
            if self._waiting:
                self._room.leave(1)
                more = self._begin(self._waiting.popleft())
            else:
                self._full_since = None
                if not self._running:
                    self._quiet.notify_all()
                return
        self._make_task(more)

    def _cancel_all(self) -> None:
        with self._lock:
            while self._fresh:
                self._running.pop(self._fresh.popleft(), None)
        for run in list(self._running):
            if run.task is not None:
                run.task.cancel()
