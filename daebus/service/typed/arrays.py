"""Converting JSON arrays: lists and sets of any length, tuples and what else has its fields in an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from daebus.errors import class_of, said_by

from .leaves import fits_length, wanted_of
from .wrongs import Convert, Wrongs, kind


def positional(made: Callable[[list[Any]], Any], items: list[Convert], needed: int) -> Convert:
    """What makes something of a list that has its fields in order; the first `needed` must be there."""
    most = len(items)
    wants = f"a list of {most} values" if needed == most else f"a list of {needed} to {most} values"

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if not isinstance(value, list | tuple):
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        if not needed <= len(value) <= most:
            wrongs.add(f"must be {wants}, and has {len(value)}")
            return None
        before = wrongs.count
        found = _each(value, items, wrongs)
        if wrongs.count != before:
            return None
        try:
            return made(found)
        except (ValueError, TypeError) as error:
            wrongs.add(f"is refused: {said_by(error) or class_of(error)}")
            return None

    return convert


def _each(value: Sequence[Any], items: Iterable[Convert], wrongs: Wrongs) -> list[Any]:
    found: list[Any] = []
    since = wrongs.count
    for item, reads in zip(value, items, strict=False):
        found.append(reads(item, wrongs))
        if wrongs.count != since:
            wrongs.within(len(found) - 1, since)
            since = wrongs.count
    return found


def sequence(node: Any, made: Callable[[list[Any]], Any], item: Convert) -> Convert:
    wants = wanted_of(node)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if not isinstance(value, list | tuple):
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        if not fits_length(node, value):
            wrongs.add(f"must be {wants}, and has {len(value)}")
        before = wrongs.count
        found = _each(value, repeat(item), wrongs)
        if wrongs.count != before or made is list:
            return found
        try:
            return made(found)
        except TypeError:
            wrongs.add("must hold no lists and no objects")
            return None

    return convert
