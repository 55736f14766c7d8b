"""services: list the services that are there, with their actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "services",
    "list the services that are there, with their actions",
    (Argument("service", Kind.SERVICE, "only these, with their instances; * stands for anything", False, True),),
    (FOR, Option("--all", Kind.FLAG, "also what has gone away, and other channels"), JSON),
    examples=("services", "services users 'shop_*'", "services --json", "services --for 5 --all"),
    details="Services on this framework tell their actions themselves; of others only what is seen being asked is"
    " known. Rates are of the time looked, so --for makes them steadier. Of those that are named each instance is"
    " told as well: workers at work of how many, what waits in its queue, what it handled, errors, and refusals."
    " Where no service is known, the channels that somebody is subscribed to are listed. Channels whose names differ"
    " in an id only are one line; what has gone is forgotten after five minutes, but for services. Who is subscribed"
    " to patterns is named; to which, Redis does not tell.",
    place=10,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.listing`."""
    from daebus_console.commands.doing.looking.listing import run_services

    return run_services(command, context)
