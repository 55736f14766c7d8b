"""breaks: list the rules that stand: breakpoints and faults, ours and those of others"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "breaks",
    "list breakpoints and faults, with their hits, ours and those of others",
    options=(JSON,),
    examples=("breaks", "breaks --json"),
    place=172,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.breaking`."""
    from daebus_console.commands.doing.holding.breaking import run_breaks

    return run_breaks(command, context)
