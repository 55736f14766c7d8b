"""The order in which a view shows the rows of its model: as they came, the newest first, or by rank. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.tui.flow.model import FlowModel

MOST_RANKED = 20_000
"""Only that many of the newest rows are ranked."""


class Rows(Protocol):
    """Row numbers by their place on the screen, and back."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> int: ...

    def __contains__(self, number: int, /) -> bool: ...

    def index(self, number: int, /) -> int:
        """Its place; where it is not here, the place it would have."""


class NewestFirst:
    """Other rows, upside down."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> int:
        if index < 0:
            raise IndexError(index)
        return self.rows[len(self.rows) - 1 - index]

    def __contains__(self, number: int) -> bool:
        return number in self.rows

    def index(self, number: int) -> int:
        """Its place, or the one it would have."""
        return max(0, len(self.rows) - 1 - self.rows.index(number))


class Ranked:
    """Rows in an order of their own, as it was when they were ranked."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self._places = {number: place for place, number in enumerate(numbers)}

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> int:
        if index < 0:
            raise IndexError(index)
        return self.numbers[index]

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def index(self, number: int) -> int:
        """Its place; the first where it is not here."""
        return self._places.get(number, 0)


def slowest_first(model: FlowModel, now: float) -> Ranked:
    """The newest rows, those that took longest first; pending ones by how long they wait. Hold the session's lock."""
    rows = model.rows
    ranked = []
    for index in range(max(0, len(rows) - MOST_RANKED), len(rows)):
        entry = model.entry(rows[index])
        if entry is not None:
            ranked.append((-_took(entry[0], now), -rows[index]))
    ranked.sort()
    return Ranked([-number for _took, number in ranked])


def _took(exchange: Exchange, now: float) -> float:
    if exchange.state is State.PENDING:
        return now - exchange.opened.at
    if exchange.state is State.TIMEOUT and exchange.latency is None:
        return exchange.until - exchange.opened.at
    latency = exchange.latency
    return -1.0 if latency is None else latency
