"""pin: send exchanges again whenever their service comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, RULES, TIMEOUT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "pin",
    "send exchanges again whenever their service comes back",
    (Argument("exchange", Kind.REF, "their numbers", many=True),),
    (TIMEOUT, *RULES),
    examples=("pin #123", "pin #123 #130 --ignore payload.timestamp"),
    details="Whenever an instance of the service comes back with a new id (it was restarted, or `daebus run --reload`"
    " has taken new code), the exchange is sent again, and one line says whether the answer is the same as then, what"
    " has changed, or that it failed. Services that tell no id (those of daebus 0.0.31) are not seen coming back."
    " Pins end with `unpin`, and with the console.",
    publishes=True,
    many=True,
    faces=AT_PROMPT,
    place=113,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.pinning`."""
    from daebus_console.commands.doing.again.pinning import run_pin

    return run_pin(command, context)
