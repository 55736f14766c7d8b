"""The two values of a difference on one line, cut where they begin to differ. Pure."""

from __future__ import annotations

from daebus_console.engine.diff.values import Change, How
from daebus_console.text import cut
from daebus_console.tui.compare.values import one_line

NONE = "·"
_LEAD = 6
"""Signs shown before the first that differs."""
_LOOKED_AT = 10_000


def previews(change: Change, before: int, after: int) -> tuple[str, str]:
    """Both values in at most so many cells each."""
    if change.how is How.ADDED:
        return NONE, cut(one_line(change.after, after), after)
    if change.how is How.REMOVED:
        return cut(one_line(change.before, before), before), NONE
    one, other = change.before, change.after
    if isinstance(one, str) and isinstance(other, str) and max(len(one) - before, len(other) - after) > -3:
        skipped = max(0, _first_difference(one, other) - _LEAD)
        if skipped > _LEAD and skipped + _LEAD > min(before, after) // 2:
            return _from(one, skipped, before), _from(other, skipped, after)
    return cut(one_line(one, before), before), cut(one_line(other, after), after)


def _from(text: str, start: int, width: int) -> str:
    return cut("…" + one_line(text[start : start + width], width)[1:], width)


def _first_difference(one: str, other: str) -> int:
    for index, (sign, another) in enumerate(zip(one[:_LOOKED_AT], other, strict=False)):
        if sign != another:
            return index
    return min(len(one), len(other), _LOOKED_AT)
