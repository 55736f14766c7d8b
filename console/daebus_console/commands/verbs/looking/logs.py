"""logs: what services logged and where they failed, of an exchange or of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "logs",
    "what services logged and where they failed, with tracebacks: of an exchange, or of a service",
    (
        Argument("what", Kind.SERVICE, "#123 (at a prompt, or of a capture), or a service", required=False),
        Argument("words", Kind.TEXT, "level:LEVEL, and words that the line has", required=False, many=True),
    ),
    (Option("--in", Kind.FILE, "a capture to look into, instead of the bus", "FILE"), FOR, JSON),
    examples=("logs #12", "logs users level:error", "logs users level:warning timeout --json", "logs --in today.jsonl"),
    details="It comes from the flight recorders of the instances: what was logged from INFO on inside a handler, and"
    " how handlers, listeners and tasks ended. They are asked for it now, and keep the newest 2,000 records each."
    " level:warning means warnings and worse; a failure counts as an error. Times are by the service's own clock.",
    place=63,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.logging`."""
    from daebus_console.commands.doing.looking.logging import run_logs

    return run_logs(command, context)
