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


def test_what_is_put_back_waits_however_many_do_and_is_done_by_whoever_is_free() -> None:
    jobs = Jobs(1, 1)
    jobs.give(1)
    eventually(lambda: jobs.workers.busy == 1)
    assert jobs.workers.take(2)
    jobs.workers.put(3)
    jobs.workers.put(4)
    assert jobs.workers.queued == 3
    # There is one at work, which will do it.
    jobs.workers.serve()
    assert not jobs.workers.take(5)
    jobs.release()
    assert jobs.done == [1, 2, 3, 4]
    jobs.workers.put(6)
    assert jobs.done == [1, 2, 3, 4]
    jobs.workers.serve()
    assert jobs.done == [1, 2, 3, 4, 6]
    assert (jobs.workers.busy, jobs.workers.queued) == (0, 0)
    assert jobs.workers.take(7)


def test_at_the_end_what_is_to_stay_is_done_as_long_as_there_is_time() -> None:
    jobs = Jobs(1, 10)
    jobs.give(1)
    eventually(lambda: jobs.workers.busy == 1)
    assert jobs.workers.take(2)
    jobs.workers.put(3)
    assert jobs.workers.drop_queue(lambda job: job == 3) == [2]
    assert jobs.workers.finish(time.monotonic()) == [1]
    assert jobs.workers.queued == 1
    jobs.release()
    assert jobs.workers.finish(time.monotonic() + 10) == []
    assert jobs.done == [1, 3]
