"""Numbers by which things are called that come and go. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

from daebus_console.engine.bounded import remember

Key = tuple[str, ...]
MOST_NAMED = 8
"""Messages that are named in a sentence; others are counted."""
_MOST_REMEMBERED = 5_000


def named(numbers: Collection[int]) -> str:
    """What is held, or was, by its numbers: H1, H2."""
    told = ", ".join(f"H{one}" for one in sorted(numbers)[:MOST_NAMED])
    return f"{told} and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else told


class Numbers:
    """What is new gets the next number, and keeps it; of very many the oldest are forgotten."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._counter = count(1)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    def of(self, key: Key) -> int:
        """The number of this one."""
        number = self._numbers.get(key)
        if number is None:
            number = next(self._counter)
            remember(self._numbers, key, number, _MOST_REMEMBERED)
        return number


class Labels:
    """What is new gets the lowest number that is free, and keeps it for as long as it is there."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}

    def of(self, keys: Collection[Key]) -> dict[Key, int]:
        """The numbers of those that there are now, from 1; those of all others are free."""
        kept = {key: number for key, number in self._numbers.items() if key in keys}
        taken = set(kept.values())
        free = (number for number in count(1) if number not in taken)
        self._numbers = {key: kept[key] if key in kept else next(free) for key in keys}
        return self._numbers
