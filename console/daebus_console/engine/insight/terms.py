"""For each difference the term of a filter for the exchanges that have it: written, and tried on those compared. Pure.

To filters a number is the same as its digits as a text, upper and lower case are the same, and what was answered counts
with what was asked. Where no term tells what a difference tells, the numbers of the exchanges stand for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.filter import language as filters
from daebus_console.engine.filter import writing
from daebus_console.engine.filter.pattern import number_in
from daebus_console.engine.hiding.redact import MASK
from daebus_console.engine.insight import facets as of
from daebus_console.engine.insight.contrast import Difference
from daebus_console.engine.insight.facets import Facet, Redact, facets
from daebus_console.engine.insight.sides import Chosen, Compared, Each, place_of, side_of
from daebus_console.engine.message.exchange import Exchange

MOST_NUMBERED = 100
"""Exchanges that are named by their numbers, at the most."""

Terms = Mapping[Difference, str]


def terms(
    found: Sequence[Compared],
    selecting: str,
    each: Each,
    chosen: Chosen,
    against: Chosen | None = None,
    redact: Redact | None = None,
) -> dict[tuple[str, str | None], Terms]:
    """For each comparison, by its target and action, the terms of its differences; none for those without one.

    The rest is as `compare` was given it. Goes once through what `each` gives.
    """
    tried = {
        (one.target, one.action): [_Tried(difference) for difference in one.differences(selecting)] for one in found
    }
    for exchange in each():
        here = tried.get(place_of(exchange, against))
        if here and side_of(exchange, chosen, against) is not None:
            values: dict[Facet, list[Any]] = {}
            for facet, value in facets(exchange, None, None, redact):
                values.setdefault(facet, []).append(value)
            for one in here:
                one.take(exchange, values)
    return {place: {one.difference: term for one in here if (term := one.term)} for place, here in tried.items()}


class _Tried:
    """The terms of a difference that have told it right up to now, the best first."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        self._left = [(text, filters.parse(text).accepts) for text in _terms_of(difference)]
        self._numbers: list[int] | None = [] if self._left else None

    def take(self, exchange: Exchange, values: Mapping[Facet, list[Any]]) -> None:
        """Try them on an exchange of which these are the facets."""
        if not self._left and self._numbers is None:
            return
        has = _has(self.difference, values.get(self.difference.facet, []))
        self._left = [one for one in self._left if one[1](exchange) is has]
        if has and self._numbers is not None:
            self._numbers.append(exchange.number)
            if len(self._numbers) > MOST_NUMBERED:
                self._numbers = None

    @property
    def term(self) -> str | None:
        if self._left:
            return self._left[0][0]
        return writing.numbers(self._numbers) if self._numbers else None


def _has(difference: Difference, values: Sequence[Any]) -> bool:
    """Whether what has these values of its facet has what the difference tells."""
    sign, told = difference.sign, difference.value
    if difference.facet.kind == of.THERE:
        return bool(values) is told
    if sign == "=":
        # In Python 1, 1.0 and True are the same.
        return any(value.__class__ is told.__class__ and value == told for value in values)
    numbers = [value for value in values if value.__class__ is int or value.__class__ is float]
    return any((number > told) is (sign == ">") for number in numbers)


def _terms_of(difference: Difference) -> Iterator[str]:
    """Terms for the exchanges that have it, the plainest first; none where the language has none, or it is masked."""
    facet, value = difference.facet, difference.value
    if facet.kind == of.FROM:
        yield f"from:{writing.literal(str(value))}"
    elif facet.kind == of.THERE and facet.path:
        yield f"{'' if value else '-'}{writing.field(facet.path)}:*"
    elif facet.kind == of.VALUE and facet.path and value != MASK:
        yield from _of_value(writing.field(facet.path), difference.sign, value)


def _of_value(field: str, sign: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        # Of a longer text that is its beginning.
        whole = writing.quoted([value, ""] if len(value) == of.LONGEST else [value])
        yield f"{field}:{whole}"
        if number_in(value) is not None:
            yield f"{field}:{whole} -{field}:{value}..{value}"
        return
    number = jsontext.dumps(plain(value))
    yield f"{field}:{sign.removeprefix('=')}{number}"
    if sign == "=" and not isinstance(value, bool):
        # Bounds are of numbers alone.
        yield f"{field}:{number}..{number}"


def plain(value: Any) -> Any:
    """A number without a fraction that is nothing; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
