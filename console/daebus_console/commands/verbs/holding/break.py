"""break: hold messages of a service before they go on"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON, LASTS, PLACE, WHERE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "break",
    "hold messages before they go on, to look at them, change them, and let them go",
    (
        Argument("service", Kind.SERVICE, "the service; at a prompt also #123: one like that exchange"),
        Argument("match", Kind.MATCH, "an action (or a channel), and conditions such as payload.id=17", False, True),
    ),
    (
        PLACE,
        Option("--once", Kind.FLAG, "only the next one; where several instances meet some at once, one in each"),
        Option("--skip", Kind.COUNT, "not the first so many that an instance gets", "N"),
        Option("--from", Kind.TEXT, "only what that service or program has sent; * stands for any text", "NAME"),
        WHERE,
        Option("--hold", Kind.DURATION, "hold each for at most so long (at most, and by default, 300 s)"),
        Option("--before-timeout", Kind.FLAG, "let each go just before whoever asked gives up"),
        LASTS,
        JSON,
    ),
    examples=(
        "break users get_user",
        "break users get_user payload.id=17 --place answer --once",
        "break payment charge payload.error --place answer",
        "break orders 'place*' 'payload.total>100' --from shop",
        "break #12",
        "break audit user_created --place event",
    ),
    details="A condition compares with =, !=, <, > or ~ (a pattern); a path alone is of what is there:"
    " payload.error of answers that are errors."
    ' A name with other signs in it is quoted, as in payload."card.no"=1.'
    " What is held goes on, unchanged, when this console ends or is killed, then within 10 s."
    " `held` lists it, `release` lets it go. At the shell the rule stands until Ctrl-C, or"
    " until its output is closed.",
    place=171,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.breaking`."""
    from daebus_console.commands.doing.holding.breaking import run_break

    return run_break(command, context)
