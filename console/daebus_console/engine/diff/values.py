"""What differs between two JSON values, with the path of each difference. Pure: no I/O, knows nothing of messages.

A path is written as in ITEMS: `payload.user.name`, `payload.items[0].id`, a backslash before `. [ ] = \\` in a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.jsontext import canonical, names_twice, pairs_of

_EFFORT = 200_000
"""Comparisons that may be spent on finding out which members of lists belong together; then they do as they stand."""
_FARTHEST = 100
_NO_RULES = Rules()


class How(StrEnum):
    """What became of a value."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class Change(NamedTuple):
    """One difference. `before` and `after` are JSON values; None where there was, or is, nothing."""

    path: str
    how: How
    before: Any
    after: Any


def diff(a: Any, b: Any, rules: Rules = _NO_RULES, path: str = "") -> list[Change]:
    """The differences from `a` to `b`, in the order of `a`; `path` is where both stand."""
    return list(iter_diff(a, b, rules, path))


def iter_diff(a: Any, b: Any, rules: Rules = _NO_RULES, path: str = "") -> Iterator[Change]:
    """The same one by one, for whoever needs the first few only. Any depth will do."""
    return _Walk(rules).changes(a, b, path)


def same(a: Any, b: Any, rules: Rules = _NO_RULES, path: str = "") -> bool:
    """Whether there is no difference."""
    return _Walk(rules, align=False).same(a, b, path)


def distance(a: Any, b: Any) -> int:
    """How many differences there are, up to a hundred. Values of another kind differ as much as can be."""
    return _Walk(_NO_RULES, align=False).distance(a, b, "")


def member(path: str, name: str) -> str:
    """The path of a member of the object at `path`."""
    escaped = name if name.isidentifier() else "".join(f"\\{sign}" if sign in ".[]=\\" else sign for sign in name)
    return f"{path}.{escaped}" if path else escaped


_Pair = tuple[str, Any, Any]
_Todo = list[_Pair | Change]
_Places = list[tuple[int, Any]]


