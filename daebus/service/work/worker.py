"""How many handlers may run at once, and the bounded queue of what waits. Has no threads of its own.

The threads are those that read the messages: each hands its reading over and works, see `Subscription`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

from daebus.waiting import bounded

Job = TypeVar("Job")


class Room:
    """How many jobs may wait, wherever they do."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many wait."""
        return self._taken

    def enter(self) -> bool:
        """Let one more wait; False where there is no room."""
        with self._lock:
            if self._taken >= self.size:
                return False
            self._taken += 1
            return True

    def must_enter(self) -> None:
        """Let one more wait, whether there is room or not."""
        with self._lock:
            self._taken += 1

    def leave(self, count: int = 1) -> None:
        """So many do not wait any more."""
        with self._lock:
            self._taken -= count


class Crew(Generic[Job]):
    """What does at most `size` jobs at once, while others wait in the `room`. `waits()` is called for each of those.

    `_lock` guards what is being done and what waits; `_quiet` tells that something has come to its end.
    """

    def __init__(self, size: int, room: Room, waits: Callable[[], None]) -> None:
        self.size = size
        self._room = room
        self._waits = waits
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self._watched = 0
        """How many threads wait for `_quiet`."""
        self._waiting: deque[Job] = deque()
        self._full_since: float | None = None
        self._closing = False

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def full_since(self) -> float | None:
        """Since when as many as may are being done (a time of `time.monotonic()`); None where that is not so."""
        return self._full_since

    def oldest(self, count: int) -> list[Job]:
        """The jobs that have waited for longest, at most so many."""
        with self._lock:
            return list(islice(self._waiting, count))

    def drop_queue(self, stays: Callable[[Job], bool] = lambda _job: False) -> list[Job]:
        """Take no more, and give back every job that has not been begun, but for those that are to stay."""
        with self._lock:
            self._closing = True
            waiting = [(job, stays(job)) for job in self._waiting]
            self._waiting = deque(job for job, staying in waiting if staying)
            dropped = [job for job, staying in waiting if not staying]
            self._room.leave(len(dropped))
            return dropped

    def longest(self) -> tuple[Job, float] | None:
        """The job that has been done for longest, and since when."""
        raise NotImplementedError

    def _await(self, over: Callable[[], bool], until: float) -> bool:
        """Wait until `over()`, or then; whether it is. Called with `_lock` held."""
        self._watched += 1
        try:
            return self._quiet.wait_for(over, bounded(until - time.monotonic()))
        finally:
            self._watched -= 1


class Workers(Crew[Job]):
    """Calls `work(job)`, which must not raise, for at most `size` jobs at once; the others wait in the `room`.

    `waits()` is called for each that has to wait.
    """

    def __init__(
        self, size: int, room: Room, work: Callable[[Job], None], waits: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(size, room, waits)
        self._work = work
        self._running: dict[int, tuple[Job, float]] = {}
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many jobs are being done."""
        return self._busy

    def longest(self) -> tuple[Job, float] | None:
        """The job that has been done for longest, and since when."""
        with self._lock:
            return min(self._running.values(), key=lambda entry: entry[1], default=None)

    def take(self, job: Job, must: bool = False) -> bool:
        """Do the job on this thread, and then what waits; or let it wait where all are busy.

        False, with nothing done, where the queue is full or the service is stopping, unless it `must` be done.
        """
        me = threading.get_ident()
        with self._lock:
            if self._closing and not must:
                return False
            if self._busy >= self.size:
                if must:
                    self._room.must_enter()
                elif not self._room.enter():
                    return False
                self._waiting.append(job)
                waits = True
            else:
                self._busy += 1
                now = time.monotonic()
                self._running[me] = job, now
                if self._busy == self.size:
                    self._full_since = now
                waits = False
        if waits:
            self._waits()
        else:
            self._run(me, job)
        return True

    def put(self, job: Job) -> None:
        """Let a job that has been taken before wait for its turn, however many wait; then have a thread `serve`."""
        with self._lock:
            self._room.must_enter()
            self._waiting.append(job)

    def serve(self) -> None:
        """On this thread, do what waits, unless all are busy: those that are will do it."""
        me = threading.get_ident()
        with self._lock:
            if not self._waiting or self._busy >= self.size or me in self._running:
                return
            job = self._waiting.popleft()
            self._room.leave()
            self._busy += 1
            now = time.monotonic()
            self._running[me] = job, now
            if self._busy == self.size:
                self._full_since = now
        self._run(me, job)

    def finish(self, until: float) -> list[Job]:
        """Wait until `until` (a time of `time.monotonic()`) for what is to be done, and give back what still is."""
        me = threading.get_ident()
        with self._lock:
            self._await(lambda: not (self._waiting or self._running.keys() - {me}), until)
            return [job for ident, (job, _begun) in self._running.items() if ident != me]

    def rest(self, until: float) -> bool:
        """Wait until nothing waits or is being done; False where that takes longer than `until`."""
        with self._lock:
            return self._await(lambda: not (self._running or self._waiting), until)

    def _run(self, me: int, job: Job) -> None:
        more: Job | None = job
        while more is not None:
            try:
                self._work(more)
            finally:
                # Let go of the job: an idle thread must keep no payload alive.
                more = self._next(me)

    def _next(self, me: int) -> Job | None:
        with self._lock:
            del self._running[me]
            if self._waiting:
                job = self._waiting.popleft()
                self._room.leave()
                self._running[me] = job, time.monotonic()
                return job
            self._busy -= 1
            self._full_since = None
            if self._watched:
                self._quiet.notify_all()
            return None
