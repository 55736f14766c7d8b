"""What to say of a command line while it is typed: what comes next, or what is wrong before the cursor. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.commands.completion.highlight import LONGEST
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import doubts_of
from daebus_console.commands.grammar.script import commands_in
from daebus_console.commands.verbs import VERBS


class Hint(NamedTuple):
    """A line to show. Where `wrong`, it is about the `length` characters at `position`."""

    text: str
    wrong: bool = False
    position: int = 0
    length: int = 0


def problem(text: str) -> CommandError | None:
    """What is wrong with a text that is to be carried out; None: nothing."""
    try:
        commands_in(text)
    except CommandError as error:
        return error
    return None


def hint(text: str) -> Hint | None:
    """What to say of it. What may still become right as it grows is no mistake yet."""
    if not text.strip():
        return None
    if len(text) > LONGEST:
        return Hint(f"{len(text):,} characters; they are checked on enter")
    error = problem(text)
    if error is None:
        doubted = [doubt for command in commands_in(text) for doubt in doubts_of(command)]
        if doubted:
            return Hint(doubted[0])
        verb = VERBS.get(text.split()[0])
        return Hint(f"{verb.usage}  {verb.summary}") if verb is not None else None
    if error.unfinished:
        return Hint(f"{error.message}; enter goes on in a new line")
    # In the word that one is typing nothing is wrong yet; nor is it that something is missing.
    word = len(text) - len(text.split()[-1]) if not text[-1].isspace() else len(text)
    if not error.length or error.position >= word:
        return _growing(text, error)
    return Hint(in_short(error), True, error.position, error.length)


def _growing(text: str, error: CommandError) -> Hint | None:
    """The mistake is at the very end, where one is typing."""
    word = text.split()[-1]
    if len(text.split()) == 1 and not text[-1].isspace():
        found = [verb for verb in VERBS.values() if verb.name.startswith(word)]
        if found:
            return Hint(f"{found[0].usage}  {found[0].summary}")
        return Hint(in_short(error), True, error.position, error.length)
    return Hint(_short(error.message))


def in_short(error: CommandError) -> str:
    """A mistake on one line, with the nearest right word."""
    meant = f"; did you mean {error.suggestion}?" if error.suggestion else ""
    return f"{_short(error.message)}{meant}"


def _short(message: str) -> str:
    """Without the list of all there is, which completion offers."""
    return message.partition("; there are: ")[0]
