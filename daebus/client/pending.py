"""The calls that wait for an answer, by the id of their request. Any number of threads may use it.

Rules of this file: a call is here from before its request is published until its final reply, its timeout or the loss
of the connection, whichever is first; `_lock` is held for moments only, and nothing is told while it is.
"""

from __future__ import annotations

import threading
import time

from daebus.errors import ConfigurationError, DaebusError
from daebus.wire.envelope import Reply

from .call import Call

_SWEEP_AT = 1000


class PendingCalls:
    """What a reply that comes in is looked up in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[str, Call] = {}
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Let it wait. Raises ConfigurationError where another one waits under the same id."""
        with self._lock:
            if call.request_id in self._calls:
                raise ConfigurationError(f"a call with the id {call.request_id!r} is waiting already")
            self._calls[call.request_id] = call
            if len(self._calls) > self._sweep_at:
                self._sweep()

    def give(self, reply: Reply) -> bool:
        """Hand a reply to the call that it is for; False where none waits. After a final one it does not any more."""
        call = self._calls.get(reply.request_id) if isinstance(reply.request_id, str) else None
        if call is None:
            return False
        if reply.held is not None:
            call.hold(reply.held)
            return True
        # In this order: an interrupt in between leaves it among those that are told of the loss.
        call.give(reply)
        if reply.final:
            self.remove(call)
        return True

    def remove(self, call: Call) -> bool:
        """Let it not wait any more; False where it does not."""
        with self._lock:
            # Another call may wait under the same id: the one because of which this was refused.
            waits = self._calls.get(call.request_id) is call
            if waits:
                del self._calls[call.request_id]
            return waits

    def fail(self, error: DaebusError) -> None:
        """End all of them with an error of that kind and text."""
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            # Each its own: an exception that is raised remembers where.
            call.give(type(error)(str(error)))
            self.remove(call)

    def sweep(self) -> None:
        """Forget calls that nobody has waited out."""
        with self._lock:
            self._sweep()

    def _sweep(self) -> None:
        now = time.monotonic()
        for request_id in [key for key, call in self._calls.items() if call.deadline < now]:
            del self._calls[request_id]
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._calls))
