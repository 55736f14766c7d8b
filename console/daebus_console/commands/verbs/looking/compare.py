"""compare: two conversations side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "compare",
    "two conversations side by side: what is missing, new, repeated, slower",
    (Argument("exchange", Kind.REF, "an exchange of each, the one to go by first", many=True),),
    (JSON,),
    examples=("compare #12 #99", "compare #12 #99 --json"),
    details="All that belongs to both exchanges is laid beside each other, action by action, and said where they begin"
    " with different ones. Slower is what takes half"
    " as long again, and 5 ms more. `diff` tells what differs in payloads. The status is 1 where more than time does.",
    faces=AT_PROMPT,
    place=122,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.conversing`."""
    from daebus_console.commands.doing.looking.conversing import run_compare

    return run_compare(command, context)
