"""source: carry out the commands in a file, one after the other, up to the first that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "source",
    "carry out the commands in a file, one after the other, up to the first that fails",
    (Argument("file", Kind.FILE, "commands, one a line; # begins a comment"),),
    examples=("source setup.txt",),
    faces=AT_PROMPT,
    place=260,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.scripting`."""
    from daebus_console.commands.doing.scripting import run_source

    return run_source(command, context)
