"""suspend: have a service take nothing more"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import SERVICE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "suspend",
    "have a service, or one instance, take nothing more to handle: all is held",
    (SERVICE, Argument("instance", Kind.TEXT, "one of its instances, or the beginning of its id", required=False)),
    options=(Option("--for", Kind.DURATION, "let it go on by itself after so long"),),
    examples=("suspend orders", "suspend orders 3f2a", "suspend orders --for 30s"),
    details="`release next` lets exactly one message through; `resume` ends it, and lets all go on."
    " At the shell it stands until Ctrl-C.",
    place=179,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.suspending`."""
    from daebus_console.commands.doing.holding.suspending import run_suspend

    return run_suspend(command, context)
