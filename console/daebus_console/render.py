"""What is shown, as lines of styled spans that every face can draw; and as JSON. Pure.

A Span's text may be anything; it is made safe where lines become text, in one place (`to_text`) for terminals. Style
names are roles: ok, error, warn, dim, bold, key, string, number, accent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.text import cells, clean, clean_json, cut, folded


class Span(NamedTuple):
    """A piece of text in one style; the empty style is plain."""

    text: str
    style: str = ""


Line = tuple[Span, ...]

_NARROWEST = 20
_WIDEST = 120
_MOST_NAMES = 5
_SGR = {
    "ok": "32",
    "error": "31",
    "warn": "33",
    "dim": "2",
    "bold": "1",
    "key": "36",
    "string": "32",
    "number": "35",
    "accent": "34",
}
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")(?P<key>\s*:)?|(?P<number>-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity)'
)


def line(*pieces: str | Span) -> Line:
    """A line of plain texts and spans."""
    return tuple(piece if isinstance(piece, Span) else Span(piece) for piece in pieces)


def to_text(spans: Iterable[Span], colour: bool = False) -> str:
    """A line as text for a terminal: whatever is in it, it is one line and commands nothing."""
    if not colour:
        return "".join(clean(span.text) for span in spans)
    parts = []
    for span in spans:
        code = _SGR.get(span.style)
        text = clean(span.text)
        parts.append(f"\x1b[{code}m{text}\x1b[0m" if code and text else text)
    return "".join(parts)


def fit(spans: Iterable[Span], width: int) -> Line:
    """The line in at most `width` cells."""
    fitted: list[Span] = []
    left = width
    for span in spans:
        text = cut(clean(span.text), left)
        fitted.append(Span(text, span.style))
        left -= cells(text)
        if left <= 0:
            break
    return tuple(fitted)


def width_of(spans: Iterable[Span]) -> int:
    """How many cells a line takes."""
    return sum(cells(clean(span.text)) for span in spans)


def hanging(head: Iterable[Span], text: str | Span, width: int) -> list[Line]:
    """A text behind its head, in lines of at most `width` cells: what goes on stands below where it began."""
    span, before = text if isinstance(text, Span) else Span(text), tuple(head)
    indent = width_of(before)
    first, *others = folded(clean(span.text), max(_NARROWEST, width - indent))
    return [(*before, Span(first, span.style)), *((Span(" " * indent), Span(one, span.style)) for one in others)]


def to_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON for somebody to read, its numbers as they were written: safe to print, on one line unless
    indented. Raises RecursionError."""
    return clean_json(jsontext.dumps(value, indent=indent))


def to_record(value: Any, *, ascii_only: bool = False) -> str:
    """The value as JSON for a program, on one line: what knows its text as that text. Raises RecursionError.

    A record that is a payload itself has its tokens as they came, with the usual blanks between them.
    """
    text = jsontext.dumps(value, verbatim=True)
    if isinstance(value, jsontext.Object | jsontext.Array):
        text = jsontext.one_line(text)
    return jsontext.escaped(text) if ascii_only else clean_json(text)


def json_lines(value: Any) -> list[Line]:
    """The value pretty-printed, its keys, texts and numbers in their styles."""
    try:
        text = to_json(value, indent=2)
    except RecursionError:
        return [line(Span("(nested too deeply to be shown)", "warn"))]
    return [json_spans(one) for one in text.split("\n")]


def repeated_line(value: Any) -> Line | None:
    """What is to be said of a value in which a name stands more than once in one object."""
    names = jsontext.repeated(value)
    if not names:
        return None
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return line(
        Span(f"‼ more than once in one object, the last counts: {', '.join(names[:_MOST_NAMES])}{more}", "warn")
    )


