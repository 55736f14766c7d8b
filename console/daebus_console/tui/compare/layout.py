"""Pairs of lines as rows of a given width: two columns where there is room, else one value below the other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daebus_console.tui.compare.values import Note, Pair
from daebus_console.tui.rows.lines import Line, filled, wrap

WIDE = 100
"""Cells from which on the values stand side by side."""
_GUTTER = 2
_BETWEEN = " │ "


def column(width: int) -> int:
    """Cells of each of two columns."""
    return max(4, (width - len(_BETWEEN)) // 2)


def side_by_side(found: Sequence[Pair | Note], width: int) -> list[Line]:
    """Two columns, the lines of a pair beside each other."""
    cells = column(width)
    rows: list[Line] = []
    for one in found:
        if isinstance(one, Note):
            rows.append(one.line)
            continue
        left, right = list(_side(one, cells, after=False)), list(_side(one, cells, after=True))
        for index in range(max(len(left), len(right))):
            row = filled(left[index] if index < len(left) else [], cells)
            rows.append([*row, (_BETWEEN, "dim"), *(right[index] if index < len(right) else [])])
    return rows


def stacked(found: Sequence[Pair | Note], width: int) -> list[Line]:
    """One column: where lines differ, those of before stand above those of after."""
    rows: list[Line] = []
    waiting: list[Line] = []
    for one in found:
        if isinstance(one, Note) or one.same:
            rows += waiting
            waiting = []
        if isinstance(one, Note):
            rows.append(one.line)
        else:
            rows += _side(one, width, after=False)
            if not one.same:
                waiting += _side(one, width, after=True)
    return rows + waiting


def _side(pair: Pair, width: int, *, after: bool) -> Iterator[Line]:
    """One line of a value in as many rows as it takes, with a sign before where it differs."""
    line = pair.after if after else pair.before
    if line is None:
        return
    sign, role = (" ", "dim") if pair.same else ("+", "ok") if after else ("−", "error")
    for row in wrap(line, max(1, width - _GUTTER)):
        yield [(f"{sign} ", role), *row]
        sign = " "


def heads(before: str, after: str, width: int) -> Line:
    """The names of the two sides: over the columns, or in one line that tells their signs."""
    one, other = [(f"− {before}", "error")], [(f"+ {after}", "ok")]
    if width < WIDE:
        return [*one, ("   ", "plain"), *other]
    return [*filled(one, column(width)), (_BETWEEN, "dim"), *other]


def rows_of(found: Sequence[Pair | Note], width: int) -> list[Line]:
    """The rows for a view of that width."""
    return side_by_side(found, width) if width >= WIDE else stacked(found, width)
