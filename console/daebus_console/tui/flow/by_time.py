"""The rows in the order of time: those that were seen, and between them what was told of later. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

from daebus_console.tui.flow.numbers import RowNumbers


class Told(NamedTuple):
    """Where a row stands that was told of later: behind the row of `behind`, by time among others there."""

    behind: int
    at: float
    number: int


class RowsByTime:
    """Numbers of rows. Those seen ascend with the time; each that was `told` of stands where its time has it.

    Telling of one has to come before it is added, and lasts: where it is not among the rows, its place is known.
    """

    def __init__(self, before: RowsByTime | None = None) -> None:
        """Without rows; what was told of is known from `before`."""
        self.seen = RowNumbers()
        self._places: dict[int, Told] = {} if before is None else before._places
        self._told: list[Told] = []
        self._indexes: list[int] | None = None
        """Where each of those stands; None where that is to be found out anew."""

    def tell(self, place: Told) -> None:
        """Take note of one that was told of."""
        self._places[place.number] = place

    def is_told(self, number: int) -> bool:
        """Whether it was told of, not seen."""
        return number in self._places

    def __len__(self) -> int:
        return len(self.seen) + len(self._told)

    def __getitem__(self, index: int) -> int:
        if not self._told or index < 0:
            return self.seen[index]
        indexes = self._where()
        before = bisect_left(indexes, index)
        if before < len(indexes) and indexes[before] == index:
            return self._told[before].number
        return self.seen[index - before]

    def __contains__(self, number: int) -> bool:
        place = self._places.get(number)
        if place is None:
            return number in self.seen
        at = bisect_left(self._told, place)
        return at < len(self._told) and self._told[at] == place

    def index(self, number: int) -> int:
        """Its place; where it is not here, the place it would have."""
        place = self._places.get(number)
        if place is not None:
            return self.seen.index(place.behind + 1) + bisect_left(self._told, place)
        return self.seen.index(number) + bisect_left(self._told, (number,))

    def newer_than(self, number: int) -> int:
        """How many of those seen have a greater number."""
        return len(self.seen) - self.seen.index(number + 1)

    def append(self, number: int) -> None:
        """Add a number greater than all others."""
        if number in self._places:
            self.add(number)
        else:
            self.seen.append(number)

    def prepend(self, number: int) -> None:
        """Add a number smaller than all others; only while none was dropped from among the newer ones."""
        if number in self._places:
            self.add(number)
        else:
            self.seen.prepend(number)
            self._indexes = None

    def add(self, number: int) -> None:
        """Add a number anywhere; harmless when it is here."""
        if number in self:
            return
        self._indexes = None
        place = self._places.get(number)
        if place is None:
            self.seen.add(number)
        else:
            insort(self._told, place)

    def remove(self, number: int) -> None:
        """Remove a number; harmless when it is not here."""
        if number not in self:
            return
        self._indexes = None
        place = self._places.get(number)
        if place is None:
            self.seen.remove(number)
        else:
            del self._told[bisect_left(self._told, place)]

    def trim(self, first: int) -> int:
        """Drop all numbers smaller than `first`; returns how many those were."""
        before = len(self)
        if self.seen.trim(first):
            self._indexes = None
        gone = [number for number in self._places if number < first]
        if gone:
            self._told = [place for place in self._told if place.number >= first]
            self._indexes = None
        for number in gone:
            del self._places[number]
        return before - len(self)

    def _where(self) -> list[int]:
        if self._indexes is None:
            # Most stand behind the same few rows.
            behind = {place.behind: 0 for place in self._told}
            for number in behind:
                behind[number] = self.seen.index(number + 1)
            self._indexes = [behind[place.behind] + before for before, place in enumerate(self._told)]
        return self._indexes