def json_spans(text: str) -> Line:
    """One line of JSON text, in styles."""
    spans: list[Span] = []
    position = 0
    for found in _TOKEN.finditer(text):
        if found.start() > position:
            spans.append(Span(text[position : found.start()]))
        if found["string"] is not None:
            spans.append(Span(found["string"], "key" if found["key"] else "string"))
            position = found.end("string")
        else:
            spans.append(Span(found[0], "number"))
            position = found.end()
    if position < len(text):
        spans.append(Span(text[position:]))
    return tuple(spans)


def preview(value: Any, width: int) -> str:
    """A value in one short line, for lists of many."""
    try:
        return cut(clean(to_json(value)), width)
    except RecursionError:
        return cut("(nested too deeply to be shown)", width)


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str | Span]], right: frozenset[int] = frozenset()
) -> list[Line]:
    """Rows under headings, in columns as wide as their widest cell; the columns in `right` are flush right.

    A cell that is wider than any column should be moves the others of its own row alone.
    """
    cleaned = [[_clean_cell(cell) for cell in row] for row in rows]
    widths = [
        max([cells(heading), *(min(_WIDEST, cells(row[index].text)) for row in cleaned)])
        for index, heading in enumerate(headings)
    ]
    lines = [_row([Span(heading, "dim") for heading in headings], widths, right)]
    lines += [_row(row, widths, right) for row in cleaned]
    return lines


def table_within(
    width: int,
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Span]],
    right: frozenset[int],
    least_wanted: Sequence[Sequence[str]],
) -> tuple[list[Line], list[str]]:
    """The same in so many cells, and the headings of the columns for which there is no room in them: of the groups of
    those that are least wanted, the first ones."""
    left_out: list[str] = []
    for group in (*least_wanted, None):
        kept = [index for index, heading in enumerate(headings) if heading not in left_out]
        flush = frozenset(place for place, index in enumerate(kept) if index in right)
        lines = table([headings[index] for index in kept], [[row[index] for index in kept] for row in rows], flush)
        if group is None or width_of(lines[0]) <= width:
            break
        left_out += group
    return lines, left_out


def no_room_for(columns: Iterable[str]) -> str:
    """What is said of them."""
    return f"no room for {', '.join(columns)}: --json has all"


def _clean_cell(cell: str | Span) -> Span:
    span = cell if isinstance(cell, Span) else Span(cell)
    return Span(clean(span.text), span.style)


def _row(row: Sequence[Span], widths: Sequence[int], right: frozenset[int]) -> Line:
    spans: list[Span] = []
    for index, (span, width) in enumerate(zip(row, widths, strict=True)):
        gap = "  " if index else ""
        filler = " " * (width - cells(span.text))
        if index in right:
            spans += [Span(gap + filler), span]
        elif index == len(row) - 1:
            spans += [Span(gap), span]
        else:
            spans += [Span(gap), span, Span(filler)]
    return tuple(span for span in spans if span.text)


_LEVELS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """One cell a value, as high as its share of the greatest; a blank for zero."""
    top = max(values, default=0)
    if not top:
        return " " * len(values)
    return "".join(" " if not value else _LEVELS[min(7, value * 8 // (top + 1))] for value in values)


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 gap`, `3 gaps`, `12,345 messages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def times(count: int) -> str:
    """`once`, `3 times`, `12,345 times`."""
    return "once" if count == 1 else f"{count:,} times"


def duration(seconds: float | None) -> str:
    """Seconds in three figures and a fitting unit."""
    if seconds is None:
        return "-"
    if seconds == 0:
        # Both ends were read at once: too short to be told apart.
        return "<1 ms"
    for limit, factor, unit in ((0.0009995, 1e6, "µs"), (0.9995, 1e3, "ms"), (120.0, 1.0, "s")):
        if seconds < limit:
            value = seconds * factor
            return (
                f"{value:.2f} {unit}"
                if value < 9.995
                else f"{value:.1f} {unit}"
                if value < 99.95
                else f"{value:.0f} {unit}"
            )
    return f"{seconds / 60:.1f} min"


def size(count: int) -> str:
    """Bytes in a fitting unit."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
