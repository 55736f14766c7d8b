"""send: send a service a one-way message, which nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import ACTION, EVERY, FORCE, ITEMS, JSON, SERVICE, TIMES

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "send",
    "send a service a one-way message, which nobody answers",
    (SERVICE, ACTION, ITEMS),
    (TIMES, EVERY, FORCE, JSON),
    examples=("send metrics record_metric name=checkout value:=1", "send users forget id:=17 --json"),
    publishes=True,
    background=True,
    place=40,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.sending.sending`."""
    from daebus_console.commands.doing.sending.sending import run_send

    return run_send(command, context)
