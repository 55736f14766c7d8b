"""Saying that a service is overloaded, without making it worse: a line at the start, one now and then, and the rest."""

from __future__ import annotations

import logging
import math
import threading
import time

log = logging.getLogger("daebus")

EVERY = 10.0
"""Seconds between two lines, at least."""


class OverloadLog:
    """Told of every refusal of a service, logs the first one and then how many there have been.

    `pending` are those that have not been told: `say` tells of them as soon as it is time, `end` at once.
    """

    def __init__(self, name: str, max_queue: int) -> None:
        self._name = name
        self._max_queue = max_queue
        self._lock = threading.Lock()
        self.pending = 0
        self._due = 0.0

    def refused(self) -> None:
        """One more message had to be refused."""
        with self._lock:
            self.pending += 1
        self.say(time.monotonic())

    def end(self) -> None:
        """The service ends."""
        self.say(math.inf)

    def say(self, now: float) -> None:
        """Tell of those that have not been told, where it is time for that."""
        with self._lock:
            if now < self._due or not self.pending:
                return
            self._due = now + EVERY
            refused, self.pending = self.pending, 0
        log.warning(
            "%s: busy: all workers are at work and %d messages wait; refused %d since this was last said",
            self._name,
            self._max_queue,
            refused,
        )
