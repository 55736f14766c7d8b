"""Conditions on a payload: `[path, op, value]`, such as `["items.0.qty", ">", 3]`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import globs

OPS = ("=", "!=", "<", ">", "~", "exists")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so at a place in the payload.

    `op` is one of OPS; a step of `path` is a name, or a place in a list.
    """

    path: tuple[str, ...]
    op: str
    value: Any = True

    def holds(self, payload: Any) -> bool:
        """Whether it is so. What is not there equals nothing, and is not equal to everything."""
        found = _at(payload, self.path)
        if self.op == "exists":
            return (found is not _MISSING) is (self.value is not False)
        if found is _MISSING:
            return self.op == "!="
        return _TESTS[self.op](found, self.value)


def _at(payload: Any, path: tuple[str, ...]) -> Any:
    found = payload
    for step in path:
        if isinstance(found, dict):
            found = found.get(step, _MISSING)
        elif isinstance(found, list) and step.isascii() and step.isdigit() and len(step) < 10:
            number = int(step)
            found = found[number] if number < len(found) else _MISSING
        else:
            return _MISSING
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _ordered(found: Any, value: Any) -> bool:
    """Whether two values have an order: both numbers, or both texts."""
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    numbers = isinstance(found, int | float) and isinstance(value, int | float)
    return numbers or (isinstance(found, str) and isinstance(value, str))


def _like(found: Any, pattern: Any) -> bool:
    """Whether a text, or a number as it is written, is what a pattern says."""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return False
    try:
        return globs.matches(str(pattern), str(found))
    except ValueError:
        # A whole number of more digits than Python writes.
        return False


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": same,
    "!=": lambda found, value: not same(found, value),
    "<": lambda found, value: _ordered(found, value) and bool(found < value),
    ">": lambda found, value: _ordered(found, value) and bool(found > value),
    "~": _like,
}
