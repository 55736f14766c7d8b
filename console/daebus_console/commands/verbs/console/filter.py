"""filter: show only what matches; without a filter, everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, FILTER

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "filter",
    "show only what matches; without a filter, everything",
    (FILTER,),
    examples=("filter service:users -status:ok", 'filter "out of stock"', "filter"),
    faces=AT_PROMPT,
    place=210,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.viewing`."""
    from daebus_console.commands.doing.viewing import run_filter

    return run_filter(command, context)
