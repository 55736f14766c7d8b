"""show: show an exchange with all its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "show",
    "show an exchange with all its messages",
    (Argument("exchange", Kind.REF, "its number"),),
    (JSON,),
    examples=("show #123", "show #123 --json"),
    faces=AT_PROMPT,
    place=60,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.showing`."""
    from daebus_console.commands.doing.looking.showing import run_show

    return run_show(command, context)
