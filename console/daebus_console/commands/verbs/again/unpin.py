"""unpin: end pins; without a number, all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "unpin",
    "end pins; without a number, all of them",
    (Argument("exchange", Kind.REF, "their numbers", required=False, many=True),),
    examples=("unpin", "unpin #123"),
    faces=AT_PROMPT,
    place=115,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.pinning`."""
    from daebus_console.commands.doing.again.pinning import run_unpin

    return run_unpin(command, context)
