"""Commands that are under way in threads of their own, by number: those left to themselves with &, and others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from daebus_console.commands.cancellation import Cancellation
from daebus_console.files.places import StreamError

MOST = 200
"""Jobs at the same time."""


@dataclass(eq=False)
class Job:
    """One of them. `status` is None while it is under way; `background` tells that the prompt did not wait for it.

    Its number is 0 where it is not listed, since it is over before anybody could name it.
    """

    number: int
    line: str
    background: bool
    cancellation: Cancellation = field(default_factory=Cancellation)
    began: float = field(default_factory=time.monotonic)
    status: int | None = None


class TooMany(Exception):
    """No more jobs at the same time; the text says so."""


class Jobs:
    """The jobs of one face. Any thread may call. False while there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: dict[Job, threading.Thread] = {}
        self._failed: list[int] = []

    def __len__(self) -> int:
        return len(self._running)

    def start(self, line: str, work: Callable[[Job], int], *, background: bool = True, listed: bool = True) -> Job:
        """Do the work in a thread of its own; what it returns is the job's status. Raises TooMany."""
        with self._changed:
            if len(self._running) >= MOST:
                raise TooMany(f"{MOST} commands are under way already; `cancel` stops them")
            taken = {job.number for job in self._running}
            number = next(number for number in count(1) if number not in taken) if listed else 0
            job = Job(number, line, background)
            thread = threading.Thread(target=self._work, args=(job, work), name=f"job-{number}", daemon=True)
            self._running[job] = thread
        thread.start()
        return job

    def _work(self, job: Job, work: Callable[[Job], int]) -> None:
        status = 1
        try:
            status = work(job)
        except StreamError:
            # There is no output any more to tell it on.
            pass
        finally:
            with self._changed:
                job.status = status
                del self._running[job]
                if status and job.background:
                    self._failed.append(status)
                self._changed.notify_all()

    def running(self) -> list[Job]:
        """What is under way and listed, the oldest first."""
        with self._changed:
            return [job for job in self._running if job.number]

    def wait(self, job: Job) -> None:
        """Wait for the end of a job."""
        with self._changed:
            self._changed.wait_for(lambda: job.status is not None)

    def wait_all(self) -> int:
        """Wait for the end of all that was left to itself; returns the first status that is not 0, of all so far."""
        with self._changed:
            self._changed.wait_for(lambda: not any(job.background for job in self._running))
        return self.status

    @property
    def status(self) -> int:
        """The first status that is not 0, of all that have ended so far; else 0."""
        return self._failed[0] if self._failed else 0

    def close(self, timeout: float = 5.0) -> None:
        """Stop all, and wait for their end for at most so many seconds."""
        with self._changed:
            jobs = dict(self._running)
        for job in jobs:
            job.cancellation.cancel()
        deadline = time.monotonic() + timeout
        for thread in jobs.values():
            thread.join(max(0.0, deadline - time.monotonic()))
