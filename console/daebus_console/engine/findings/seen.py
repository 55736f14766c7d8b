"""What a rule has seen of one thing and has not judged yet. Pure and bounded."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.message.exchange import Exchange

_NUMBERS = 5


class Seen:
    """The first few exchanges, how many there were, and when the last of them began."""

    __slots__ = ("count", "first", "last")

    def __init__(self) -> None:
        self.first: list[Exchange] = []
        self.count = 0
        self.last = 0.0

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """These were seen, too, in this order."""
        self.first += exchanges[: _NUMBERS - len(self.first)]
        self.count += len(exchanges)
        self.last = exchanges[-1].opened.at

    @property
    def since(self) -> float:
        """When the latest of the first few began: what is so from then on is so for most of them, however many come."""
        return self.first[-1].opened.at
