"""A mistake in a command, shown with the place it is in. Pure."""

from __future__ import annotations

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.help import in_lines
from daebus_console.render import Line, Span, hanging, line
from daebus_console.text import cells, clean

_BEFORE = 50
_AROUND = 90
"""Cells that are shown before the place, and in all."""
_BESIDE = 4
"""Cells of the margin, and of what says that there is more."""


def explain(error: CommandError, program: str = "", width: int | None = None) -> list[Line]:
    """What is wrong, the line with a caret under the place, the nearest right word, and how the verb is used.

    `program` stands before the usage where commands are given to one, `width` bounds all lines.
    """
    head, text = Span("error: ", "error"), error.message
    if error.suggestion:
        text += f"; did you mean {error.suggestion}?"
    lines = [line(head, text)] if width is None else hanging([head], text, width)
    if error.line.strip():
        lines += pointer(error, width)
    if error.usage:
        usage = f"usage: {program}{error.usage}"
        lines += [line(Span(one, "dim")) for one in (in_lines(usage, width) if width is not None else [usage])]
    return lines


def pointer(error: CommandError, width: int | None = None) -> list[Line]:
    """The line with the mistake in it, of a long one what is around that, and carets below the place.

    Both have room in `width` cells: carets below a line that goes on in the next row would stand below something else.
    """
    around = _AROUND if width is None else max(_BEFORE // 5, min(_AROUND, width - _BESIDE))
    text, place = error.line, error.position
    begin, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    last = len(text) if end < 0 else end
    start = max(begin, place - around * _BEFORE // _AROUND)
    while cells(clean(text[start:place])) > around * _BEFORE // _AROUND:
        start += 1
    stop = min(last, start + around)
    while stop > place and cells(clean(text[start:stop])) > around:
        stop -= 1
    before = clean(text[start:place])
    marked = clean(text[place : min(place + error.length, stop)])
    after = clean(text[place + error.length : stop])
    lead, tail = "…" if start > begin else "", "…" if stop < last else ""
    caret = " " * (cells(lead) + cells(before)) + "^" * max(1, cells(marked))
    return [line(f"  {lead}{before}{marked}{after}{tail}"), line("  ", Span(caret, "error"))]
