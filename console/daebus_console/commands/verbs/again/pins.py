"""pins: list what is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, JSON_WHOLE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "pins",
    "list what is pinned",
    options=(JSON_WHOLE,),
    examples=("pins", "pins --json"),
    faces=AT_PROMPT,
    place=114,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.pinning`."""
    from daebus_console.commands.doing.again.pinning import run_pins

    return run_pins(command, context)
