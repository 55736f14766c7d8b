"""Two exchanges compared: what differs, what is ignored by which rule, and each difference as a row. Pure.

Paths and values are kept as they are and made fit for the screen where they become rows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

from daebus_console.engine.diff.exchange import diff_exchanges, read_payload
from daebus_console.engine.diff.preview import previews
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.jsontext import names_twice
from daebus_console.engine.message.exchange import Exchange, Kind, Message
from daebus_console.text import cells, clean
from daebus_console.tui.rows.lines import Line, fit

SIGNS = {How.CHANGED: ("~", "wait"), How.ADDED: ("+", "ok"), How.REMOVED: ("−", "error")}
"""The sign of each kind of difference, and its role."""
_MOST_ORDERED = 2_000_000
"""Bytes beyond which the order of fields is left as it is."""
MEASURED = 500
"""Rows that are looked at for the width of the columns."""


class Entry(NamedTuple):
    """One difference; `ignored_by` is the first rule by which it does not count."""

    change: Change
    ignored_by: str | None = None

    @property
    def part(self) -> str:
        """Where in the exchange it is: `request`, `response` or `stream[0]`."""
        return self.change.path.partition(".")[0]


class Heading(NamedTuple):
    """Stands over the differences of a part: how many count, and how many are ignored."""

    part: str
    differing: int
    ignored: int


Row = Entry | Heading


@dataclass(frozen=True)
class Compared:
    """What came of a comparison."""

    entries: tuple[Entry, ...]
    differing: int
    ignored: int

    def rows(self, *, ignored: bool) -> list[Row]:
        """The differences part by part, each under its heading; with those that are ignored, or without."""
        parts: dict[str, list[Entry]] = {}
        for entry in self.entries:
            parts.setdefault(entry.part, []).append(entry)
        rows: list[Row] = []
        for part, entries in parts.items():
            counting = sum(1 for entry in entries if entry.ignored_by is None)
            shown = [entry for entry in entries if ignored or entry.ignored_by is None]
            if shown:
                rows += [Heading(part, counting, len(entries) - counting), *shown]
        return rows


NOTHING = Compared((), 0, 0)


def snapshot(exchange: Exchange) -> Exchange:
    """The exchange as it stands, which no later answer changes. To be taken under the session's lock."""
    taken = copy.copy(exchange)
    taken.progress = list(exchange.parts) or None
    return taken


def compare(before: Exchange, after: Exchange, rules: Rules) -> Compared:
    """What differs from one exchange to the other. Takes as long as their payloads are large."""
    found = diff_exchanges(before, after, rules)
    entries = [Entry(change) for change in found.changes]
    if rules.ignore:
        every = Rules(tolerance=rules.tolerance, relative=rules.relative, any_order=rules.any_order)
        changes = diff_exchanges(before, after, every).changes
        entries = _merged(entries, changes, rules)
    entries.sort(key=_part_order)
    return Compared(tuple(entries), len(found.changes), len(entries) - len(found.changes))


def _merged(entries: list[Entry], every: Sequence[Change], rules: Rules) -> list[Entry]:
    """The entries with those that the rules leave out, in the order in which all were found."""
    counting = {(entry.change.path, entry.change.how) for entry in entries}
    places: dict[tuple[str, How], int] = {}
    ignored: list[Entry] = []
    each = [(rule, Rules((rule,))) for rule in rules.ignore]
    for place, change in enumerate(every):
        key = change.path, change.how
        places[key] = place
        if key not in counting:
            around = [path for path in paths_around(change.path) if rules.ignores(path)]
            if around:
                by = next(rule for rule, alone in each if any(map(alone.ignores, around)))
                ignored.append(Entry(change, by))
    # Where the rules make other members of lists belong together, a difference has no place among all: then it is last.
    last = len(every)
    return sorted([*entries, *ignored], key=lambda entry: places.get((entry.change.path, entry.change.how), last))


def _part_order(entry: Entry) -> tuple[int, int]:
    part = entry.part
    if part.startswith("stream["):
        return 2, int(part[len("stream[") : -1])
    return (0 if part == "request" else 1), 0


def paths_around(path: str) -> Iterator[str]:
    """The path, and the paths of all that it is in, from the inside out."""
    yield path
    position = len(path) - 1
    while position > 0:
        if path[position] in ".[" and _backslashes(path, position) % 2 == 0:
            yield path[:position]
        position -= 1


def _backslashes(path: str, end: int) -> int:
    return end - len(path[:end].rstrip("\\"))


