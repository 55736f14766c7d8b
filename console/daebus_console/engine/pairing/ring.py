"""A bounded sequence whose items keep their number for life. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_COMPACT_AT = 4096


class Ring(Generic[T]):
    """Items numbered from 1 in the order they were appended; the oldest may be dropped, numbers never change.

    Appending, dropping and looking up by number take constant time (amortised).
    """

    __slots__ = ("_items", "_offset", "_start", "append")

    def __init__(self) -> None:
        self._items: list[T] = []
        self.append = self._items.append
        """Add an item; its number is then `last`. The list's own method, since this is called for every message."""
        self._start = 0  # index in _items of the oldest item still here
        self._offset = 1  # the number of _items[0]

    def __len__(self) -> int:
        return len(self._items) - self._start

    def __iter__(self) -> Iterator[T]:
        """From oldest to newest. Do not append or drop meanwhile."""
        items = self._items
        for index in range(self._start, len(items)):
            yield items[index]

    def __reversed__(self) -> Iterator[T]:
        """From newest to oldest. Do not append or drop meanwhile."""
        items = self._items
        for index in range(len(items) - 1, self._start - 1, -1):
            yield items[index]

    @property
    def first(self) -> int:
        """The number of the oldest item here; one past `last` when empty."""
        return self._offset + self._start

    @property
    def last(self) -> int:
        """The number of the newest item ever appended; 0 before the first."""
        return self._offset + len(self._items) - 1

    def get(self, number: int) -> T | None:
        """The item of that number, or None when it was dropped or never there."""
        index = number - self._offset
        if index < self._start or index >= len(self._items):
            return None
        return self._items[index]

    def between(self, first: int, last: int) -> list[T]:
        """The items numbered `first` to `last`, both included, as far as they are still here."""
        begin = max(first - self._offset, self._start)
        return self._items[begin : max(last - self._offset + 1, begin)]

    def peek(self) -> T:
        """The oldest item. Raises IndexError when empty."""
        if self._start >= len(self._items):
            raise IndexError("the ring is empty")
        return self._items[self._start]

    def oldest(self, most: int) -> list[T]:
        """The oldest items, so many at most."""
        return self._items[self._start : self._start + most]

    def count_until(self, last: float, key: Callable[[T], float]) -> int:
        """How many of the oldest have a key up to `last`, where no key is less than one before it."""
        return bisect_right(self._items, last, self._start, key=key) - self._start

    def drop(self) -> T:
        """Remove the oldest item and return it. Raises IndexError when empty."""
        item = self.peek()
        self.drop_many(1)
        return item

    def drop_many(self, count: int) -> None:
        """Remove the `count` oldest items, of which there are as many at least."""
        items, start = self._items, self._start + count
        # Their slots would otherwise keep the items alive until the next compaction.
        items[self._start : start] = [None] * count  # type: ignore[list-item]  # below _start, so never read again
        if start >= _COMPACT_AT and start * 4 >= len(items):
            del items[:start]
            self._offset += start
            start = 0
        self._start = start

    def clear(self) -> None:
        """Drop everything; numbering goes on."""
        self._offset += len(self._items)
        self._items.clear()
        self._start = 0
