"""broadcast: publish an object on a channel, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import EVERY, ITEMS, JSON, TIMES

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "broadcast",
    "publish an object on a channel, as it is",
    (Argument("channel", Kind.CHANNEL, "the channel"), ITEMS),
    (
        Option("--base64", Kind.TEXT, "publish these bytes, written in base64, in place of an object", "TEXT"),
        TIMES,
        EVERY,
        JSON,
    ),
    examples=("broadcast user_created id:=17 name=Ann", 'broadcast config {"level": "debug"}'),
    publishes=True,
    background=True,
    place=50,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.sending`."""
    from daebus_console.commands.doing.sending.sending import run_broadcast

    return run_broadcast(command, context)
