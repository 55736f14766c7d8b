"""jobs: list what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "jobs",
    "list what is under way",
    examples=("jobs",),
    faces=AT_PROMPT,
    place=280,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.managing`."""
    from daebus_console.commands.doing.managing import run_jobs

    return run_jobs(command, context)
