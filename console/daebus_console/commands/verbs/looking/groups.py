"""groups: failures in groups, by service, action, error and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import FOR, JSON, LOOKED_AT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "groups",
    "failures in groups, by service, action, error and what it says",
    (LOOKED_AT,),
    (FOR, JSON),
    examples=("groups", "groups today.jsonl to:users", "groups --for 30 --json"),
    details="Errors, timeouts and unreadable messages count. In the text of an error N stands for numbers, ID for ids"
    " and '…' for what was quoted, so that the same mistake is one group whoever it met. Below each group stands the"
    " filter that shows its members. At the shell it looks for 10 s, or as long as --for says.",
    place=74,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.grouping`."""
    from daebus_console.commands.doing.looking.grouping import run_groups

    return run_groups(command, context)
