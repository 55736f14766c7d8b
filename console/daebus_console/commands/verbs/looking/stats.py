"""stats: count requests by service and action, with errors, timeouts and latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import FOR, JSON, LOOKED_AT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "stats",
    "count requests by service and action, with errors, timeouts and latencies",
    (LOOKED_AT,),
    (FOR, JSON),
    examples=("stats --for 10", "stats service:users --for 1m --json", "stats today.jsonl service:users"),
    details="One-way messages count as well. At the shell it looks for 10 s, or as long as --for says; at a prompt it"
    " counts what is remembered.",
    place=70,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.measuring`."""
    from daebus_console.commands.doing.looking.measuring import run_stats

    return run_stats(command, context)
