"""The numbers of the rows shown, ascending, cheap to extend at both ends. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import neg


class RowNumbers:
    """A sorted set of numbers, by index and by number.

    New ones come at the end, older ones are found backwards while a filter looks through what is there, the oldest are
    dropped: all of those take constant time. Adding and removing in the middle take a bisection and a move.
    """

    def __init__(self) -> None:
        self._older: list[int] = []  # descending: the smallest number stands last
        self._newer: list[int] = []  # ascending
        self._dropped = 0  # how many of the front of _newer are gone

    def __len__(self) -> int:
        return len(self._older) + len(self._newer) - self._dropped

    def __getitem__(self, index: int) -> int:
        older = len(self._older)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._older[older - 1 - index] if index < older else self._newer[index - older + self._dropped]

    def append(self, number: int) -> None:
        """Add a number greater than all others."""
        self._newer.append(number)

    def prepend(self, number: int) -> None:
        """Add a number smaller than all others; only while none was dropped from among the newer ones."""
        self._older.append(number)

    def index(self, number: int) -> int:
        """How many numbers are smaller: its index where it is here, else the index it would have."""
        if self._older and number <= self._older[0]:
            return len(self._older) - self._count_older(number)
        return len(self._older) + bisect_left(self._newer, number, self._dropped) - self._dropped

    def _count_older(self, number: int) -> int:
        """How many of the older ones are not smaller than the number."""
        return bisect_left(self._older, -number + 1, key=neg)

    def __contains__(self, number: int) -> bool:
        index = self.index(number)
        return index < len(self) and self[index] == number

    def add(self, number: int) -> None:
        """Add a number anywhere; harmless when it is here."""
        if number in self:
            return
        if self._older and number < self._older[0]:
            insort(self._older, number, key=neg)
        else:
            insort(self._newer, number, self._dropped)

    def remove(self, number: int) -> None:
        """Remove a number; harmless when it is not here."""
        if number not in self:
            return
        index = self.index(number)
        older = len(self._older)
        if index < older:
            del self._older[older - 1 - index]
        else:
            del self._newer[index - older + self._dropped]

    def trim(self, first: int) -> int:
        """Drop all numbers smaller than `first`; returns how many those were."""
        before = len(self)
        while self._older and self._older[-1] < first:
            self._older.pop()
        if not self._older:
            self._dropped = bisect_left(self._newer, first, self._dropped)
            if self._dropped > 4096 and self._dropped * 2 > len(self._newer):
                del self._newer[: self._dropped]
                self._dropped = 0
        return before - len(self)
