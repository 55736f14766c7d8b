"""mark: mark exchanges, or take the mark away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "mark",
    "mark exchanges, or take the mark away again",
    (Argument("exchange", Kind.REF, "their numbers", many=True),),
    examples=("mark #123", "mark #123 #130"),
    faces=AT_PROMPT,
    place=240,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.viewing`."""
    from daebus_console.commands.doing.viewing import run_mark

    return run_mark(command, context)
