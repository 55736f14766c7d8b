"""What sets some exchanges apart from the others of their action: the values that differ most in how frequent they are.

For each value two shares are compared: so many of the selected have it, and so many of the others. The difference of
two shares that were counted on few is itself uncertain, so values are ordered by how large it is at the very least: the
bound nearer to zero of Newcombe's interval for it, made of the Wilson intervals of both shares, at four standard errors
(a single value exceeds that by chance in some one case of ten thousand, and thousands are compared). Where that is next
to nothing, nothing is told: "12 of 12 against 20 of 480" comes before "3 of 3 against 0 of 480", and one alone is none.
Pure.

That two things go together makes neither the cause of the other.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from daebus_console.engine.filter.payload import Path
from daebus_console.engine.insight import facets as of
from daebus_console.engine.insight.facets import Facet

FEWEST = 5
"""Exchanges needed on either side; with fewer nothing is compared."""
_FEWEST_ALIKE = 3
"""Exchanges that must have a value for it to be compared."""
_ERRORS = 4.0
_LEAST = 0.02
"""Shares that differ by less are not worth telling."""
_MOST_FACETS = 3_000
_MOST_VALUES = 5_000
_MOST_NUMBERS = 2_000_000
_CUTS = 16
_PER_FACET = 3


class Share(NamedTuple):
    """So many of so many."""

    have: int
    of: int

    def __str__(self) -> str:
        return f"{self.have:,} of {self.of:,}"


class Difference(NamedTuple):
    """A value that the selected have more often, or less often, than the others.

    `sign` is `=` or, where numbers above or up to a bound are meant, `>` or `<=`. `least` is by how much the shares
    differ at the least, from 0 to 1.
    """

    facet: Facet
    sign: str
    value: Any
    selected: Share
    others: Share
    least: float

    @property
    def more(self) -> bool:
        """Whether it is the selected that have it more often."""
        return self.selected.have * self.others.of > self.others.have * self.selected.of


class Side:
    """The facets of the exchanges on one side, counted; of very many facets the first."""

    def __init__(self, room: list[int] | None = None) -> None:
        self.count = 0
        self.values: dict[Facet, dict[tuple[str, Any], int]] = {}
        self.numbers: dict[Facet, array[float]] = {}
        self._room = room if room is not None else [_MOST_NUMBERS]

    def add(self, facets: Iterator[tuple[Facet, Any]]) -> None:
        """Count an exchange with these facets."""
        self.count += 1
        for facet, value in facets:
            counts = self.values.get(facet)
            if counts is None:
                if len(self.values) >= _MOST_FACETS:
                    continue
                counts = self.values[facet] = {}
            # In Python 1, 1.0 and True are the same.
            key = (value.__class__.__name__, value)
            known = counts.get(key)
            if known is not None:
                counts[key] = known + 1
            elif len(counts) < _MOST_VALUES:
                counts[key] = 1
            if value.__class__ is int or value.__class__ is float:
                self._add_number(facet, value)

    def _add_number(self, facet: Facet, value: float) -> None:
        try:
            number = float(value)
        except OverflowError:
            return
        if math.isfinite(number) and self._room[0] > 0:
            self._room[0] -= 1
            self.numbers.setdefault(facet, array("d")).append(number)

    def having(self, facet: Facet) -> int:
        """How many have the field at all."""
        if not facet.path:
            return self.count
        return self.values.get(Facet(of.THERE, facet.path), {}).get(("bool", True), 0)


class Contrast:
    """Both sides of a comparison; `compared` counts the values that were, once `differences` has been asked."""

    def __init__(self) -> None:
        room = [_MOST_NUMBERS]
        self.selected, self.others = Side(room), Side(room)
        self.compared = 0

    @property
    def enough(self) -> bool:
        """Whether there are enough on both sides to compare anything."""
        return self.selected.count >= FEWEST and self.others.count >= FEWEST

    def differences(self) -> list[Difference]:
        """What differs for sure, the most first; at most three values of a facet."""
        self.compared = 0
        if not self.enough:
            return []
        found = [one for one in (*self._of_values(), *self._of_numbers(), *self._of_missing()) if one.least >= _LEAST]
        found.sort(
            key=lambda one: (
                -round(one.least, 6),
                not one.more,
                one.facet.kind == of.SIZE,
                len(one.facet.path),
                one.facet.kind,
            )
        )
        return list(_telling(found))

    def _of_values(self) -> Iterator[Difference]:
        for facet in self.selected.values.keys() | self.others.values.keys():
            mine, theirs = self.selected.values.get(facet, {}), self.others.values.get(facet, {})
            if facet.kind == of.THERE:
                continue
            for key in mine.keys() | theirs.keys():
                a, b = mine.get(key, 0), theirs.get(key, 0)
                if max(a, b) >= _FEWEST_ALIKE:
                    yield self._difference(facet, key[1], a, b)

    def _of_missing(self) -> Iterator[Difference]:
        """Fields that are there more often on one side; told as missing where that is what the selected have."""
        for facet in self.selected.values.keys() | self.others.values.keys():
            if facet.kind != of.THERE:
                continue
            a, b = self.selected.having(facet), self.others.having(facet)
            n, m = self.selected.count, self.others.count
            if a * m >= b * n:
                yield self._difference(facet, True, a, b)
            else:
                yield self._difference(facet, False, n - a, m - b)

    def _of_numbers(self) -> Iterator[Difference]:
        """For each field with many different numbers the bound at which both sides differ most."""
        for facet in self.selected.numbers.keys() & self.others.numbers.keys():
            mine, theirs = sorted(self.selected.numbers[facet]), sorted(self.others.numbers[facet])
            if len(mine) < FEWEST or len(theirs) < FEWEST:
                continue
            cuts = sorted({*_quantiles(mine), *_quantiles(theirs)})
            best = max(
                (self._at_cut(facet, cut, mine, theirs) for cut in cuts[:-1]), key=lambda one: one.least, default=None
            )
            if best is not None:
                yield best

    def _at_cut(self, facet: Facet, cut: float, mine: Sequence[float], theirs: Sequence[float]) -> Difference:
        from bisect import bisect_right

        a, b = bisect_right(mine, cut), bisect_right(theirs, cut)
        if (len(mine) - a) * len(theirs) >= (len(theirs) - b) * len(mine):
            sign, a, b = ">", len(mine) - a, len(theirs) - b
        else:
            sign = "<="
        self.compared += 1
        mine_of, theirs_of = Share(a, len(mine)), Share(b, len(theirs))
        return Difference(facet, sign, cut, mine_of, theirs_of, least_difference(mine_of, theirs_of))

    def _difference(self, facet: Facet, value: Any, a: int, b: int) -> Difference:
        self.compared += 1
        mine, theirs = Share(a, self.selected.count), Share(b, self.others.count)
        return Difference(facet, "=", value, mine, theirs, least_difference(mine, theirs))


def least_difference(one: Share, other: Share) -> float:
    """By how much the two shares differ at the least, at four standard errors; 0 where they may well be the same."""
    if one.have * other.of < other.have * one.of:
        one, other = other, one
    high, low = one.have / one.of, other.have / other.of
    lower, upper = _wilson(one)[0], _wilson(other)[1]
    return max(0.0, high - low - math.hypot(high - lower, upper - low))


def _wilson(share: Share) -> tuple[float, float]:
    """Wilson's interval for the share that such a count stands for."""
    n, z = share.of, _ERRORS
    p = share.have / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _quantiles(numbers: Sequence[float]) -> list[float]:
    """Some of the sorted numbers, spread evenly over them."""
    last = len(numbers) - 1
    return [numbers[last * step // _CUTS] for step in range(_CUTS + 1)]


def _telling(found: Sequence[Difference]) -> Iterator[Difference]:
    """Those that tell something which those before them do not tell already."""
    told: dict[Path | str, list[Difference]] = {}
    for one in found:
        path: Path | str = one.facet.path or one.facet.kind
        before = told.setdefault(path, [])
        if len(before) >= _PER_FACET or (before and not one.more):
            continue
        if any((one.selected, one.others) == (other.selected, other.others) for other in before):
            continue
        if _follows(one, told):
            continue
        before.append(one)
        yield one


def _follows(one: Difference, told: dict[Path | str, list[Difference]]) -> bool:
    """Whether it is only so because of what is told of the field around it."""
    path = one.facet.path
    for end in range(1, len(path)):
        for outer in told.get(path[:end], ()):
            if outer.facet.kind in (of.THERE, of.TYPE) and _shares(outer) in (_shares(one), _shares(one, without=True)):
                return True
    return False


def _shares(one: Difference, *, without: bool = False) -> tuple[int, ...]:
    """How many have it on both sides, or have not, and of how many."""
    mine, theirs = one.selected, one.others
    if without:
        return mine.of - mine.have, mine.of, theirs.of - theirs.have, theirs.of
    return *mine, *theirs
