"""step: go on from what is held to what comes next"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "step",
    "go on from what is held, and hold what comes next in its conversation",
    (
        Argument(
            "how", Kind.TEXT, "into the next call it makes, over to its own answer, out to that of its caller, or run"
        ),
        Argument("which", Kind.HELD, "its number; without it, where the last step stopped, else the oldest", False),
    ),
    examples=("step into", "step over 3", "step out", "step run"),
    faces=AT_PROMPT,
    place=177,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.holding`."""
    from daebus_console.commands.doing.holding.holding import run_step

    return run_step(command, context)
