"""Saying that a service has come to a stop because all its workers are busy, and with what: once, while it lasts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic

from daebus.transport.threads import begin
from daebus.waiting import bounded

from .worker import Crew, Job

log = logging.getLogger("daebus")

AFTER = 5.0
"""Seconds after which it is said that all workers are busy while messages wait."""


class SaturationLog(Generic[Job]):
    """Watches the workers of a service while messages wait. `describe(job)` names a job in a log line.

    `what` they are, and by which `option` there are more of them, is said as well. All that costs is paid only when a
    message has to wait: a thread, which ends when no more does.
    """

    def __init__(
        self, name: str, describe: Callable[[Job], str], what: str = "workers", option: str = "max_workers"
    ) -> None:
        self._name = name
        self._describe = describe
        self._what = what
        self._option = option
        self._lock = threading.Lock()
        self._watching = False
        self._ended = threading.Event()

    def waits(self, workers: Crew[Job]) -> None:
        """A message has to wait, since all workers are busy."""
        with self._lock:
            if self._watching or self._ended.is_set():
                return
            self._watching = True
        thread = threading.Thread(target=self._watch, args=(workers,), name=f"daebus-{self._name}-watch", daemon=True)
        try:
            begin(thread)
        except RuntimeError:
            # No thread is to be had: then nothing is said.
            self._watching = False

    def end(self) -> None:
        """The service ends."""
        self._ended.set()

    def _watch(self, workers: Crew[Job]) -> None:
        said: float | None = None
        while not self._ended.is_set():
            with self._lock:
                since = workers.full_since
                if since is None:
                    self._watching = False
                    return
            left = since + AFTER - time.monotonic()
            if left <= 0 and workers.queued and since != said:
                said = since
                self._say(workers)
            self._ended.wait(bounded(left if left > 0 else AFTER / 5))

    def _say(self, workers: Crew[Job]) -> None:
        longest = workers.longest()
        if longest is None:
            return
        job, begun = longest
        log.warning(
            "%s: all %d %s have been busy for %g s, %d wait; longest: %s for %.1f s "
            "(a handler that asks its own service, be it through others, waits for one of these: see %s)",
            self._name,
            workers.size,
            self._what,
            AFTER,
            workers.queued,
            self._describe(job),
            time.monotonic() - begun,
            self._option,
        )
