"""What a rule has seen of one thing and has not judged yet. Pure and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from daebus_console.engine.message.exchange import Exchange

_NUMBERS = 5
_Key = TypeVar("_Key")


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


def see(those: dict[_Key, Seen], key: _Key, exchanges: Sequence[Exchange], most: int) -> None:
    """Add these to what has been seen of that; nothing where it would be new, and there are so many already."""
    seen = those.get(key)
    if seen is None:
        if len(those) >= most:
            return
        seen = those[key] = Seen()
    seen.add(exchanges)
