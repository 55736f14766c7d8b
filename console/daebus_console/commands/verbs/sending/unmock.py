"""unmock: end stand-ins; without a number or a service, all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "unmock",
    "end stand-ins; without a number or a service, all of them",
    (Argument("which", Kind.TEXT, "the number that `mocks` shows, or a service", required=False),),
    examples=("unmock", "unmock 2", "unmock users"),
    faces=AT_PROMPT,
    place=170,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.mocking`."""
    from daebus_console.commands.doing.sending.mocking import run_unmock

    return run_unmock(command, context)
