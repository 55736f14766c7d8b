"""record: write what passes by into a capture file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FILTER, FOR

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "record",
    "write what passes by into a capture file",
    (
        Argument("file", Kind.OUTPUT, "the file; a name that ends in .gz or .zst is compressed, - is standard output"),
        FILTER,
    ),
    (FOR, Option("--force", Kind.FLAG, "overwrite the file if it exists")),
    examples=("record today.jsonl", "record errors.jsonl.gz status:error --for 10m", "record all.jsonl --force"),
    details="Ends with Ctrl-C, or after --for. What is written is at most a second behind. Services are asked to"
    " tell what they do, so that the file has their logs and how handlers ended (`logs --in FILE`); a FILTER has"
    " to let them through, as service:NAME does, and --passive asks nobody.",
    place=80,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.recording`."""
    from daebus_console.commands.doing.again.recording import run_record

    return run_record(command, context)
