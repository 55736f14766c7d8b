"""A command line as words, each knowing where it stands. Pure.

Quoting is as in a shell: '…' takes all as it is, "…" all but a backslash before " or \\, and a backslash takes the next
blank, quote, backslash, # or & as it is (any other backslash stays, so that `a\\.b=1` reaches the items). What a shell
does not do: JSON that begins a word, or follows `:=`, is one piece up to its end, with its blanks and quotes.
"""

from __future__ import annotations

import re
import shlex
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daebus_console.commands.errors import CommandError
from daebus_console.naming import written

_ESCAPABLE = " \t\r\n'\"\\#&"
_REFERENCE = re.compile(r"#\d+(?=$|[\s.,&])")
_JSON_SIGN = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'["\\]')
_IN_DOUBLE = re.compile(r'["\\]')
_IN_SINGLE = re.compile("'")
_ORDINARY = re.compile(r"[^\s'\"\\=]+")
_FOR_A_SHELL = re.compile(r"[^\w@%+:,./= -]")
_CLOSING = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Word:
    """One word: its `text` without quotes, and the place of its source in the line, `start` to `end`.

    `quoted` tells that some of it was quoted; `raw` is the source as it stands.
    """

    text: str
    start: int
    end: int
    raw: str
    quoted: bool = False
    offsets: Sequence[int] | None = field(default=None, repr=False, compare=False)

    def at(self, column: int) -> int:
        """The position in the line of the character at `column` of the text."""
        if self.offsets is not None and self.text:
            return self.offsets[column] if column < len(self.offsets) else self.end
        return min(self.start + column, self.end)

    def error(
        self, message: str, column: int = 0, length: int | None = None, *, suggestion: str | None = None
    ) -> CommandError:
        """An error that points into this word, at `length` characters (default: all the rest) from `column`."""
        begin = self.at(column)
        end = self.end if length is None else self.at(column + length)
        return CommandError(message, begin, max(end - begin, 1 if length is None else 0), suggestion)


def split(line: str, filter_from: Callable[[str], int | None] = lambda _verb: None) -> list[Word]:
    """The words of a line, without comments.

    `filter_from` tells of the first word from which word on, if any, they are cut as the terms of a filter are. Raises
    CommandError at a quote or a bracket that is never closed.
    """
    words: list[Word] = []
    position = 0
    filtering: int | None = None
    while True:
        while position < len(line) and line[position].isspace():
            position += 1
        if position >= len(line) or _is_comment(line, position, first=not words):
            return words
        if filtering is not None and len(words) >= filtering:
            word = _filter_word(line, position)
        else:
            word = _Scanner(line, position).word()
        if not words:
            filtering = filter_from(word.text)
        words.append(word)
        position = word.end


def _is_comment(line: str, position: int, first: bool) -> bool:
    if line[position] != "#":
        return False
    if first:
        return re.fullmatch(r"#\d+", line.strip()) is None
    return _REFERENCE.match(line, position) is None


def from_argv(arguments: Sequence[str]) -> tuple[str, list[Word]]:
    """The shell's arguments as words, and the line in which they stand (for pointing at a mistake)."""
    words: list[Word] = []
    position = 0
    shown: list[str] = []
    for text in arguments:
        source = shlex.quote(text) if not text or any(sign.isspace() or sign in "'\"" for sign in text) else text
        offsets = None
        if source != text and "'" not in text:
            offsets = array("L", range(position + 1, position + 1 + len(text)))
        words.append(Word(text, position, position + len(source), text, False, offsets))
        shown.append(source)
        position += len(source) + 1
    return " ".join(shown), words


def _filter_word(line: str, start: int) -> Word:
    """A term of a filter: up to a blank outside of quotes, which open a term, or a value in it.

    A quote left open is for the filter's own parser to point at.
    """
    position, quote = start, ""
    text: list[str] = []
    while position < len(line) and (quote or not line[position].isspace()):
        sign = line[position]
        if sign == "\\" and position + 1 < len(line):
            text.append(line[position : position + 2])
            position += 1
        elif sign == quote:
            quote = ""
        elif not quote and sign in "'\"" and (position == start or line[position - 1] in "-:,"):
            quote = sign
        else:
            text.append(sign)
        position += 1
    raw = line[start:position]
    return Word("".join(text), start, position, raw, "".join(text) != raw)


