"""Commands one below the other: of a file, of standard input, of a pasted text. Pure.

A line is a command; while a quote or a bracket is open in it, it goes on in the next line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, filter_from, parse
from daebus_console.commands.terms.words import Opening, split

LONGEST = 1024 * 1024
"""Characters of the longest command of a script."""
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of a line of a script that are read at all: a longer one is no script's."""


class Piece(NamedTuple):
    """The text of one command, the number of its first line (from 1), and where in the whole text it begins."""

    text: str
    line: int
    start: int


def pieces(lines: Iterable[str], longest: int | None = None) -> Iterator[Piece]:
    """The commands in these lines (each with its newline, if any), one after the other. Blank lines are none.

    Raises CommandError for one of more than `longest` characters.
    """
    held: list[str] = []
    opening: Opening | None = None
    first = position = begun = 0
    for number, line in enumerate(lines, start=1):
        if not held:
            first, begun = number, position
        held.append(line)
        position += len(line)
        if longest is not None and position - begun > longest:
            raise CommandError(
                f"the command in line {first} is longer than {longest // 1024} kB; a file takes more: @file.json"
            )
        # Reading all of it again for each of its lines would take minutes for a long one.
        if opening is None or opening.closes(line):
            text = "".join(held)
            opening = _opening(text)
            if opening is None:
                held.clear()
                if text.strip():
                    yield Piece(text.rstrip("\r\n"), first, begun)
    if held:
        yield Piece("".join(held).rstrip("\r\n"), first, begun)


def is_open(text: str) -> bool:
    """Whether a quote or a bracket is open at the end of a command, so that another line may close it."""
    return _opening(text) is not None


def _opening(text: str) -> Opening | None:
    try:
        split(text, filter_from)
    except CommandError as error:
        return Opening(text, error.position) if error.unfinished else None
    return None


def last_start(text: str) -> int:
    """Where the command begins that is being typed at the end of a text."""
    if "\n" not in text:
        return 0
    start = len(text)
    for piece in pieces(text.splitlines(keepends=True)):
        start = piece.start
    return len(text) if text.endswith("\n") and not is_open(text[start:]) else start


def goes_on(text: str) -> bool:
    """Whether enter is to begin a new line. An empty line gives up what is open: the mistake is then shown."""
    return not text.endswith("\n") and is_open(text[last_start(text) :])


def commands_in(text: str) -> list[Command]:
    """The commands in a text. Raises CommandError, whose position and line are those of the text."""
    found = []
    for piece in pieces(text.splitlines(keepends=True)):
        try:
            command = parse(piece.text)
        except CommandError as error:
            error.position += piece.start
            error.line = text
            raise
        if command is not None:
            found.append(command)
    return found


def with_left(commands: Sequence[Command]) -> Iterator[tuple[Command, int]]:
    """Each of them, with how many follow it."""
    return zip(commands, reversed(range(len(commands))), strict=True)


def not_carried_out(count: int) -> str:
    """What is said of the commands that follow one that failed or was stopped."""
    return (
        "the command after it was not carried out" if count == 1 else f"{count} commands after it were not carried out"
    )


def decoded(lines: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines as text. Raises CommandError at the first that is no UTF-8."""
    for number, line in enumerate(lines, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise CommandError(f"line {number} of {name} is not UTF-8 text (byte {error.start + 1})") from None
