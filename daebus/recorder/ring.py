"""The newest of what was noted, bounded by count and by bytes. Pure: no clock, and of threads only a lock."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import Any

Entry = tuple[Any, ...]
"""Begins with how many bytes it takes, about."""


class Ring:
    """Keeps at most `count` entries of at most `size` bytes together. Each has a number, from 1 on, that only rises.

    An entry that alone is larger is not kept, but numbered, as one that has fallen out at once.
    """

    def __init__(self, count: int, size: int) -> None:
        self._count = count
        self._size = size
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._seq = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seq(self) -> int:
        """The number of the newest; 0 where there has been none."""
        return self._seq

    @property
    def size(self) -> int:
        """Bytes of all that is kept, about."""
        return self._bytes

    def append(self, entry: Entry) -> None:
        """Keep one, and let go of the oldest where there are too many."""
        with self._lock:
            entries = self._entries
            entries.append(entry)
            self._seq += 1
            self._bytes += entry[0]
            while self._bytes > self._size or len(entries) > self._count:
                self._bytes -= entries.popleft()[0]

    def since(self, after: int) -> tuple[int, list[Entry]]:
        """All that is kept and has a number above `after`, and the number of the first of them.

        Where nothing is, the number is that of the next to come.
        """
        with self._lock:
            first = self._seq - len(self._entries) + 1
            begin = min(max(after + 1, first), self._seq + 1)
            return begin, list(islice(self._entries, begin - first, None))
