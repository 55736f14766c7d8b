"""What the parts of a command line are, for colouring it while it is typed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import filter_from
from daebus_console.commands.grammar.script import pieces
from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.words import Word, split
from daebus_console.commands.verbs import VERBS, Verb

LONGEST = 20_000
"""Characters of a line that is coloured; a longer one stays plain, so that typing in it stays quick."""
_REFERENCE = re.compile(r"[$#]\w+(?:[.\[].*)?", re.DOTALL)
_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*"?)(?P<key>\s*:)?|(?P<number>-?\d[\d.eE+-]*|\b(?:true|false|null)\b)')


class Mark(NamedTuple):
    """From `start` to `end` the text has that role; see `render` for the roles."""

    start: int
    end: int
    role: str


def marks(text: str) -> list[Mark]:
    """The coloured parts of a text, in order; they do not overlap, and what is between them is plain."""
    if len(text) > LONGEST:
        return []
    found: list[Mark] = []
    for piece in pieces(text.splitlines(keepends=True)):
        found += (Mark(start + piece.start, end + piece.start, role) for start, end, role in _line(piece.text))
    return [mark for mark in found if mark.end > mark.start]


def _line(text: str) -> Iterator[Mark]:
    words, rest = _words(text)
    end = 0
    if words:
        verb = VERBS.get(words[0].text)
        closed = len(words) > 1 or text[words[0].end :][:1].isspace()
        yield Mark(words[0].start, words[0].end, "accent" if verb else "error" if closed else "")
        if verb is not None:
            yield from _arguments(verb, words[1:])
        end = words[-1].end
    if rest < len(text):
        yield from _json(text, rest)
    elif end < len(text) and text[end:].strip():
        yield Mark(end, len(text), "dim")


def _words(text: str) -> tuple[list[Word], int]:
    """The words, and where what is still open begins."""
    try:
        return split(text, filter_from), len(text)
    except CommandError as error:
        begin = error.position
    try:
        words = split(text[:begin], filter_from)
    except CommandError:
        return [], begin
    return words, begin


def _arguments(verb: Verb, words: Sequence[Word]) -> Iterator[Mark]:
    kinds = [argument.kind for argument in verb.arguments]
    options = {name: option for option in verb.options for name in (option.name, option.short) if name}
    position, value_of = 0, False
    for word in words:
        option = options.get(word.text.partition("=")[0]) if word.raw.startswith("-") else None
        if value_of or option is not None:
            yield Mark(word.start, word.end, "number" if value_of else "dim")
            value_of = option is not None and option.kind is not Kind.FLAG and "=" not in word.text
            continue
        kind = kinds[min(position, len(kinds) - 1)] if kinds else None
        position += 1
        if word.raw == "&":
            yield Mark(word.start, word.end, "accent")
        elif kind is Kind.ITEMS:
            yield from _item(word)
        elif kind is Kind.FILTER:
            yield from _term(word)
        elif kind is Kind.VALUE:
            yield from _value(word, 0)
        else:
            yield Mark(word.start, word.end, "number" if kind is Kind.REF else "bold")


def _item(word: Word) -> Iterator[Mark]:
    raw = word.raw
    if raw[:1] in ("{", "@", "-"):
        yield from _value(word, 0)
        return
    equals = raw.find("=")
    if equals < 0:
        return
    key = equals - 1 if raw[equals - 1 : equals] == ":" else equals
    yield Mark(word.start, word.start + key, "key")
    yield Mark(word.start + key, word.start + equals + 1, "dim")
    if key < equals or raw[equals + 1 : equals + 2] == "@":
        yield from _value(word, equals + 1)
    else:
        yield Mark(word.start + equals + 1, word.end, "string")


def _value(word: Word, column: int) -> Iterator[Mark]:
    raw, start = word.raw, word.start
    if raw[column : column + 1] == "@" or _REFERENCE.fullmatch(raw, column):
        yield Mark(start + column, word.end, "accent")
    else:
        yield from (Mark(begin + start, end + start, role) for begin, end, role in _json(raw, column))


def _term(word: Word) -> Iterator[Mark]:
    key, colon, _value = word.raw.partition(":")
    if colon:
        yield Mark(word.start, word.start + len(key), "key")
        yield Mark(word.start + len(key), word.start + len(key) + 1, "dim")
    yield Mark(word.start + len(key) + len(colon), word.end, "string")


def _json(text: str, start: int) -> Iterator[Mark]:
    for found in _TOKEN.finditer(text, start):
        if found["string"] is not None:
            yield Mark(found.start(), found.end("string"), "key" if found["key"] else "string")
        else:
            yield Mark(found.start(), found.end(), "number")
