"""How many handlers run at once, and what waits."""

from __future__ import annotations

import threading
import time

from daebus.service.work.worker import Room, Workers
from tests.support.waiting import eventually


class Jobs:
    """Workers whose jobs run until `release`."""

    def __init__(self, size: int, max_queue: int) -> None:
        self.gate = threading.Event()
        self.done: list[int] = []
        self.workers: Workers[int] = Workers(size, Room(max_queue), self._work)
        self._threads: list[threading.Thread] = []

    def _work(self, job: int) -> None:
        self.gate.wait(10)
        self.done.append(job)

    def give(self, job: int) -> None:
        self._threads.append(threading.Thread(target=self.workers.take, args=(job,)))
        self._threads[-1].start()

    def release(self) -> None:
        self.gate.set()
        for thread in self._threads:
            thread.join()


def test_beyond_its_size_jobs_wait_and_beyond_the_queue_they_are_refused() -> None:
    jobs = Jobs(2, 1)
    jobs.give(1)
    jobs.give(2)
    eventually(lambda: jobs.workers.busy == 2)
    assert jobs.workers.take(3)
    assert jobs.workers.queued == 1
    assert not jobs.workers.take(4)
    jobs.release()
    assert sorted(jobs.done) == [1, 2, 3]
    assert (jobs.workers.busy, jobs.workers.queued) == (0, 0)


def test_stopping_gives_back_what_waits_and_what_does_not_end() -> None:
    jobs = Jobs(1, 5)
    jobs.give(1)
    eventually(lambda: jobs.workers.busy == 1)
    assert jobs.workers.take(2)
    assert jobs.workers.drop_queue() == [2]
    assert not jobs.workers.take(3)
    assert jobs.workers.finish(time.monotonic()) == [1]
    jobs.release()
    assert jobs.workers.finish(time.monotonic() + 10) == []
    assert jobs.done == [1]
