"""The two values of a difference on one line, cut where they begin to differ. Pure."""

from __future__ import annotations

from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.diff.values import Change, How
from daebus_console.text import clean, cut

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


def one_line(value: Any, most: int) -> str:
    """The beginning of a value as JSON on one line, of about `most` signs at the least where it is longer. Clean."""
    if isinstance(value, Unread):
        return clean(str(value))
    if isinstance(value, str):
        value = value[: most + 1]
    parts: list[str] = []
    length = 0
    try:
        for part in jsontext.pieces(value):
            parts.append(part[: most + 1])
            length += len(part)
            if length > most:
                break
    except RecursionError:
        parts.append("… (nested too deeply to be shown)")
    return clean("".join(parts))


def _from(text: str, start: int, width: int) -> str:
    return cut("…" + one_line(text[start : start + width], width)[1:], width)


def _first_difference(one: str, other: str) -> int:
    for index, (sign, another) in enumerate(zip(one[:_LOOKED_AT], other, strict=False)):
        if sign != another:
            return index
    return min(len(one), len(other), _LOOKED_AT)
