"""Numbers by which things are called that come and go: each keeps its own for as long as it is there. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

Key = tuple[str, ...]
MOST_NAMED = 8
"""Messages that are named in a sentence; others are counted."""


def named(numbers: Collection[int]) -> str:
    """What is held, or was, by its numbers: H1, H2."""
    told = ", ".join(f"H{one}" for one in sorted(numbers)[:MOST_NAMED])
    return f"{told} and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else told


class Labels:
    """What is new gets the lowest number that is free."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}

    def of(self, keys: Collection[Key]) -> dict[Key, int]:
        """The numbers of those that there are now, from 1; those of all others are free."""
        kept = {key: number for key, number in self._numbers.items() if key in keys}
        taken = set(kept.values())
        free = (number for number in count(1) if number not in taken)
        self._numbers = {key: kept[key] if key in kept else next(free) for key in keys}
        return self._numbers
