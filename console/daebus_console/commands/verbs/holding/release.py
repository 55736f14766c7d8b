"""release: let go what is held: as it was, edited, answered, failed or dropped"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "release",
    "let go what is held: as it is or edited, or answer, fail or drop it",
    (
        Argument("which", Kind.HELD, "its number, several with commas in the order in which they go, `next`, or `all`"),
        Argument("verdict", Kind.VERDICT, "go (by default), answer, fail or drop", required=False),
        Argument("changes", Kind.ITEMS, "of go what is changed in the payload, of answer all of it", False, True),
    ),
    (
        Option("--error", Kind.TEXT, "the text of the error, with fail"),
        Option("--code", Kind.TEXT, "its code, with fail"),
        Option("--then", Kind.TEXT, "and step: hold what comes next", "into|over|out|run"),
        Option("--force", Kind.FLAG, "with save: also where there is such a file"),
        JSON,
    ),
    examples=(
        "release 3",
        "release 3 go amount:=5 customer.name=Ann",
        "release 3 answer ok:=true",
        'release 3 fail --error "card declined" --code declined',
        "release 3 go --then over",
        "release 3,1,2",
        "release next",
        "release save test_race.py",
    ),
    details="`release save FILE` writes what was let go so far, in its order, as a pytest that does it again."
    " Of two consoles that release the same message one does; the other is told that it has gone on already."
    " At the shell what a step holds stays held until it is released from elsewhere, or Ctrl-C.",
    place=176,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.holding.holding`."""
    from daebus_console.commands.doing.holding.holding import run_release

    return run_release(command, context)
