"""jobs: list what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.verb import Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar import Command

VERB = Verb(
    "jobs",
    "list what is under way",
    examples=("jobs",),
    faces=AT_PROMPT,
    place=280,
)


def run(command: Command, context: Context) -> int:
    """See `commands.managing`."""
    from daebus_console.commands.managing import run_jobs

    return run_jobs(command, context)
