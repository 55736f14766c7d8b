"""pause: hold the view still, or let it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "pause",
    "hold the view still, or let it go on",
    examples=("pause",),
    details="Nothing is missed meanwhile; only the view stands still."
    " At a prompt without a view, the replay under way is held.",
    faces=AT_PROMPT,
    place=220,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.viewing`."""
    from daebus_console.commands.doing.viewing import run_pause

    return run_pause(command, context)
