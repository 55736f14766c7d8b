"""cancel: stop waiting for something that is under way; without a number, for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "cancel",
    "stop waiting for something that is under way; without a number, for all of it",
    (Argument("job", Kind.JOB, "its number, as `jobs` lists it", required=False),),
    examples=("cancel 1", "cancel"),
    faces=AT_PROMPT,
    place=290,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.managing`."""
    from daebus_console.commands.doing.managing import run_cancel

    return run_cancel(command, context)
