"""why: why something has no answer or effect, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "why",
    "tell why something has no answer or effect, or failed, with the evidence and what to do",
    (
        Argument("what", Kind.SERVICE, "#123 (at a prompt, or of a capture), or a service"),
        Argument("action", Kind.ACTION, "one of its actions", required=False),
    ),
    (Option("--in", Kind.FILE, "a capture to look into, instead of the bus", "FILE"), FOR, JSON),
    examples=("why #123", "why users get_usr", "why #123 --in today.jsonl --json"),
    details="One cause in a sentence, what it rests on below it, and the next step last. The exit status is 0 where a"
    " cause was found and 1 where none is known.",
    place=71,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.explaining`."""
    from daebus_console.commands.doing.looking.explaining import run_why

    return run_why(command, context)
