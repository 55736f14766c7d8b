"""The figures of one thing that is measured: counts and latencies since the start, and in time slots. Pure.

The counts are plain attributes that Stats raises itself, and latencies wait in lists until somebody asks or the slot
ends: this is done for every message, and calls would cost more than the rest.
"""

from __future__ import annotations

from collections import deque

import msgspec

from daebus_console.engine.figures.histogram import Histogram
from daebus_console.engine.rate import RATE_WINDOW


class Slot(msgspec.Struct, frozen=True, gc=False):
    """What happened in one slot of time that begins at `at`; `p95` in seconds, None where nothing was answered."""

    at: float
    count: int = 0
    errors: int = 0
    timeouts: int = 0
    p95: float | None = None


class Series:
    """Counts and latencies. Slots that are over are kept as their figures only, `slots` of them of `slot` seconds.

    Whoever raises a count at a time from `end` on calls `roll` first. `waiting`, `waiting_handler` and `waiting_queue`
    take latencies, times in the handler, and times in the queue before it; what of the latencies goes from there into
    the histograms is handed on to the `whole`, if there is one.
    """

    def __init__(self, slot: float, slots: int, whole: Series | None = None) -> None:
        self.slot, self.slots = slot, slots
        self.end = 0.0
        self.count = 0
        self.errors = 0
        self.timeouts = 0
        self.unknown = 0
        self.in_flight = 0
        self.waiting: list[float] = []
        self.waiting_handler: list[float] = []
        self.waiting_queue: list[float] = []
        self._whole = whole
        self._latency = Histogram()
        self._handler = Histogram()
        self._queue = Histogram()
        self._now = Histogram()
        self._past: deque[Slot] = deque(maxlen=slots)
        self._start = 0.0
        self._before = (0, 0, 0)

    @property
    def latency(self) -> Histogram:
        """All latencies."""
        self.fold()
        return self._latency

    @property
    def handler(self) -> Histogram:
        """All times in the handler."""
        self.fold()
        return self._handler

    @property
    def queue(self) -> Histogram:
        """All times that a message waited for a worker, as services told."""
        self.fold()
        return self._queue

    def fold(self) -> None:
        """Move what waits into the histograms."""
        if self.waiting:
            recent = Histogram()
            recent.add_all(self.waiting)
            self.waiting.clear()
            self._take(recent)
            if self._whole is not None:
                self._whole._take(recent)
        if self.waiting_handler:
            self._handler.add_all(self.waiting_handler)
            self.waiting_handler.clear()
        if self.waiting_queue:
            self._queue.add_all(self.waiting_queue)
            self.waiting_queue.clear()

    def merge(self, other: Series) -> None:
        """Count all that the other has counted, since the start: its slots are left where they are."""
        for series in (self, other):
            series.fold()
        self.count += other.count
        self.errors += other.errors
        self.timeouts += other.timeouts
        self.unknown += other.unknown
        self.in_flight += other.in_flight
        for mine, its in (
            (self._latency, other._latency),
            (self._handler, other._handler),
            (self._queue, other._queue),
        ):
            mine.merge(its)

    def _take(self, recent: Histogram) -> None:
        self._latency.merge(recent)
        self._now.merge(recent)

    def roll(self, at: float) -> None:
        """End the current slot and begin the one that `at` is in."""
        if self.end:
            self._past.append(self._current())
        self._start = at // self.slot * self.slot
        self.end = self._start + self.slot
        self._before = (self.count, self.errors, self.timeouts)
        if self._now.count:
            self._now = Histogram()

    def restart(self) -> None:
        """Forget the slots, since the clock stepped; the counts go on."""
        self.fold()
        self._past.clear()
        self.end = self._start = 0.0
        self._before = (self.count, self.errors, self.timeouts)
        self._now = Histogram()

    def rate(self, now: float) -> float:
        """Counted a second over the whole slots of the last RATE_WINDOW seconds, at least one slot."""
        slots = max(1, round(RATE_WINDOW / self.slot))
        last = round(now // self.slot)
        wanted = range(last - slots, last)
        counted = self._current().count if round(self._start / self.slot) in wanted else 0
        for past in reversed(self._past):
            index = round(past.at / self.slot)
            if index < wanted.start:
                break
            counted += past.count if index in wanted else 0
        return counted / (slots * self.slot)

    def slots_until(self, now: float) -> list[Slot]:
        """The slots up to the one that `now` is in, oldest first, those without traffic included."""
        known = {round(past.at / self.slot): past for past in self._past}
        if self.end:
            known[round(self._start / self.slot)] = self._current()
        if not known:
            return []
        last = max(round(now // self.slot), max(known))
        first = max(min(known), last - self.slots + 1)
        return [known.get(index) or Slot(index * self.slot) for index in range(first, last + 1)]

    def _current(self) -> Slot:
        self.fold()
        count, errors, timeouts = self._before
        return Slot(
            self._start,
            self.count - count,
            self.errors - errors,
            # One that was counted in an earlier slot may have been answered after all.
            max(0, self.timeouts - timeouts),
            self._now.quantile(0.95),
        )
