"""Who does the work of a service: worker threads, and where its app has async functions an event loop beside them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic

from .coroutines import Coroutines
from .event_loop import ENDS_WITHIN, EventLoop
from .saturation import SaturationLog
from .worker import Job, Room, Workers


class Crews(Generic[Job]):
    """Both of them, with one queue of at most `max_queue` jobs for what waits for either.

    `work(job)` is called on a worker, `work_on_loop(job)` on the `loop`; neither may raise. `describe(job)` names one
    in a log line.
    """

    def __init__(
        self,
        name: str,
        describe: Callable[[Job], str],
        work: Callable[[Job], None],
        work_on_loop: Callable[[Job], Coroutine[Any, Any, None]],
        loop: EventLoop | None,
        *,
        max_workers: int,
        max_async: int,
        max_queue: int,
    ) -> None:
        self._room = Room(max_queue)
        self._logs = [SaturationLog(name, describe)]
        self._workers: Workers[Job] = Workers(max_workers, self._room, work, lambda: self._logs[0].waits(self._workers))
        self._coroutines: Coroutines[Job] | None = None
        if loop is not None:
            tasks_log = SaturationLog(name, describe, "async handlers", "max_async")
            self._logs.append(tasks_log)
            coroutines: Coroutines[Job] = Coroutines(
                max_async, self._room, loop, work_on_loop, lambda: tasks_log.waits(coroutines)
            )
            self._coroutines = coroutines

    def take(self, job: Job, on_loop: bool | None = None) -> bool:
        """Do the job on this thread, give it to the loop, or let it wait. False, with nothing done, where none goes."""
        if on_loop and self._coroutines is not None:
            return self._coroutines.take(job)
        return self._workers.take(job)

    def must_take(self, job: Job) -> None:
        """The same on this thread, where the service is stopping, too: nobody else does it."""
        self._workers.take(job, must=True)

    def put(self, job: Job, on_loop: bool | None = None) -> None:
        """Have a job done that has been taken before and was set aside: when it has its turn, on no thread of ours.

        However many wait, it may as well. Where no worker is at it, `serve` is to be called on some thread.
        """
        if on_loop and self._coroutines is not None:
            self._coroutines.put(job)
        else:
            self._workers.put(job)

    def serve(self) -> None:
        """Be a worker on this thread, while there is something to do, unless there are enough."""
        self._workers.serve()

    def drop_queue(self, stays: Callable[[Job], bool] = lambda _job: False) -> list[Job]:
        """Take no more, and give back every job that has not been begun, but for those that are to stay."""
        for each in self._logs:
            each.end()
        dropped = self._workers.drop_queue(stays)
        return dropped if self._coroutines is None else dropped + self._coroutines.drop_queue(stays)

    def finish(self, until: float) -> list[Job]:
        """Wait until `until` (a time of `time.monotonic()`) for what is being done, and give back what still is."""
        left = self._workers.finish(until)
        return left if self._coroutines is None else left + self._coroutines.finish(until)

    def cancel(self) -> None:
        """End what is being done on the loop."""
        if self._coroutines is not None and self._coroutines.busy:
            self._coroutines.cancel(ENDS_WITHIN)

    def rest(self, until: float) -> bool:
        """Wait until nothing waits or is being done; False where that takes longer than `until`."""
        return self._workers.rest(until) and (self._coroutines is None or self._coroutines.rest(until))

    def oldest(self, count: int) -> list[Job]:
        """Of the jobs that wait for either, so many of those that have waited for longest."""
        waiting = self._workers.oldest(count)
        return waiting if self._coroutines is None else waiting + self._coroutines.oldest(count)

    def info(self) -> dict[str, Any]:
        """How many there are, how many are at work, and how many jobs wait."""
        told: dict[str, Any] = {"workers": {"max": self._workers.size, "busy": self._workers.busy}}
        if self._coroutines is not None:
            told["async"] = {"max": self._coroutines.size, "busy": self._coroutines.busy}
        return {**told, "queue": {"size": self._room.taken, "max": self._room.size}}
