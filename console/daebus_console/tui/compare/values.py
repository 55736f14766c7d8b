"""The two values of a difference, in full: lines that belong together, and where in them they differ. Pure.

Whatever the values are, the work is bounded: what is beyond MOST_LINES or MOST_SIGNS is told, not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Context, Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.diff.values import Change, How
from daebus_console.render import json_spans
from daebus_console.text import clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line

MOST_LINES = 5_000
MOST_SIGNS = 200_000
LIT_BEFORE, LIT_AFTER = "gap", "match"
"""The roles of what differs, at the two sides."""
_EFFORT = 20_000
"""Lines (or words) of one side times those of the other, up to which it is looked for what they have in common."""
_LOOKED_INTO = 20_000
"""Signs of lines beside each other of which words are compared; of what follows, the common start and end only."""
_CONTEXT = 3
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|.", re.DOTALL)
_NAME = re.compile(r'\s*"(?:[^"\\]|\\.)*": ')
_FARTHEST = 300
"""Places before or behind the point from which on the difference of two numbers is not written out."""
_EXACT = Context(prec=4 * _FARTHEST)
_COMMON = 3
"""Signs that the beginnings or ends of two words must have in common to be told apart from the rest."""

Redact = Callable[[bytes], bytes]


class Pair(NamedTuple):
    """A line of the value before and the one of the value after that stands beside it; None where there is none."""

    before: Line | None
    after: Line | None
    same: bool = False


class Note(NamedTuple):
    """A line across both sides: how many lines are the same and folded."""

    line: Line


def describe(change: Change) -> str:
    """What kinds of values they are, and by how much numbers differ: `number, +19 (+158 %)`."""
    if change.how is not How.CHANGED:
        return f"{_kind(change.after if change.how is How.ADDED else change.before)}, {change.how.value}"
    before, after = change.before, change.after
    if _is_number(before) and _is_number(after):
        return f"number{by_how_much(before, after)}"
    if isinstance(before, str) and isinstance(after, str) and len(before) != len(after):
        return f"text of {len(before):,} → {fmt.plural(len(after), 'character')}"
    one, other = _kind(before), _kind(after)
    return one if one == other else f"{one} → {other}"


def by_how_much(before: float, after: float) -> str:
    """How far a number is from another, as both were written; empty where that cannot be said."""
    one, other = jsontext.exact(before), jsontext.exact(after)
    if not (one.is_finite() and other.is_finite()) or max(map(_magnitude, (one, other))) > _FARTHEST:
        return ""
    gap = float(_EXACT.subtract(other, one))
    return f", {gap:+,.10g}{percent(before, after)}".replace("-", "−")


def _magnitude(number: Decimal) -> int:
    return abs(number.adjusted())


def percent(before: float, after: float) -> str:
    """How much more or less, in brackets after a blank; empty where a share says nothing."""
    try:
        ratio = after / before if before > 0 else 0.0
    except OverflowError:
        return ""
    if not 0 < ratio < 1e6 or ratio == 1:
        return ""
    if ratio >= 10:
        return f" (×{ratio:,.0f})"
    return f" ({(ratio - 1) * 100:+.0f} %)".replace("-", "−")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, Unread):
        return "unreadable"
    if isinstance(value, str):
        return f"text of {fmt.plural(len(value), 'character')}"
    if isinstance(value, list):
        return f"list of {len(value):,}"
    if isinstance(value, dict):
        return f"object of {fmt.plural(len(value), 'field')}"
    return "number" if _is_number(value) else jsontext.dumps(value)


# Values as lines -------------------------------------------------------------------------------------------------


def value_lines(value: Any, *, apart: bool = False, redact: Redact = bytes) -> list[str]:
    """The value as clean lines: structure as JSON, indented; a text of several lines as those, where `apart`."""
    if isinstance(value, Unread):
        text = redact(value.data).decode("utf-8", "backslashreplace")
        return [clean(str(value)), *_bounded(text.split("\n"))]
    if isinstance(value, str) and apart:
        return list(_bounded(value.split("\n")))
    return list(_bounded(_json_lines(value)))


def _json_lines(value: Any) -> Iterator[str]:
    begun: list[str] = []
    length = 0
    try:
        for part in jsontext.pieces(value, indent=2):
            head, *lines = part.split("\n")
            begun.append(head)
            length += len(head)
            for line in lines:
                yield "".join(begun)
                begun, length = [line], len(line)
            if length > MOST_SIGNS:
                break
    except RecursionError:
        begun.append("… (nested too deeply to be shown)")
    yield "".join(begun)


def _bounded(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    left = MOST_SIGNS
    for number, line in enumerate(lines):
        if number >= MOST_LINES:
            yield f"… only the first {MOST_LINES:,} lines are shown; y copies more"
            return
        yield clean(line[:left])
        left -= len(line)
        if left < 0:
            yield f"… only the first {MOST_SIGNS:,} characters are shown; y copies more"
            return


# Lines beside each other -----------------------------------------------------------------------------------------


def pairs(change: Change, redact: Redact = bytes) -> list[Pair]:
    """The lines of both values, those that belong together in pairs."""
    apart = any(isinstance(value, str) and "\n" in value for value in (change.before, change.after))
    if change.how is How.ADDED:
        return [Pair(None, coloured(line)) for line in value_lines(change.after, apart=apart, redact=redact)]
    if change.how is How.REMOVED:
        return [Pair(coloured(line), None) for line in value_lines(change.before, apart=apart, redact=redact)]
    before, after = (value_lines(value, apart=apart, redact=redact) for value in (change.before, change.after))
    return list(_aligned(before, after))


def coloured(line: str) -> Line:
    """A line of JSON in its colours."""
    return [(span.text, span.style or "plain") for span in json_spans(line)]


def _aligned(before: Sequence[str], after: Sequence[str]) -> Iterator[Pair]:
    # Whether a comma follows tells of the next line, not of this one.
    keys = [line.removesuffix(",") for line in before], [line.removesuffix(",") for line in after]
    left = _LOOKED_INTO
    for same, a, b, c, d in _runs(*keys):
        if same:
            for one, other in zip(before[a:b], after[c:d], strict=True):
                yield Pair([(one, "dim")], [(other, "dim")], True)
            continue
        for before_line, after_line in _beside(before[a:b], after[c:d]):
            if before_line is not None and after_line is not None:
                left -= len(before_line) + len(after_line)
                yield Pair(*lit(before_line, after_line, _EFFORT if left > 0 else 0))
            elif before_line is not None:
                yield Pair([(before_line, LIT_BEFORE)], None)
            elif after_line is not None:
                yield Pair(None, [(after_line, LIT_AFTER)])


def _beside(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Lines that differ in pairs: fields beside those of the same name, other lines as they stand."""
    if len(before) == len(after):
        yield from zip(before, after, strict=True)
        return
    for same, a, b, c, d in _runs(list(map(_field, before)), list(map(_field, after))):
        ones, others = before[a:b], after[c:d]
        if same or not any(_NAME.match(line) for line in (*ones, *others)):
            yield from zip_longest(ones, others)
        else:
            yield from ((line, None) for line in ones)
            yield from ((None, line) for line in others)


