"""resume: let a suspended service go on"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "resume",
    "let a suspended service go on; without one, all that are suspended by us",
    (
        Argument("service", Kind.SERVICE, "the service", required=False),
        Argument("instance", Kind.TEXT, "one of its instances, or the beginning of its id", required=False),
    ),
    examples=("resume orders", "resume"),
    faces=AT_PROMPT,
    place=181,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.suspending`."""
    from daebus_console.commands.doing.holding.suspending import run_resume

    return run_resume(command, context)
