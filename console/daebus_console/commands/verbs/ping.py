"""ping: measure the way to each instance of a service and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import JSON, SERVICE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "ping",
    "measure the way to each instance of a service and back",
    (SERVICE,),
    (
        Option("--times", Kind.COUNT, "ask so many times (default: 4)", "N"),
        Option("--every", Kind.DURATION, "ask again after so long (default: 1 s)"),
        Option("--timeout", Kind.DURATION, "wait at most so long for each answer (default: 2 s)"),
        JSON,
    ),
    examples=("ping users", "ping users --times 20 --every 200ms", "ping users --times 1 --json"),
    details="Every instance is asked on its control channel, where its reader answers past the workers: a service"
    " that answers here and not its actions is busy. Services that are not on this framework answer no ping.",
    publishes=True,
    background=True,
    place=100,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.pinging`."""
    from daebus_console.commands.doing.pinging import run_ping

    return run_ping(command, context)
