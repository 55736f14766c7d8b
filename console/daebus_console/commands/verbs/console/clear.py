"""clear: forget the messages seen so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "clear",
    "forget the messages seen so far; figures and findings stay",
    examples=("clear",),
    faces=AT_PROMPT,
    place=230,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.viewing`."""
    from daebus_console.commands.doing.viewing import run_clear

    return run_clear(command, context)
