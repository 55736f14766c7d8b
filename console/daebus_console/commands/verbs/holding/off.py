"""off: lift all that is ours, and let everything go"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "off",
    "take all breakpoints and faults of ours away, and let everything that they hold go on",
    examples=("off",),
    faces=AT_PROMPT,
    place=174,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.breaking`."""
    from daebus_console.commands.doing.holding.breaking import run_off

    return run_off(command, context)
