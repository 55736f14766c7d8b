"""known: hide a finding that one knows of, until it is seen more often or is graver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "known",
    "hide a finding until it is seen more often or is graver, with a note why",
    (
        Argument("finding", Kind.TEXT, "the id that `findings` shows; without one, list what is known", required=False),
        Argument("note", Kind.TEXT, "why it is all right, or who sees to it", required=False, many=True),
    ),
    (Option("--forget", Kind.FLAG, "show it again"),),
    examples=("known 5e1f0a2b 'sees to it: Ann'", "known 5e1f0a2b --forget", "known"),
    details="What is known is kept for the next time. One that was not found yet is hidden whatever comes.",
    place=73,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.finding`."""
    from daebus_console.commands.doing.looking.finding import run_known

    return run_known(command, context)
