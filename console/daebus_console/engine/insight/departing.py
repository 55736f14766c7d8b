"""Where a message departs from what was learned of its like. Pure.

What most do is taken for the rule where it rests on enough, and every departure tells on how many. A field is missing,
or is not known, where fewer than 1 in 50 are so; a type is another one where fewer than 1 in 5 have it and 4 in 5 have
one and the same. Ranges and examples are no rules: the next number may well be larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from daebus_console.engine.filter.payload import Path
from daebus_console.engine.insight.shape import Shape, type_of

ENOUGH = 20
"""Values on which a rule must rest at least."""
_RARE = 1 / 50
_MIXED = 1 / 5
_MOST = 20
_LOOKED_AT = 2_000
_SAME = {"integer": "number"}


class Departure(NamedTuple):
    """One place at which a message is not like the others: what is so there, and `are` of `of` are not so."""

    path: Path
    what: str
    are: int
    of: int

    def __str__(self) -> str:
        return f"{self.what}; {self.are:,} of {self.of:,} are not so"


_Verdict = tuple[str, int, int]


class Judge:
    """Tells where values depart from a shape, as it is now."""

    def __init__(self, shape: Shape) -> None:
        self._whole = _Rules(shape)

    def departures(self, value: Any) -> list[Departure]:
        """Where that value departs from the shape, whether it was learned from it or not; 20 places at most."""
        return list(islice(self._departures(value), _MOST))

    def _departures(self, value: Any) -> Iterator[Departure]:
        pending: list[tuple[_Rules, Any, Path]] = [(self._whole, value, ())]
        left = _LOOKED_AT
        while pending and left > 0:
            rules, value, path = pending.pop()
            left -= 1
            name = type_of(value)
            verdict = rules.types.get(name) or rules.of_type(name)
            if verdict[0]:
                yield Departure(path, *verdict)
            elif name == "object":
                for key, told in rules.of_fields(value):
                    yield Departure((*path, key), *told)
                for key, item in islice(value.items(), left):
                    below = rules.below(key)
                    if below is not None:
                        pending.append((below, item, (*path, key)))
            elif name == "array":
                below = rules.below(None)
                if below is not None:
                    pending += [(below, item, (*path, place)) for place, item in enumerate(islice(value, left))]


class _Rules:
    """What is the rule at one place of a shape, worked out once."""

    __slots__ = ("_below", "_given", "_rare", "_shape", "types")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.types: dict[str, _Verdict] = {}
        """What is to be said of each type that was asked about; nothing for the usual ones."""
        self._below: dict[str | None, _Rules | None] = {}
        objects = shape.objects
        judged = objects >= ENOUGH and shape.folded is None and not shape.cut
        fields = shape.fields if judged else {}
        self._given = {name: one.count for name, one in fields.items() if objects - one.count < objects * _RARE}
        self._rare = {name: objects - one.count for name, one in fields.items() if one.count < objects * _RARE}

    def below(self, key: str | None) -> _Rules | None:
        """The rules for what stands under a key, or for None in a list; None where nothing is known of it."""
        shape = self._shape
        place = None if key is None else "" if shape.folded is not None else key
        if place not in self._below:
            part = shape.items if key is None else shape.folded or shape.fields.get(key)
            if part is None:
                return None
            self._below[place] = _Rules(part)
        return self._below[place]

    def of_fields(self, value: dict[str, Any]) -> Iterator[tuple[str, _Verdict]]:
        """What is to be said of the fields of an object."""
        shape = self._shape
        objects = shape.objects
        for key, count in self._given.items():
            if key not in value:
                yield key, ("is missing", count, objects)
        if not self._given and not self._rare:
            return
        for key in value:
            if key in self._rare:
                yield key, ("is a field that hardly any has", self._rare[key], objects)
            elif key not in shape.fields:
                yield key, ("is a field that none had", objects, objects)

    def of_type(self, name: str) -> _Verdict:
        """What is to be said of a value of that type."""
        found = self.types[name] = self._of_type(name)
        return found

    def _of_type(self, name: str) -> _Verdict:
        shape = self._shape
        if shape.count < ENOUGH:
            return ("", 0, 0)
        alike: dict[str, int] = {}
        for known, count in shape.types.items():
            alike[_SAME.get(known, known)] = alike.get(_SAME.get(known, known), 0) + count
        have = alike.get(_SAME.get(name, name), 0)
        if name == "null":
            return ("is null", shape.count - have, shape.count) if have < shape.count * _RARE else ("", 0, 0)
        of = shape.count - alike.pop("null", 0)
        most = max(alike, key=lambda one: alike[one], default=name)
        if have < of * _MIXED and alike.get(most, 0) >= of * (1 - _MIXED):
            return (f"is {_a(name)} where most have {_a(most)}", of - have, of)
        return ("", 0, 0)


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeio" else f"a {name}"
