"""watch: wait for something that seldom happens, and keep what passed before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import FILTER, FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "watch",
    "wait for what seldom happens, and keep what passed before and after it",
    (FILTER,),
    (
        Option("--keep", Kind.OUTPUT, "the folder for the captures; made where it is not there", "DIR"),
        Option("--at-most", Kind.COUNT, "end after so many captures (default: 20)", "N"),
        Option(
            "--on-finding",
            Kind.TEXT,
            "also on findings: info, warning, error, or the name of a rule",
            "WHICH",
            words=("info", "warning", "error"),
        ),
        Option("--before", Kind.DURATION, "keep so long from before (default: 30 s)"),
        Option("--after", Kind.DURATION, "keep so long from after (default: 10 s)"),
        FOR,
        JSON,
    ),
    examples=(
        "watch status:timeout --keep nights --at-most 20",
        "watch service:orders latency:>2s --keep slow --before 1m",
        "watch --on-finding error --keep found --for 12h --json",
    ),
    details="The wire is tripped by an exchange that comes to match the filter, and by a finding whenever it is seen"
    " anew, unless it is known. What happens while a capture is kept belongs to it, and makes it last longer, up to six"
    " times --after. A file stands in its place when it is complete; what is not remembered of that time is said. Ends"
    " with Ctrl-C, after --for, or with the last capture.",
    background=True,
    place=82,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.watching`."""
    from daebus_console.commands.doing.looking.watching import run_watch

    return run_watch(command, context)
