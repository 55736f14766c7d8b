"""tail: print messages as they come, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import FILTER, FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "tail",
    "print messages as they come, one a line",
    (FILTER,),
    (
        FOR,
        Option("--count", Kind.COUNT, "end after so many messages"),
        Option("--all", Kind.FLAG, "also control channels, heartbeats and the like, and what the console itself sends"),
        JSON,
    ),
    examples=("tail", "tail service:users status:error", "tail -action:ping latency:>100ms --for 30s --json"),
    details="Requests (→) and their answers (←) bear the number of their exchange. That a request has no answer in its"
    " time (×), or that a gap leaves its fate unknown (?), is told as well: with --json by its line once more, with"
    " that status. Ends with Ctrl-C, or when its output is closed. What is packed (msgpack, CBOR, FastStream, kombu,"
    " gzip, zlib, pickle) is shown as what it says, after by what it was decoded; with --json, under decoded_by,"
    " headers and incomplete.",
    place=20,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.tailing`."""
    from daebus_console.commands.doing.looking.tailing import run_tail

    return run_tail(command, context)
