"""open: look at a capture file in the full-screen console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "open",
    "look at a capture file in the full-screen console",
    (Argument("file", Kind.FILE, "the capture"),),
    (Option("--redis", Kind.URL, "where replays from it go (default: nowhere)", "URL"),),
    examples=("open today.jsonl", "open today.jsonl --redis redis://localhost:6379/0"),
    details="All is there but sending; with --redis, what is in it can be replayed. In the full-screen console it"
    " lies over the bus until you leave it with q.",
    place=140,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.opening`."""
    from daebus_console.commands.doing.opening import run_open

    return run_open(command, context)
