"""Changing one place of a JSON text, with every other sign of it left as it is. Pure.

All texts given here are valid JSON; positions are indexes into them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from daebus_console.engine.jsontext.reading import BLANKS, Member, made_of, with_text

_blank = re.compile(r"[ \t\r\n]*").match
# Reads over values at the speed of C, and makes as little of them as can be.
_over = json.JSONDecoder(parse_float=len, parse_int=len, parse_constant=len).raw_decode


class Span(NamedTuple):
    """One member or item: its name or place, where it begins (a member with its name), and from where to where its
    value stands."""

    key: str | int
    begin: int
    start: int
    end: int


def _after_blanks(text: str, position: int) -> int:
    found = _blank(text, position)
    return found.end() if found is not None else position


def children(text: str, position: int = 0) -> list[Span]:
    """The members of the object, or the items of the list, that begins at `position` (blanks before it aside)."""
    position = _after_blanks(text, position)
    closing, named = ("}", True) if text[position] == "{" else ("]", False)
    found: list[Span] = []
    position = _after_blanks(text, position + 1)
    while text[position] != closing:
        begin = position
        key: str | int = len(found)
        if named:
            key, position = _over(text, position)
            position = _after_blanks(text, _after_blanks(text, position) + 1)
        start = position
        position = _over(text, position)[1]
        found.append(Span(key, begin, start, position))
        position = _after_blanks(text, position)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)
    return found


def end_of(text: str, position: int) -> int:
    """Where the value that begins at `position` ends."""
    return _over(text, position)[1]


def replaced(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """The text with other texts in those places: from, to, what. In order, and not one over the other."""
    parts: list[str] = []
    kept = 0
    for start, end, new in changes:
        parts += (text[kept:start], new)
        kept = end
    return "".join([*parts, text[kept:]])


def appended(text: str, position: int, spans: list[Span], written: str) -> str:
    """The text with one more member (or item) at the end of the container at `position`, which holds `spans`.

    It is set off from the one before as that is from the one before it.
    """
    if not spans:
        position = _after_blanks(text, position) + 1
        return text[:position] + written + text[position:]
    last = spans[-1]
    return text[: last.end] + between(text, spans) + written + text[last.end :]


def between(text: str, spans: list[Span]) -> str:
    """What stands between two members."""
    if len(spans) > 1:
        return text[spans[-2].end : spans[-1].begin]
    return ", " if colon_of(text, spans).endswith(" ") else ","


def colon_of(text: str, spans: list[Span]) -> str:
    """What stands between name and value in an object that holds `spans`."""
    if not spans or not isinstance(spans[-1].key, str):
        return ":"
    last = spans[-1]
    return text[end_of(text, last.begin) : last.start]


class Place(Protocol):
    """Where a member stands: a Span, or what was read with it."""

    @property
    def begin(self) -> int:
        """Where it begins."""

    @property
    def end(self) -> int:
        """Where its value ends."""


def without(text: str, spans: Sequence[Place], gone: Collection[int]) -> str:
    """The text without those of the members (or items), which are told by their index in `spans`."""
    kept = [index for index in range(len(spans)) if index not in gone]
    if not kept:
        return text[: spans[0].begin] + text[spans[-1].end :] if spans else text
    changes: list[tuple[int, int, str]] = []
    for index in sorted(gone):
        if index < kept[0]:
            # The comma behind it goes as well; of all others, the one before.
            changes.append((spans[index].begin, spans[index + 1].begin, ""))
        else:
            changes.append((spans[index - 1].end, spans[index].end, ""))
    return replaced(text, changes)


def reduced(text: str, members: Sequence[Member], gone: Collection[str]) -> Any:
    """The object that has those members, without some: value and text, with nothing read again."""
    indexes = {index for index, member in enumerate(members) if member.name in gone}
    kept = [(member.name, member.value) for member in members if member.name not in gone]
    return with_text(made_of(kept), without(text, members, indexes).strip(BLANKS))


def with_members(text: str, put: Mapping[str, str], gone: Collection[str] = ()) -> str:
    """The object with members set to the texts in `put` and those in `gone` taken away.

    A member that is there is changed in its place: of several of one name the last, which counts. All else of the text
    stays.
    """
    spans = children(text)
    last = {str(span.key): span for span in spans}
    changes = [(span.start, span.end, put[name]) for name, span in last.items() if name in put]
    changes.sort()
    if changes:
        text = replaced(text, changes)
    if gone and any(name in last for name in gone):
        spans = children(text)
        text = without(text, spans, {index for index, span in enumerate(spans) if span.key in gone})
    missing = [name for name in put if name not in last]
    if missing:
        spans = spans if not changes and not gone else children(text)
        colon, comma = colon_of(text, spans), between(text, spans) if spans else ","
        text = appended(text, 0, spans, comma.join(f"{json.dumps(name)}{colon}{put[name]}" for name in missing))
    return text
