"""From the text of a filter to its terms, each with its place in the text. Pure; knows no key.

A term is `key:value,value` or a word to search for, with `-` before it for "not". A value or word may stand in single
or double quotes; a backslash takes the next sign as it is, unless that begins what is written by its number as names
are (`\\xff`, `\\n`, `\\u202e`). `*` stands for anything, also within quotes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from daebus_console import naming


class FilterError(ValueError):
    """A filter that does not parse.

    `message` says what is wrong, `position` and `length` where (always within the text), `suggestion` the word that was
    perhaps meant.
    """

    def __init__(self, message: str, position: int, length: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.suggestion = suggestion

    def __str__(self) -> str:
        return f"{self.message} (did you mean {self.suggestion}?)" if self.suggestion else self.message


class Value(NamedTuple):
    """One of the alternatives of a term.

    `pieces` are the literal texts between the `*`; `raw` the text as it was typed, `quoted` whether in quotes.
    """

    pieces: tuple[str, ...]
    raw: str
    quoted: bool
    start: int

    @property
    def text(self) -> str:
        """What the value says, with `*` for every star that is no literal one."""
        return "*".join(self.pieces)

    def error(self, message: str, suggestion: str | None = None) -> FilterError:
        """A FilterError that points at this value."""
        return FilterError(message, self.start, max(1, len(self.raw)), suggestion)


class Term(NamedTuple):
    """One term. `key` is None for a word to search for."""

    key: str | None
    values: tuple[Value, ...]
    negated: bool
    start: int
    raw: str

    def error(self, message: str, suggestion: str | None = None) -> FilterError:
        """A FilterError that points at the key, or at the whole term where it has none."""
        offset = 1 if self.negated else 0
        return FilterError(
            message, self.start + offset, len(self.key) if self.key else len(self.raw) - offset, suggestion
        )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like this one, if any is."""
    found = difflib.get_close_matches(word.casefold(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def split(text: str) -> list[Term]:
    """The terms of a filter, in their order. Raises FilterError."""
    terms: list[Term] = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return terms
        term, position = _term(text, position)
        terms.append(term)


def key_end(text: str, start: int) -> int | None:
    """Where the key of the term at `start` ends, that is the place of its colon; None where it has no key.

    In a payload path a backslash takes the next sign as it is, and a name behind a dot or in brackets may stand in
    quotes, and then contain anything.
    """
    position = start
    in_path = text.startswith(("payload.", "payload["), start)
    while position < len(text):
        sign = text[position]
        if sign == ":":
            return position if position > start else None
        if sign == "\\" and in_path:
            position += 1
        elif in_path and (sign == '"' or (sign == "'" and text[position - 1] in ".[")):
            if text[position - 1] not in ".[":
                raise FilterError('a name in quotes stands behind a dot, as in payload."a name"', position, 1)
            closing = _closing(text, position)
            if closing is None:
                raise FilterError("this quote is not closed", position, len(text) - position)
            position = closing
        elif sign.isspace() or sign in "\"',\\":
            return None
        position += 1
    return None


def _term(text: str, start: int) -> tuple[Term, int]:
    negated = text[start] == "-"
    begin = start + 1 if negated else start
    if begin == len(text) or text[begin].isspace():
        raise FilterError("nothing stands after the -; to search for a - put it in quotes", start, 1)
    colon = key_end(text, begin)
    key = None if colon is None else text[begin:colon]
    position = begin if colon is None else colon + 1
    if position == len(text) or text[position].isspace():
        raise FilterError(f"{key}: needs a value", start, position - start)
    values: list[Value] = []
    while True:
        value, position = _value(text, position)
        values.append(value)
        if position == len(text) or text[position] != ",":
            break
        position += 1
        if position == len(text) or text[position].isspace() or text[position] == ",":
            raise FilterError("a choice is missing beside the comma", position - 1, 1)
    return Term(key, tuple(values), negated, start, text[start:position]), position


def _value(text: str, start: int) -> tuple[Value, int]:
    if text[start] in "\"'":
        return _quoted(text, start)
    if text[start] == ",":
        raise FilterError("a choice is missing beside the comma", start, 1)
    end = start
    while end < len(text) and text[end] != "," and not text[end].isspace():
        end += 2 if text[end] == "\\" else 1
    end = min(end, len(text))
    raw = text[start:end]
    return Value(_pieces(raw), raw, False, start), end


def _quoted(text: str, start: int) -> tuple[Value, int]:
    closing = _closing(text, start)
    if closing is None:
        raise FilterError("this quote is not closed", start, len(text) - start)
    end = closing + 1
    if end < len(text) and text[end] != "," and not text[end].isspace():
        raise FilterError("a blank or a comma is needed after the closing quote", end, 1)
    return Value(_pieces(text[start + 1 : closing]), text[start:end], True, start), end


def _closing(text: str, opening: int) -> int | None:
    """The place of the quote that closes the one at `opening`."""
    position = opening + 1
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == text[opening]:
            return position
        position += 1
    return None


def _pieces(raw: str) -> tuple[str, ...]:
    """The text between the stars, with backslashes resolved."""
    pieces: list[list[str]] = [[]]
    position = 0
    while position < len(raw):
        if raw[position] == "*":
            pieces.append([])
            position += 1
        else:
            sign, length = sign_at(raw, position)
            pieces[-1].append(sign)
            position += length
    return tuple(naming.joined("".join(piece)) for piece in pieces)


def sign_at(raw: str, position: int) -> tuple[str, int]:
    """The sign that is written there, a backslash resolved, and how many signs that takes."""
    if raw[position] == "\\" and position + 1 < len(raw):
        return naming.escape_at(raw, position) or (raw[position + 1], 2)
    return raw[position], 1
