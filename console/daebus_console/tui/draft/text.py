"""The text of a draft while it is typed: what may stand in it, its colours, its brackets, its layout. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from daebus_console.engine.hiding.redact import MASK
from daebus_console.text import clean

INDENT = 2
"""Blanks a level is indented by."""
LONGEST = 5_000
"""Signs of a line that is coloured; a longer one stays plain, so that typing in it stays quick."""
_FARTHEST = 50_000
"""Signs looked through for the other bracket of a pair."""
_MOST_MARKS = 3
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"?'
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})(?P<key>(?=\s*:))?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>[A-Za-z_]\w*)|(?P<sign>[\[\]{{}},:])"
)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")
_STAND_IN = re.compile(rf'"{re.escape(MASK)}\d+{re.escape(MASK)}"')
"""What stands for a hidden value; see draft_hidden.py."""
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]")
_PILE = re.compile(r"[^\x00-\u02ff]{4,}")
_PARTNERS = {"{": "}", "[": "]", "}": "{", "]": "["}


class Part(NamedTuple):
    """From `start` to `end` a line has that role (see lines.ROLES); a later part lies over an earlier one."""

    start: int
    end: int
    role: str


def safe(text: str) -> str:
    """The text as it may stand in a draft: what a terminal would obey or not show as JSON escapes, which say the same.

    Line ends become newlines and tabs blanks: within a JSON text neither means anything else.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\t", " " * INDENT)
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    escapes = {ord(sign): _escape(sign) for sign in set(text) if sign != "\n" and clean(sign) != sign}
    return _PILE.sub(_without_pile, text.translate(escapes))


def _escape(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _without_pile(found: re.Match[str]) -> str:
    """Combining marks beyond the third on one letter as escapes: they would reach into the lines above and below."""
    parts: list[str] = []
    pile = 0
    for sign in found[0]:
        pile = pile + 1 if unicodedata.combining(sign) else 0
        parts.append(sign if pile <= _MOST_MARKS else _escape(sign))
    return "".join(parts)


@lru_cache(maxsize=2048)
def parts(line: str) -> tuple[Part, ...]:
    """The coloured parts of a line. No JSON string goes over the end of a line, so each stands for itself."""
    if len(line) > LONGEST:
        return ()
    found: list[Part] = []
    for token in _TOKEN.finditer(line):
        if token["string"] is not None:
            start, end = token.span("string")
            role = "accent" if _STAND_IN.fullmatch(token[0]) else "string" if token["key"] is None else "key"
            found.append(Part(start, end, role))
            found += (Part(start + one.start(), start + one.end(), "accent") for one in _ESCAPE.finditer(token[0]))
        elif token["sign"]:
            found.append(Part(token.start(), token.end(), "dim"))
        else:
            found.append(Part(token.start(), token.end(), "number" if token["number"] else "literal"))
    return tuple(found)


def token_at(line: str, column: int) -> tuple[int, int]:
    """Where the token begins and ends that stands at or before that column of the line, counted from 0."""
    if len(line) > LONGEST or not line.strip():
        return min(column, max(0, len(line) - 1)), min(column + 1, len(line))
    before = (0, 0)
    for token in _TOKEN.finditer(line):
        if token.start() > column and before[1]:
            break
        before = token.span("string") if token["string"] is not None else token.span()
        if before[0] <= column < before[1]:
            break
    if not before[0] <= column < before[1] and line[column : column + 1].strip():
        # Nothing that JSON knows.
        return column, column + 1
    return before


def partner(lines: Sequence[str], row: int, column: int) -> tuple[int, int] | None:
    """Where the other bracket of a pair stands, if one stands there and the other is not far."""
    line = lines[row] if 0 <= row < len(lines) else ""
    sign = line[column : column + 1]
    if sign not in _PARTNERS or not sign:
        return None
    step = 1 if sign in "{[" else -1
    depth = looked = 0
    here = row
    while 0 <= here < len(lines) and looked <= _FARTHEST:
        looked += len(lines[here]) + 1
        if len(lines[here]) > _FARTHEST:
            return None
        brackets = [one for one in _BRACKET.finditer(lines[here]) if one[0] in _PARTNERS]
        if here == row and not any(one.start() == column for one in brackets):
            # It stands in a string.
            return None
        for bracket in brackets[::step]:
            if here == row and (bracket.start() - column) * step < 0:
                continue
            depth += step if bracket[0] in "{[" else -step
            if depth == 0:
                return (here, bracket.start()) if bracket[0] == _PARTNERS[sign] else None
        here += step
    return None


def new_line(before: str, after: str) -> tuple[str, int]:
    """What enter puts between two halves of a line, and how many signs of that stand behind the cursor."""
    lead = before[: len(before) - len(before.lstrip(" "))]
    opened = before.rstrip()[-1:]
    if opened not in ("{", "["):
        return f"\n{lead}", 0
    inside = f"\n{lead}{' ' * INDENT}"
    if after.lstrip()[:1] == _PARTNERS[opened]:
        return f"{inside}\n{lead}", 1 + len(lead)
    return inside, 0


def first_place(text: str) -> tuple[int, int]:
    """Row and column, from 0, where one begins to edit: at the first member of the payload or the message."""
    for row, line in enumerate(text.split("\n")):
        if line.startswith(('  "payload": ', '  "message": ')):
            return (row + 1, 2 * INDENT) if line.endswith(("{", "[")) else (row, min(len(line), line.index(":") + 3))
    return 0, 0


def laid_out(text: str) -> str:
    """JSON text, which must be valid, with a member a line; every value as it was written. Raises ValueError."""
    try:
        return msgspec.json.format(text, indent=INDENT).rstrip("\n")
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply to be laid out") from None


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Where the sign with that index stands, both counted from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
