"""help: tell what the verbs do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "help",
    "tell what the verbs do",
    (
        Argument(
            "topic",
            Kind.TOPIC,
            "a verb, `items`, `names`, `filters`, `dialects`, `rules` or one of these",
            required=False,
        ),
    ),
    examples=("help", "help request", "help items", "help filters"),
    place=300,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.viewing`."""
    from daebus_console.commands.doing.viewing import run_help

    return run_help(command, context)