def _field(line: str) -> str:
    found = _NAME.match(line)
    return found[0] if found else line


_Run = tuple[bool, int, int, int, int]
"""Whether it is the same, and from where to where in the one and in the other."""


def _runs(before: Sequence[str], after: Sequence[str], effort: int = _EFFORT) -> Iterator[_Run]:
    """What both have in common, and what differs between that, in turn."""
    start, end = _common(before, after)
    last, other_last = len(before) - end, len(after) - end
    yield True, 0, start, 0, start
    one, other = before[start:last], after[start:other_last]
    if len(one) * len(other) > effort or not (one and other):
        yield False, start, last, start, other_last
    else:
        for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
            yield tag == "equal", start + a, start + b, start + c, start + d
    yield True, last, len(before), other_last, len(after)


def _common(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many both begin and end with."""
    shorter = min(len(before), len(after))
    start = end = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, end


def lit(before: str, after: str, effort: int = _EFFORT) -> tuple[Line, Line]:
    """Two lines with what differs lit, and what they have in common dimmed: without effort, start and end only."""
    left: Line = []
    right: Line = []
    words, others = _WORD.findall(before), _WORD.findall(after)
    for same, a, b, c, d in _runs(words, others, effort):
        one, other = "".join(words[a:b]), "".join(others[c:d])
        if same:
            left.append((one, "dim"))
            right.append((other, "dim"))
            continue
        start, end = _common(one, other) if b - a == d - c == 1 and not one[:1].isdigit() else (0, 0)
        start, end = (start if start >= _COMMON else 0), (end if end >= _COMMON else 0)
        for line, text, role in ((left, one, LIT_BEFORE), (right, other, LIT_AFTER)):
            line += [(text[:start], "dim"), (text[start : len(text) - end], role), (text[len(text) - end :], "dim")]
    return _joined(left), _joined(right)


def _joined(line: Line) -> Line:
    """Without empty pieces, and neighbours of one role in one."""
    joined: Line = []
    for text, role in line:
        if joined and joined[-1][1] == role:
            joined[-1] = joined[-1][0] + text, role
        elif text:
            joined.append((text, role))
    return joined


def folded(found: Sequence[Pair]) -> list[Pair | Note]:
    """The pairs, long runs of lines that are the same shortened to what is next to a difference."""
    shown: list[Pair | Note] = []
    start = 0
    while start < len(found):
        end = start
        while end < len(found) and found[end].same:
            end += 1
        before, after = (_CONTEXT if start else 0), (_CONTEXT if end < len(found) else 0)
        hidden = end - start - before - after
        if hidden > 1:
            shown += found[start : start + before]
            shown.append(Note([(f"┄┄ {hidden:,} lines the same: space shows them ┄┄", "dim")]))
            shown += found[end - after : end]
        else:
            shown += found[start:end]
        if end < len(found):
            shown.append(found[end])
        start = end + 1
    return shown
