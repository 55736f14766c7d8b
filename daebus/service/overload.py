"""Saying that a service is overloaded, without making it worse: one line at the start, and one now and then."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("daebus")

EVERY = 10.0
"""Seconds between two lines, at least."""


class OverloadLog:
    """Told of every refusal of a service, logs the first one and then how many there have been."""

    def __init__(self, name: str, max_queue: int) -> None:
        self._name = name
        self._max_queue = max_queue
        self._lock = threading.Lock()
        self._refused = 0
        self._due = 0.0

    def refused(self) -> None:
        """One more message had to be refused."""
        with self._lock:
            self._refused += 1
            now = time.monotonic()
            if now < self._due:
                return
            self._due = now + EVERY
            refused, self._refused = self._refused, 0
        log.warning(
            "%s: busy: all workers are at work and %d messages wait; refused %d since this was last said",
            self._name,
            self._max_queue,
            refused,
        )
