"""Answers that could not be sent because Redis was away: counted, and said in one line instead of one for each."""

from __future__ import annotations

import logging
import threading
import time

from .envelope import Request, quoted
from .errors import PermissionDenied, RedisUnavailable

log = logging.getLogger("daebus")

PATIENCE = 1.0
"""Seconds in which the loss of the other connection would be noticed, if that has gone too."""


class Undelivered:
    """Counts them for one service. `pending` is how many have not been said yet."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._last_at = 0.0
        self.pending = 0

    def add(self, request: Request, error: RedisUnavailable) -> None:
        """One more, whose asker has been told of the loss by its own side. Missing rights are another matter."""
        line = "%s: the answer to %s (request %s) could not be sent: %s"
        details = (self._name, quoted(request.action), quoted(request.request_id), error)
        if isinstance(error, PermissionDenied):
            log.error(line, *details)
            return
        log.debug(line, *details)
        with self._lock:
            self.pending += 1
            self._last_at = time.monotonic()

    def said(self) -> str:
        """What to add to the line that says that Redis is back."""
        count = self._take()
        return f"; {_answers(count)} could not be sent meanwhile" if count else ""

    def say(self, now: float) -> None:
        """Say it in a line of its own where only the connection for answers was lost; `now` is `time.monotonic()`."""
        if now - self._last_at < PATIENCE:
            return
        count = self._take()
        if count:
            log.warning("%s: %s could not be sent; the connection for answers was lost", self._name, _answers(count))

    def _take(self) -> int:
        with self._lock:
            count, self.pending = self.pending, 0
            return count


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"
