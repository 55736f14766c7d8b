"""unbreak: take a rule away; what it holds stays held"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "unbreak",
    "take breakpoints and faults away; what they hold stays held",
    (Argument("which", Kind.TEXT, "the number that `breaks` shows, or a service; without it, all of ours", False),),
    examples=("unbreak 2", "unbreak users", "unbreak"),
    details="A rule of another console has a letter before its number, and is taken away only once you say so.",
    faces=AT_PROMPT,
    place=173,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.breaking`."""
    from daebus_console.commands.doing.holding.breaking import run_unbreak

    return run_unbreak(command, context)
