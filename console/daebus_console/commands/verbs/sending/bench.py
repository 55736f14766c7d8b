"""bench: ask a service many times, and measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import ACTION, ITEMS, JSON, SERVICE, TIMEOUT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "bench",
    "ask a service many times, and measure",
    (SERVICE, ACTION, ITEMS),
    (
        Option("--requests", Kind.COUNT, "how many requests in all (default: 100)", "N", "-n"),
        Option("--concurrency", Kind.COUNT, "how many at once (default: 1)", "C", "-c"),
        Option("--rate", Kind.RATE, "at most so many a second", "R"),
        TIMEOUT,
        JSON,
    ),
    examples=("bench users get_user id:=17 -n 1000 -c 10", "bench users ping -n 500 --rate 50 --json"),
    publishes=True,
    many=True,
    background=True,
    place=90,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.benching`."""
    from daebus_console.commands.doing.sending.benching import run_bench

    return run_bench(command, context)
