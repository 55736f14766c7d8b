"""Events a second, and their history. Pure: time comes with each call, in epoch seconds."""

from __future__ import annotations

RATE_WINDOW = 5.0
"""Seconds over which rates are averaged."""


class Rate:
    """Events a second over the last RATE_WINDOW seconds, in buckets of one second; also a history for sparklines."""

    __slots__ = ("_buckets", "_second", "total")

    HISTORY = 60

    def __init__(self) -> None:
        self._buckets = [0] * self.HISTORY
        self._second = 0
        self.total = 0

    def add(self, at: float, count: int = 1) -> None:
        """Count events at that time."""
        second = int(at)
        if second != self._second:
            self._roll(second)
        self._buckets[second % self.HISTORY] += count
        self.total += count

    def _roll(self, second: int) -> None:
        if second < self._second - RATE_WINDOW:
            # The clock was set back.
            self._buckets = [0] * self.HISTORY
            self._second = second
        if second <= self._second:
            return
        for step in range(max(self._second + 1, second - self.HISTORY + 1), second + 1):
            self._buckets[step % self.HISTORY] = 0
        self._second = second

    def take(self, other: Rate) -> None:
        """Count what another has counted as well."""
        second = max(self._second, other._second)
        self._roll(second)
        other._roll(second)
        self._buckets = [ours + theirs for ours, theirs in zip(self._buckets, other._buckets, strict=True)]
        self.total += other.total

    def per_second(self, now: float) -> float:
        """The average over the last whole seconds before `now`."""
        self._roll(int(now))
        window = int(RATE_WINDOW)
        return sum(self._buckets[(int(now) - step) % self.HISTORY] for step in range(1, window + 1)) / window

    def history(self, now: float, seconds: int) -> list[int]:
        """Counts of the last whole seconds before `now`, oldest first."""
        self._roll(int(now))
        steps = range(min(seconds, self.HISTORY - 1), 0, -1)
        return [self._buckets[(int(now) - step) % self.HISTORY] for step in steps]
