"""held: list what is held"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "held",
    "list what is held: what, where, for how long, who waits; or show one with its payload",
    (Argument("which", Kind.HELD, "its number", required=False),),
    (JSON,),
    examples=("held", "held 3", "held --json"),
    details="At the shell it is known by its id, which is shown; a prompt gives numbers.",
    place=175,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.holding`."""
    from daebus_console.commands.doing.holding.holding import run_held

    return run_held(command, context)
