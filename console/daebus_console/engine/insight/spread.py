"""How often something happened over time, in little memory whatever the times are. Pure."""

from __future__ import annotations

from math import isfinite

_MOST = 128
_FINEST = 2.0**-10


class Spread:
    """Counts by time, in slots of equal width (a power of two seconds), which get wider as they become too many.

    All slots begin at a multiple of their width, so that those of two can be laid over each other.
    """

    __slots__ = ("_slots", "width")

    def __init__(self) -> None:
        self.width = _FINEST
        self._slots: dict[float, int] = {}

    def add(self, at: float) -> None:
        """Count one at that time (epoch seconds)."""
        if not isfinite(at):
            return
        slots = self._slots
        slot = at // self.width
        slots[slot] = slots.get(slot, 0) + 1
        while len(slots) > _MOST:
            self._widen()
            slots = self._slots

    def bars(self, start: float, end: float, count: int) -> list[int]:
        """How many there were in each of `count` equal parts of the time from `start` to `end`."""
        bars = [0] * count
        part = (end - start) / count
        for slot, number in self._slots.items():
            middle = (slot + 0.5) * self.width
            place = int((middle - start) / part) if part > 0 else 0
            bars[min(max(place, 0), count - 1)] += number
        return bars

    def _widen(self) -> None:
        wider: dict[float, int] = {}
        for slot, number in self._slots.items():
            half = slot // 2
            wider[half] = wider.get(half, 0) + number
        self._slots, self.width = wider, self.width * 2
