"""mocks: list the stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, JSON_WHOLE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "mocks",
    "list the stand-ins",
    options=(JSON_WHOLE,),
    examples=("mocks", "mocks --json"),
    faces=AT_PROMPT,
    place=160,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.mocking`."""
    from daebus_console.commands.doing.sending.mocking import run_mocks

    return run_mocks(command, context)
