"""A fixed number of threads behind a bounded queue. Knows nothing of messages."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class WorkerPool(Generic[Job]):
    """Calls `work(job)` in one of `size` threads. `work` must not raise.

    At most `max_queue` jobs wait; `offer` refuses more.
    """

    def __init__(self, size: int, max_queue: int, work: Callable[[Job], None], name: str) -> None:
        self.size = size
        self.max_queue = max_queue
        self._work = work
        self._queue: queue.SimpleQueue[tuple[Job] | None] = queue.SimpleQueue()
        self._busy: dict[int, Job] = {}
        self._accepted = 0
        self._done = [0] * size
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"{name}-worker-{number}", daemon=True)
            for number in range(size)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> int:
        """How many threads are at work."""
        return len(self._busy)

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return self._queue.qsize()

    def offer(self, job: Job) -> bool:
        """Queue a job; False where the queue is full or the pool closes. To be called from one thread."""
        if self._closing or self._queue.qsize() >= self.max_queue:
            return False
        self._accepted += 1
        self._queue.put((job,))
        return True

    def wait_idle(self, timeout: float) -> bool:
        """Wait until every job accepted so far is done; False after `timeout` seconds. For tests: it polls."""
        until = time.monotonic() + timeout
        while sum(self._done) < self._accepted:
            if time.monotonic() > until:
                return False
            time.sleep(0.001)
        return True

    def close(self, until: float) -> tuple[list[Job], list[Job]]:
        """Take no more and let what runs finish until `until` (monotonic); returns what waited and what still runs."""
        waiting = self.drop_queue()
        for _thread in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        return waiting, list(self._busy.values())

    def drop_queue(self) -> list[Job]:
        """Take no more, and give back every job that no thread has begun."""
        self._closing = True
        waiting: list[Job] = []
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return waiting
            if job is not None:
                waiting.append(job[0])

    def _run(self, number: int) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            self._busy[number] = job[0]
            try:
                self._work(job[0])
            finally:
                # Let go of the job too: an idle worker must keep no payload alive.
                del self._busy[number], job
                self._done[number] += 1
