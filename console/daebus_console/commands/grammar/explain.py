"""A mistake in a command, shown with the place it is in. Pure."""

from __future__ import annotations

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.help import in_lines
from daebus_console.render import Line, Span, hanging, line
from daebus_console.text import cells, clean

_BEFORE = 50
_AROUND = 90


def explain(error: CommandError, program: str = "", width: int | None = None) -> list[Line]:
    """What is wrong, the line with a caret under the place, the nearest right word, and how the verb is used.

    `program` stands before the usage where commands are given to one, `width` bounds the lines of both.
    """
    head, text = Span("error: ", "error"), error.message
    if error.suggestion:
        text += f"; did you mean {error.suggestion}?"
    lines = [line(head, text)] if width is None else hanging([head], text, width)
    if error.line.strip():
        lines += _pointer(error)
    if error.usage:
        usage = f"usage: {program}{error.usage}"
        lines += [line(Span(one, "dim")) for one in (in_lines(usage, width) if width is not None else [usage])]
    return lines


def _pointer(error: CommandError) -> list[Line]:
    text = error.line
    begin = text.rfind("\n", 0, error.position) + 1
    end = text.find("\n", error.position)
    start = max(begin, error.position - _BEFORE)
    stop = min(len(text) if end < 0 else end, start + _AROUND)
    before = clean(text[start : error.position])
    marked = clean(text[error.position : min(error.position + error.length, stop)])
    after = clean(text[error.position + error.length : stop])
    lead = "…" if start > begin else ""
    tail = "…" if stop < len(text) and stop == start + _AROUND else ""
    caret = " " * (cells(lead) + cells(before)) + "^" * max(1, cells(marked))
    return [line(f"  {lead}{before}{marked}{after}{tail}"), line("  ", Span(caret, "error"))]
