"""A line of the screen before it has colours: pieces of text, each with a role. Pure.

Roles are resolved to the theme's colours by the widget (see widgets/row_list.py), so a row can be tested as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from daebus_console.text import ELLIPSIS, LONGEST, cells, clean, clip, cut, folded, pad

Piece = tuple[str, str]
"""Text, fit for the screen, and its role."""
Line = list[Piece]

ROLES = (
    "plain",
    "dim",
    "strong",
    "ok",
    "error",
    "wait",
    "warn",
    "accent",
    "name",
    "action",
    "key",
    "string",
    "number",
    "literal",
    "match",
    "gap",
)
_LEAST = 12
"""Cells that are left of a name, and that a line has however little room there is."""
_WORD = re.compile(r" *[^ ]+ *| +")
_ROLES_OF = {"bold": "strong"}


def text_of(line: Line) -> str:
    """The line without its roles."""
    return "".join(text for text, _role in line)


def in_roles(spans: Iterable[tuple[str, str]]) -> Line:
    """A line as the verbs print it, in the roles of the screen."""
    return [(clean(text), _ROLES_OF.get(style, style if style in ROLES else "plain")) for text, style in spans]


@lru_cache(maxsize=8192)
def fit(text: str, width: int) -> str:
    """Exactly `width` cells of the text: filled up with blanks, or cut with an ellipsis."""
    if width <= 0:
        return ""
    if text.isascii() and len(text) <= width:
        return text.ljust(width)
    return pad(text, width)


@lru_cache(maxsize=8192)
def fit_right(text: str, width: int) -> str:
    """Like fit, but the text stands at the right end."""
    length = cells(text)
    return " " * (width - length) + text if length < width else fit(text, width)


def trimmed(line: Line, width: int) -> Line:
    """At most that many cells of the line; where more than blanks is left out it says so."""
    text = text_of(line)
    if cells(text) <= width:
        return line
    cut_off = width > 0 and cells(text.rstrip(" ")) > width
    room = width - cut_off
    kept: Line = []
    for piece, role in line:
        part = clip(piece, room)
        kept.append((part, role))
        room -= cells(part)
        if part != piece:
            break
    return [*kept, (" " * room, "plain"), *([(ELLIPSIS, "dim")] if cut_off else [])]


def filled(line: Line, width: int) -> Line:
    """A line that has no more, filled up to so many cells."""
    return [*line, (" " * (width - cells(text_of(line))), "plain")]


def within(lines: Iterable[Line], width: int) -> list[Line]:
    """The lines; those of one piece that are longer than that in as many as it takes, each with its margin."""
    told: list[Line] = []
    for line in lines:
        text, role = line[0] if len(line) == 1 else ("", "plain")
        margin = text[: len(text) - len(text.lstrip(" "))]
        parts = folded(text[len(margin) :], max(_LEAST, width - len(margin))) if text else []
        told += [[(margin + one, role)] for one in parts] or [line]
    return told


def shorter(line: Line, lacking: int) -> Line:
    """The line with its long names shortened, by that many cells where they have them."""
    shortened: Line = []
    for text, role in line:
        spare = min(lacking, cells(text) - _LEAST) if role in ("name", "action") else 0
        lacking -= max(0, spare)
        shortened.append((cut(text, cells(text) - spare) if spare > 0 else text, role))
    return shortened


def wrap(line: Line, width: int) -> Iterator[Line]:
    """The line in rows of at most `width` cells; at least one."""
    row: Line = []
    left = width
    for text, role in line:
        start = 0
        while start < len(text):
            end = _fitting(text, start, left)
            if end == start and left < width:
                yield row
                row, left = [], width
                continue
            # A sign that is wider than a whole row is shown all the same.
            end = max(end, start + 1)
            piece = text[start:end]
            row.append((piece, role))
            left -= cells(piece)
            start = end
    yield row


def parted(line: Line, width: int) -> Iterator[Line]:
    """The line in rows of at most `width` cells, parted between words; blanks at the end of a row are left out."""
    text, begin, pieces = text_of(line), 0, iter(line)
    if len(text) <= width and cells(text) <= width:
        yield line
        return
    piece, role = next(pieces, ("", "plain"))
    for end in _row_ends(text, width):
        row: Line = []
        room = len(text[begin:end].rstrip(" "))
        left = end - begin
        while left:
            some = piece[:left]
            if room > 0:
                row.append((some[:room], role))
            room, left, piece = room - len(some), left - len(some), piece[len(some) :]
            if not piece and left:
                piece, role = next(pieces)
        yield row
        begin = end


def _row_ends(text: str, width: int) -> Iterator[int]:
    taken = 0
    for word in _WORD.finditer(text):
        start, end = word.span()
        length = cells(word[0].rstrip(" "))
        if taken and taken + length > width:
            yield start
            taken = 0
        while length > width and start + 1 < end:
            start = max(start + 1, _fitting(text, start, width))
            length = cells(text[start:end].rstrip(" "))
            yield start
        taken += cells(text[start:end])
    yield len(text)


def _fitting(text: str, start: int, room: int) -> int:
    """Where to cut so that what is from `start` on takes no more than so many cells."""
    if text.isascii():
        return min(len(text), start + max(0, room))
    return start + len(clip(text[start : start + LONGEST * (max(0, room) + 1)], max(0, room)))