class _Scanner:
    """Reads one word, keeping the place of each of its characters."""

    def __init__(self, line: str, start: int) -> None:
        self.line = line
        self.start = start
        self.position = start
        self.parts: list[str] = []
        self.offsets = array("L")
        self.quoted = False
        self._assigned = False

    def word(self) -> Word:
        """The word that begins at `start`."""
        line = self.line
        self._json()
        while self.position < len(line) and not (sign := line[self.position]).isspace():
            if sign in "'\"":
                self._quoted(sign)
            elif sign == "\\":
                self._backslash()
            elif sign == "=":
                self._equals()
            else:
                found = _ORDINARY.match(line, self.position)
                self._take(self.position, found.end() if found else self.position + 1)
        text = "".join(self.parts)
        plain = len(text) == self.position - self.start
        offsets = None if plain else self.offsets
        return Word(text, self.start, self.position, line[self.start : self.position], self.quoted, offsets)

    def _take(self, begin: int, end: int) -> None:
        self.parts.append(self.line[begin:end])
        self.offsets.extend(range(begin, end))
        self.position = end

    def _backslash(self) -> None:
        line, position = self.line, self.position
        if position + 1 < len(line) and line[position + 1] in _ESCAPABLE:
            self.quoted = True
            self._take(position + 1, position + 2)
        else:
            # It is the items' own; what it protects there must not be taken for an assignment here.
            self._take(position, min(position + 2, len(line)))

    def _equals(self) -> None:
        first, self._assigned = not self._assigned, True
        self._take(self.position, self.position + 1)
        if first and self.position >= 2 and self.line[self.position - 2] == ":" and self.position - 2 >= self.start:
            self._json(strings=True)

    def _quoted(self, quote: str) -> None:
        line, opened = self.line, self.position
        self.quoted = True
        self.position += 1
        inside = _IN_DOUBLE if quote == '"' else _IN_SINGLE
        while (found := inside.search(line, self.position)) is not None:
            self._take(self.position, found.start())
            if found[0] == quote:
                self.position = found.end()
                return
            escaped = line[found.end() : found.end() + 1] in ('"', "\\")
            self._take(found.start() + escaped, found.start() + escaped + 1)
        raise CommandError(f"this {quote} is never closed", opened, 1, unfinished=True)

    def _json(self, strings: bool = False) -> None:
        """Take a JSON value that begins here, if one does, in one piece."""
        line = self.line
        opening = line[self.position : self.position + 1]
        if opening and opening in _CLOSING:
            end = _json_end(line, self.position)
            if end is not None:
                self._take(self.position, end)
            elif opening == "{" or strings:
                message = f"this {opening} is never closed: {_CLOSING[opening]} is missing"
                raise CommandError(message, self.position, 1, unfinished=True)
        elif strings and opening == '"':
            end = _string_end(line, self.position)
            if end is None:
                raise CommandError('this " is never closed', self.position, 1, unfinished=True)
            self._take(self.position, end)


def _json_end(line: str, start: int) -> int | None:
    """Where the object or list that begins at `start` ends; None where it does not."""
    depth, position = 0, start
    while (found := _JSON_SIGN.search(line, position)) is not None:
        sign = found[0]
        if sign == '"':
            end = _string_end(line, found.start())
            if end is None:
                return None
            position = end
            continue
        depth += 1 if sign in "{[" else -1
        position = found.end()
        if depth == 0:
            return position
    return None


class Opening:
    """A quote or bracket that is open at the end of a text; tells, line by line, when it may be closed."""

    def __init__(self, text: str, position: int) -> None:
        self._sign = text[position]
        self._depth = 0
        self._in_string = False
        if self._sign in _CLOSING:
            self._feed(text, position)

    def closes(self, line: str) -> bool:
        """Whether the next line may be the one that closes it."""
        return self._feed(line, 0) if self._sign in _CLOSING else self._sign in line

    def _feed(self, text: str, position: int) -> bool:
        while (found := (_IN_STRING if self._in_string else _JSON_SIGN).search(text, position)) is not None:
            sign, position = found[0], found.end()
            if sign == "\\":
                position += 1
            elif sign == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if sign in _CLOSING else -1
                if self._depth == 0:
                    return True
        return False


def _string_end(line: str, start: int) -> int | None:
    position = start + 1
    while (found := _IN_STRING.search(line, position)) is not None:
        if found[0] == '"':
            return found.end()
        position = found.end() + 1
    return None


def as_name(name: str, *, action: bool = False) -> str:
    """A name as it must be typed, at a prompt or in a shell, to mean exactly itself."""
    text = written(name, text=action)
    if not _FOR_A_SHELL.search(text):
        return as_word(text)
    # Between single quotes neither a prompt nor any shell finds anything to do.
    text = text[1:] if text.startswith("\\'") else text
    return "'" + text.replace("'", "\\x27") + "'"


def as_word(name: str) -> str:
    """A name as it must be typed to mean exactly itself."""
    plain = name.isprintable() and not any(sign in " '\"\\#&{}[]=" for sign in name) and name[:1] not in ("@", "-")
    if plain and name:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
