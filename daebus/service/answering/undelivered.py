"""Answers that Redis did not take or did not confirm: counted, and said in one line instead of one for each."""

from __future__ import annotations

import logging
import threading
import time

from daebus.errors import ConnectionLost, PermissionDenied, RedisUnavailable
from daebus.wire.envelope import Request, quoted

log = logging.getLogger("daebus")

PATIENCE = 1.0
"""Seconds in which the loss of the other connection would be noticed, if that has gone too."""


class Undelivered:
    """Counts them for one service. `pending` is how many have not been said yet."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._last_at = 0.0
        self._unsent = 0
        self._unconfirmed = 0

    @property
    def pending(self) -> int:
        return self._unsent + self._unconfirmed

    def add(self, request: Request, error: RedisUnavailable) -> None:
        """One more, whose asker has been told of the loss by its own side. Missing rights are another matter.

        After a ConnectionLost nobody knows whether it arrived; after any other error it did not.
        """
        unconfirmed = isinstance(error, ConnectionLost)
        line = f"%s: the answer to %s (request %s) {'was not confirmed' if unconfirmed else 'could not be sent'}: %s"
        details = (self._name, quoted(request.action), quoted(request.request_id), error)
        if isinstance(error, PermissionDenied):
            log.error(line, *details)
            return
        log.debug(line, *details)
        with self._lock:
            if unconfirmed:
                self._unconfirmed += 1
            else:
                self._unsent += 1
            self._last_at = time.monotonic()

    def said(self) -> str:
        """What to add to the line that says that Redis is back."""
        unsent, unconfirmed = self._take()
        parts = [f"{_answers(unsent)} could not be sent meanwhile"] if unsent else []
        if unconfirmed:
            parts.append(_unconfirmed(unconfirmed))
        return "".join(f"; {part}" for part in parts)

    def say(self, now: float) -> None:
        """Say it in a line of its own where only the connection for answers was lost; `now` is `time.monotonic()`."""
        if now - self._last_at < PATIENCE:
            return
        unsent, unconfirmed = self._take()
        parts = [f"{_answers(unsent)} could not be sent"] if unsent else []
        if unconfirmed:
            parts.append(_unconfirmed(unconfirmed))
        if parts:
            log.warning("%s: %s; the connection for answers was lost", self._name, ", ".join(parts))

    def _take(self) -> tuple[int, int]:
        with self._lock:
            taken = self._unsent, self._unconfirmed
            self._unsent = self._unconfirmed = 0
            return taken


def _answers(count: int) -> str:
    return "1 answer" if count == 1 else f"{count} answers"


def _unconfirmed(count: int) -> str:
    return f"{_answers(count)} {'was' if count == 1 else 'were'} sent and not confirmed"
