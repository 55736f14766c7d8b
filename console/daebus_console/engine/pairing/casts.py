"""The latest broadcasts, by what records tell of one: which bytes, on which channel. Pure and bounded."""

from __future__ import annotations

from collections import deque

from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.records.joining import cast_of
from daebus_console.engine.records.store import Cast

LATEST = 20_000
"""Exchanges among which broadcasts are looked for."""


class Casts:
    """Those among the latest exchanges. It reads on where somebody asks, so that it costs nothing before."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read = 0
        self._latest: deque[tuple[int, Cast]] = deque()
        self._numbers: dict[Cast, deque[int]] = {}

    def of(self, cast: Cast) -> list[Exchange]:
        """Those with these bytes, oldest first."""
        self._read_on()
        found = (self._journal.exchange(number) for number in self._numbers.get(cast, ()))
        return [one for one in found if one is not None]

    def _read_on(self) -> None:
        last = self._journal.exchanges.last
        if last == self._read:
            return
        for one in self._journal.exchanges.between(max(self._read, last - LATEST) + 1, last):
            if one.kind is Kind.BROADCAST:
                cast = cast_of(one)
                self._latest.append((one.number, cast))
                self._numbers.setdefault(cast, deque()).append(one.number)
        self._read = last
        while self._latest and self._latest[0][0] <= last - LATEST:
            cast = self._latest.popleft()[1]
            numbers = self._numbers[cast]
            numbers.popleft()
            if not numbers:
                del self._numbers[cast]