class _Walk:
    """One comparison. With `align`, members put into a list or taken out of it are told from those that changed."""

    def __init__(self, rules: Rules, *, align: bool = True, effort: list[int] | None = None) -> None:
        self.rules = rules
        self.align = align
        # Shared by the comparisons within this one: lists in lists would else take exponential time.
        self.effort = [_EFFORT] if effort is None else effort

    def changes(self, a: Any, b: Any, path: str) -> Iterator[Change]:
        # A stack of our own, since payloads may be nested as deeply as a reader lets them.
        todo: _Todo = [(path, a, b)]
        rules = self.rules
        while todo:
            item = todo.pop()
            if isinstance(item, Change):
                yield item
                continue
            here, before, after = item
            self.effort[0] -= 1
            if rules.ignores(here):
                continue
            if isinstance(before, dict) and isinstance(after, dict):
                todo += reversed(self._members(here, before, after))
            elif isinstance(before, list) and isinstance(after, list):
                todo += reversed(self._lists(here, before, after))
            elif not rules.equal(before, after):
                yield Change(here, How.CHANGED, before, after)

    def same(self, a: Any, b: Any, path: str) -> bool:
        return next(self.changes(a, b, path), None) is None

    def distance(self, a: Any, b: Any, path: str) -> int:
        count = 0
        for change in self.changes(a, b, path):
            if change.path == path and not (_is_scalar(a) and _is_scalar(b)):
                return _FARTHEST
            count += 1
            if count >= _FARTHEST:
                break
        return count

    def _members(self, path: str, before: dict[str, Any], after: dict[str, Any]) -> _Todo:
        found: _Todo = list(self._earlier(path, before, after))
        for name, value in before.items():
            here = member(path, name)
            if name in after:
                found.append((here, value, after[name]))
            elif not self.rules.ignores(here):
                found.append(Change(here, How.REMOVED, value, None))
        for name, value in after.items():
            if name not in before and not self.rules.ignores(here := member(path, name)):
                found.append(Change(here, How.ADDED, None, value))
        return found

    def _earlier(self, path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change | _Pair]:
        """Of names that stand more than once, the members that do not count, the last of them beside each other."""
        twice = dict.fromkeys((*names_twice(before), *names_twice(after)))
        for name in twice:
            here = member(path, name)
            left, right = ([value for one, value in pairs_of(each) if one == name][:-1] for each in (before, after))
            if self.rules.ignores(here):
                continue
            yield from (Change(here, How.REMOVED, value, None) for value in left[: max(0, len(left) - len(right))])
            yield from (Change(here, How.ADDED, None, value) for value in right[: max(0, len(right) - len(left))])
            both = min(len(left), len(right))
            pairs = zip(left[len(left) - both :], right[len(right) - both :], strict=True)
            yield from ((here, value, other) for value, other in pairs)

    def _lists(self, path: str, before: list[Any], after: list[Any]) -> _Todo:
        left, right = list(enumerate(before)), list(enumerate(after))
        if self.effort[0] > 0:
            try:
                if self.rules.any_order:
                    left, right = self._matched(path, before, after)
                elif self.align and len(before) != len(after):
                    left, right = self._trimmed(path, left, right)
            except RecursionError:
                # Lists in lists in lists, each in another order: then place by place.
                left, right = list(enumerate(before)), list(enumerate(after))
        return self._paired(path, left, right)

    def _inner(self) -> _Walk:
        return _Walk(self.rules, align=False, effort=self.effort)

    def _trimmed(self, path: str, left: _Places, right: _Places) -> tuple[_Places, _Places]:
        """Lists of unlike length without what both begin and end with.

        So a member that was put in shows as one that was added, and not as a change of all that follow.
        """
        start = end = 0
        inner = self._inner()
        shorter = min(len(left), len(right))
        while start < shorter and inner.same(left[start][1], right[start][1], f"{path}[{start}]"):
            start += 1
        while end < shorter - start:
            (index, value), (_index, other) = left[-1 - end], right[-1 - end]
            if not inner.same(value, other, f"{path}[{index}]"):
                break
            end += 1
        return left[start : len(left) - end], right[start : len(right) - end]

    def _paired(self, path: str, left: _Places, right: _Places) -> _Todo:
        """The members in pairs as they stand; what is left over was removed, or added."""
        found: _Todo = [
            (f"{path}[{index}]", value, other) for (index, value), (_index, other) in zip(left, right, strict=False)
        ]
        for index, value in left[len(right) :]:
            if not self.rules.ignores(here := f"{path}[{index}]"):
                found.append(Change(here, How.REMOVED, value, None))
        for index, value in right[len(left) :]:
            if not self.rules.ignores(here := f"{path}[{index}]"):
                found.append(Change(here, How.ADDED, None, value))
        return found

    def _matched(self, path: str, before: Sequence[Any], after: Sequence[Any]) -> tuple[_Places, _Places]:
        """Members without those that have an equal in the other list; of the rest, those most alike side by side."""
        left, right = _without_twins(before, after)
        inner = self._inner()
        kept: _Places = []
        for index, value in left:
            equal = None
            if len(left) + len(right) > 2 and self.effort[0] > 0:
                place = f"{path}[{index}]"
                equal = next((pair for pair in right if inner.same(value, pair[1], place)), None)
            if equal is None:
                kept.append((index, value))
            else:
                right = [pair for pair in right if pair is not equal]
        return kept, self._beside(path, kept, right)

    def _beside(self, path: str, left: _Places, right: _Places) -> _Places:
        """The members of `right` in such an order that each stands beside the one in `left` it is most like."""
        inner = self._inner()
        rest = list(right)
        found: _Places = []
        for index, value in left:
            if len(rest) < 2 or self.effort[0] <= 0:
                break
            place = f"{path}[{index}]"
            best = min(range(len(rest)), key=lambda position: inner.distance(value, rest[position][1], place))
            found.append(rest.pop(best))
        return found + rest


def _without_twins(before: Sequence[Any], after: Sequence[Any]) -> tuple[_Places, _Places]:
    """The members of both that have no exact twin in the other, with their places."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index in range(len(after) - 1, -1, -1):
        places[_canonical(after[index])].append(index)
    left: _Places = []
    for index, value in enumerate(before):
        twins = places.get(_canonical(value))
        if twins:
            twins.pop()
        else:
            left.append((index, value))
    alone = sorted(index for found in places.values() for index in found)
    return left, [(index, after[index]) for index in alone]


def _canonical(value: Any) -> str:
    """A text that is the same for the same value."""
    try:
        return canonical(value)
    except (RecursionError, ValueError, TypeError):
        # Too deep to be written: then it is its own twin only.
        return f"at {id(value)}"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)
