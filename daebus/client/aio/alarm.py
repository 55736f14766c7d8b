"""One timer of an event loop for the deadlines of all calls that wait in it.

A timer for each would be an eighth of what asking takes, and nearly all are for nothing: they are for what goes wrong.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

REST = 0.005
"""Seconds between two rings, at least: each goes through all that wait."""


class Due(Protocol):
    """What has a deadline, in loop time, which may be put off."""

    deadline: float


Waits = TypeVar("Waits", bound=Due)


class Alarm(Generic[Waits]):
    """Calls `over(one)` with each of those `waiting` whose deadline has come; that is to take it out of them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, waiting: Mapping[str, Waits], over: Callable[[Waits], None]
    ) -> None:
        self._loop = loop
        self._waiting = waiting
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        self.rings_at = math.inf
        """When it looks next, in loop time: whoever has an earlier deadline is to `set` it."""

    def set(self, at: float) -> None:
        """Look then, and not at the time it was set to before; infinity: not at all."""
        # In this order: where an interrupt comes in between, it rings once more, and does not stay silent.
        before, self._timer = self._timer, None if at == math.inf else self._loop.call_at(at, self._ring)
        self.rings_at = at
        if before is not None:
            before.cancel()

    def _ring(self) -> None:
        now = self._loop.time()
        try:
            for one in [one for one in self._waiting.values() if one.deadline <= now]:
                self._over(one)
        finally:
            first = min((one.deadline for one in self._waiting.values()), default=math.inf)
            self.set(max(first, now + REST))
