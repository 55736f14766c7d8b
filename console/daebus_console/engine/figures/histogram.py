"""A histogram of durations that keeps its size however many go in, for quantiles within two per cent. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable

SMALLEST = 1e-6
LARGEST = 36_000.0
"""Seconds; what is shorter or longer is counted as that."""

_ERROR = 0.02
_RATIO = (1 + _ERROR) / (1 - _ERROR)
PER_LOG = 1 / math.log(_RATIO)
"""Buckets for each unit of the natural logarithm of the seconds."""
OFFSET = 1 - math.log(SMALLEST) * PER_LOG
"""What makes the index of the smallest 1; it is a plain truncation after that."""


def bucket(seconds: float) -> int:
    """The index of the bucket for a duration."""
    if seconds <= SMALLEST:
        return 1
    return int(math.log(seconds if seconds < LARGEST else LARGEST) * PER_LOG + OFFSET)


def middle(index: int) -> float:
    """The duration in seconds for which a bucket stands: within two per cent of all that are in it."""
    return math.exp((index - OFFSET) / PER_LOG) * (1 + _ERROR)


class Histogram:
    """Counts of durations in buckets that grow by four per cent; at most some 620 buckets, those in use only."""

    __slots__ = ("count", "counts", "largest", "smallest")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.largest = 0.0
        self.smallest = math.inf

    def add(self, seconds: float) -> None:
        """Count a duration. A negative one is no duration, and left out."""
        if seconds < 0:
            return
        index = bucket(seconds)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.count += 1
        if seconds > self.largest:
            self.largest = seconds
        if seconds < self.smallest:
            self.smallest = seconds

    def add_all(self, durations: Iterable[float]) -> None:
        """Count many durations. In order, those of one bucket are counted by finding where they end."""
        ordered = sorted(durations)
        if ordered and ordered[0] < 0:
            del ordered[: bisect_left(ordered, 0.0)]
        if not ordered:
            return
        done, count, counts = 0, len(ordered), self.counts
        while done < count:
            index = bucket(ordered[done])
            end = bisect_left(ordered, math.exp((index + 1 - OFFSET) / PER_LOG), done + 1)
            # The bound may be wrong in its last digit.
            while bucket(ordered[end - 1]) != index:
                end -= 1
            while end < count and bucket(ordered[end]) == index:
                end += 1
            counts[index] = counts.get(index, 0) + end - done
            done = end
        self.count += count
        self.largest = max(self.largest, ordered[-1])
        self.smallest = min(self.smallest, ordered[0])

    def merge(self, other: Histogram) -> None:
        """Count all that the other has counted."""
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
        self.count += other.count
        self.largest = max(self.largest, other.largest)
        self.smallest = min(self.smallest, other.smallest)

    def quantile(self, fraction: float) -> float | None:
        """The duration in seconds that this fraction (0 to 1) does not exceed; None where nothing was counted."""
        return self.quantiles((fraction,))[0]

    def quantiles(self, fractions: Iterable[float]) -> list[float | None]:
        """The same for several fractions, which must rise."""
        found: list[float | None] = []
        if not self.count:
            return [None for _ in fractions]
        buckets = iter(sorted(self.counts.items()))
        index, seen = next(buckets)
        for fraction in fractions:
            rank = max(1, math.ceil(fraction * self.count))
            while seen < rank:
                index, count = next(buckets)
                seen += count
            # The extremes are known exactly, and no quantile lies beyond them. In the first bucket is mostly what took
            # no time that could be told, since both ends were read at once: that is 0, and not a microsecond.
            untold = index == 1 and self.smallest < SMALLEST
            found.append(self.smallest if untold else min(max(middle(index), self.smallest), self.largest))
        return found

    def bars(self) -> list[tuple[float, float, int]]:
        """The buckets in use, in order: from, to (seconds), count."""
        return [
            (math.exp((index - OFFSET) / PER_LOG), math.exp((index + 1 - OFFSET) / PER_LOG), count)
            for index, count in sorted(self.counts.items())
        ]
