"""What grows and grows: each of a run larger than all of the run before, several times in a row. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

RUN = 20
_RUNS, _GROWN = 5, 2
"""It grows: five times in a row all of a run of twenty were larger than all of the run before, and have doubled.

What keeps the latest hundred of something grows as well, until there are a hundred.
"""


class Growth(NamedTuple):
    """A run has ended that is larger than those before: how many in a row were, from what to what.

    `least` is the smallest of the run, and `at` the place of its last among those that came with it.
    """

    runs: int
    began: float
    now: float
    least: float
    at: int


class Growing:
    """Compares runs of twenty or more.

    `runs` is how many in a row were each larger, to the last one, than all of the run before, and `began` the largest
    of the run before the first of them.
    """

    __slots__ = ("before", "began", "of_run", "runs", "smallest", "top")

    def __init__(self) -> None:
        self.of_run = self.runs = 0
        self.smallest = self.top = self.before = self.began = 0.0

    def grow(self, sizes: Sequence[float]) -> Growth | None:
        """Take some more; what the last run that ended with them was, where it is larger as some before it were."""
        grown = None
        for at in range(0, len(sizes), RUN):
            grown = self._run_on(sizes[at : at + RUN], min(at + RUN, len(sizes)) - 1) or grown
        return grown

    def _run_on(self, sizes: Sequence[float], at: int) -> Growth | None:
        low = min(sizes)
        self.smallest = min(self.smallest, low) if self.of_run else low
        self.top = max(self.top, max(sizes)) if self.of_run else max(sizes)
        self.of_run += len(sizes)
        if self.of_run < RUN:
            return None
        self.of_run = 0
        if self.smallest > self.before > 0:
            self.began = self.began if self.runs else self.before
            self.runs += 1
        else:
            self.runs = 0
        self.before = self.top
        if self.runs < _RUNS or self.smallest < _GROWN * self.began:
            return None
        return Growth(self.runs, self.began, self.top, self.smallest, at)
