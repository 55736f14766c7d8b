"""Letting another thread read on where a handler takes its time, and not where it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf

from .arrival import Arrival

BRISK = 0.001
"""Seconds: a handler that took less the last time is run without letting another thread read on first, since waking
one costs more than that. Where it takes longer after all, `Rota` sees to it."""


class Pace:
    """How long handlers took of late."""

    def __init__(self) -> None:
        self._took: dict[str, float] = {}

    def follow(self, hand_over: Callable[[int], None], goes_on: Callable[[int], bool]) -> None:
        """Whoever reads the messages, before any comes: the two are those of `Readers`."""
        self._hand_over = hand_over
        self._goes_on = goes_on

    def begin(self, arrival: Arrival, place: str) -> float:
        """Before a handler runs; returns what to give to `end`."""
        # What waited in the queue was read by a thread that has gone on by itself.
        if self.took(place) >= BRISK and arrival.reader == threading.get_ident():
            self._hand_over(arrival.turn)
        return time.monotonic()

    def end(self, place: str, begun: float) -> None:
        """When it has run."""
        took = time.monotonic() - begun
        # Where it is longer than before, once, the thread was likely kept from running.
        self._took[place] = min(took, (took + self._took.get(place, took)) / 2)

    def took(self, place: str) -> float:
        """Seconds that a handler took of late; infinity where it has not run yet."""
        return self._took.get(place, inf)

    def goes_on(self, arrival: Arrival) -> bool:
        """Whether this thread has more to read in a moment, and sends what has been left to be sent after that."""
        return arrival.reader == threading.get_ident() and self._goes_on(arrival.turn)
