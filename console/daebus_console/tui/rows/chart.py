"""Figures over time as small charts of block signs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.tui.rows.lines import Line, fit_right

_LEVELS = " ▁▂▃▄▅▆▇█"
MARGIN = 9
"""Cells for the scale at the left."""


def columns_of(values: Sequence[float | None], count: int) -> list[float | None]:
    """The values in that many columns, each the greatest of what falls into it; None where nothing was measured."""
    if len(values) <= count:
        return [None] * (count - len(values)) + list(values)
    columns: list[float | None] = []
    for column in range(count):
        start, end = column * len(values) // count, (column + 1) * len(values) // count
        known = [value for value in values[start:end] if value is not None]
        columns.append(max(known) if known else None)
    return columns


def bars(
    values: Sequence[float | None], width: int, height: int, scale: str, role: str, bad: Sequence[float] = ()
) -> list[Line]:
    """A bar a column, the newest at the right, `scale` at the top of the left margin.

    `bad` (as many as values, in their unit) is the part of each that went wrong: the foot of its bar, lit and hatched.
    """
    room = max(1, width - MARGIN)
    shown = columns_of(values, room)
    wrong = columns_of([value or None for value in bad], room) if bad else [None] * room
    top = max((value for value in shown if value is not None), default=0.0) or 1.0
    lines: list[Line] = []
    for row in range(height):
        line: Line = [(fit_right(scale if row == 0 else "0" if row == height - 1 else "", MARGIN - 2) + " ┤", "dim")]
        floor = (height - 1 - row) * 8
        for value, error in zip(shown, wrong, strict=True):
            level = max(0, min(8, _eighths(value, top, height) - floor))
            lit = _eighths(error, top, height) > floor
            # Less than half a cell cannot be hatched without seeming more than it is.
            line.append(("▒" if lit and level >= 4 else _LEVELS[level], "error" if lit else role))
        lines.append(_joined(line))
    return lines


def _eighths(value: float | None, top: float, height: int) -> int:
    """How high a bar is; the least one still shows."""
    return 0 if not value else max(1, round(value / top * height * 8))


def _joined(line: Line) -> Line:
    """Neighbours of one role as one piece: fewer escape sequences for the terminal."""
    joined: Line = []
    for text, role in line:
        if joined and joined[-1][1] == role:
            joined[-1] = (joined[-1][0] + text, role)
        else:
            joined.append((text, role))
    return joined