def whole(before: Exchange, after: Exchange, part: str) -> Change | None:
    """The payloads of a part of both exchanges as one difference; None where there is none."""
    one, other = _payload(before, part), _payload(after, part)
    path = f"{part}.payload"
    if one is None:
        return None if other is None else Change(path, How.ADDED, None, read_payload(other.data, whole=other.whole))
    first = read_payload(one.data, whole=one.whole)
    if other is None:
        return Change(path, How.REMOVED, first, None)
    second = read_payload(other.data, whole=other.whole)
    alike = len(one.data) + len(other.data) <= _MOST_ORDERED
    return Change(path, How.CHANGED, first, _ordered_like(first, second) if alike else second)


def _payload(exchange: Exchange, part: str) -> Message | None:
    if part.startswith("stream["):
        parts, index = exchange.parts, int(part[len("stream[") : -1])
        return parts[index] if index < len(parts) else None
    return exchange.request if part == "request" else exchange.answer


def _ordered_like(before: Any, after: Any) -> Any:
    """The value with its fields in the order they have in the other: their order is no difference."""
    try:
        if isinstance(before, dict) and isinstance(after, dict) and not (names_twice(before) or names_twice(after)):
            names = [*(name for name in before if name in after), *(name for name in after if name not in before)]
            return {name: _ordered_like(before.get(name), after[name]) for name in names}
        if isinstance(before, list) and isinstance(after, list):
            pairs = zip_longest(before[: len(after)], after)
            return [_ordered_like(one, other) for one, other in pairs]
    except RecursionError:
        pass
    return after


# Rows ------------------------------------------------------------------------------------------------------------


class Widths(NamedTuple):
    """Cells of the columns."""

    path: int
    before: int
    after: int


def widths(rows: Sequence[Row], width: int) -> Widths:
    """Columns as wide as what stands in them, as far as there is room."""
    entries = [row for row in rows[:MEASURED] if isinstance(row, Entry)]
    room = max(12, width - len("   ~ ") - len("  ") - len(" → "))
    longest = max((cells(short_path(entry)) for entry in entries), default=0)
    path = max(6, min(longest, room * 45 // 100))
    shown = [previews(entry.change, room, room) for entry in entries]
    before = max((cells(one) for one, _other in shown), default=0)
    after = max((cells(other) for _one, other in shown), default=0)
    half = (room - path) // 2
    before = max(1, min(before, max(half, room - path - after)))
    return Widths(path, before, max(1, room - path - before))


def short_path(entry: Entry) -> str:
    """The path within its part, fit for the screen."""
    return clean(entry.change.path[len(entry.part) + 1 :])


def entry_line(entry: Entry, columns: Widths) -> Line:
    """One difference: sign, path, what it was and what it is. `entry` has what may be shown of the values."""
    change, dim = entry.change, entry.ignored_by is not None
    sign, role = SIGNS[change.how]
    before, after = previews(change, columns.before, columns.after)
    line: Line = [
        (f"   {sign} ", "dim" if dim else role),
        (fit(short_path(entry), columns.path) + "  ", "dim" if dim else "key"),
        (fit(before, columns.before), "dim" if dim or change.how is How.ADDED else "error"),
        (" → ", "dim"),
    ]
    if dim:
        return [*line, (f"{after}   ignored by {clean(entry.ignored_by or '')}", "dim")]
    return [*line, (fit(after, columns.after), "dim" if change.how is How.REMOVED else "ok")]


def heading_line(heading: Heading) -> Line:
    """The name of a part, with its counts."""
    return [(f" {clean(heading.part)}", "strong"), (f"  {counts(heading.differing, heading.ignored)}", "dim")]


def counts(differing: int, ignored: int) -> str:
    """`3 differ, 2 ignored`."""
    said = f"{differing:,} {'differs' if differing == 1 else 'differ'}" if differing else "no difference"
    return f"{said}, {ignored:,} ignored" if ignored else said


# Which to compare ------------------------------------------------------------------------------------------------


def partner(exchanges: Iterable[Exchange], selected: Exchange) -> Exchange | None:
    """With what of `exchanges` (oldest first) the selected one is compared where the user has named none.

    With its origin where it is a replay, else with its newest replay, else with the latest before it that asked the
    same of the same. None where there is no such.
    """
    if selected.kind is Kind.GAP:
        return None
    origin, replays = selected.aside.origin, frozenset(selected.aside.replays or ())
    replay = like = None
    for one in exchanges:
        if one.number == selected.number:
            continue
        if origin and one.number == origin:
            return one
        if one.number in replays:
            replay = one
        elif one.number < selected.number and _alike(one, selected):
            like = one
    return replay or like


def _alike(one: Exchange, other: Exchange) -> bool:
    return (one.kind, one.target, one.action) == (other.kind, other.target, other.action)
