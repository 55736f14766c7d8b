"""save-history: write what was entered into a file, which `source` carries out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "save-history",
    "write what was entered into a file, which `source` carries out again",
    (Argument("file", Kind.OUTPUT, "the file"),),
    (Option("--force", Kind.FLAG, "overwrite the file if it exists"),),
    examples=("save-history session.txt", "save-history session.txt --force"),
    details="Lines that name redacted keys are left out.",
    faces=AT_PROMPT,
    place=270,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.scripting`."""
    from daebus_console.commands.doing.scripting import run_save_history

    return run_save_history(command, context)
