"""running: what services are doing just now, where, for how long, and what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "running",
    "what services are doing just now: at which line, for how long, waiting for what; and their queues",
    (Argument("service", Kind.SERVICE, "only these; * stands for anything", required=False, many=True),),
    (
        Option("--stack", Kind.FLAG, "show every frame of the program's own"),
        Option("--in", Kind.FILE, "what was answered in a capture, instead of asking", "FILE"),
        FOR,
        JSON,
    ),
    examples=("running", "running orders", "running 'shop_*' --stack", "running --json"),
    details="Each instance is asked on its control channel, where its reader answers although all its workers are"
    " busy. Services that wait for one another, or for their own workers, are named as a circle; the exit status is"
    " then 1. Services of others, and of releases without it, cannot tell.",
    place=64,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.hanging`."""
    from daebus_console.commands.doing.looking.hanging import run_running

    return run_running(command, context)
