"""trace: the whole conversation that an exchange belongs to, over one time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "trace",
    "the whole conversation that an exchange belongs to, over one time axis",
    (
        Argument(
            "what",
            Kind.WORDS,
            "#123, or a filter for the exchange; a capture FILE before or behind",
            required=False,
            many=True,
        ),
    ),
    (FOR, JSON),
    examples=("trace #12", "trace today.jsonl id:#12", "trace status:error --for 30"),
    details="What set it off, all that was sent while it was handled, and what was sent in turn, by parent_id. █ is"
    " time in the handler, ▞ waiting for a worker, both as the service tells, ░ on the way, ▒ what nobody tells apart,"
    " ╌ unanswered. Broadcasts, their listeners, and what one-way messages did come from the services' flight"
    " recorders; ≈ marks times by a service's own clock. Of errors it tells where they arose, how far they rose, and"
    " what answered well all the same. A filter shows the conversations of the first five that match, without what"
    " consoles ask services about themselves, unless it is named (is:control).",
    place=62,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.tracing`."""
    from daebus_console.commands.doing.looking.tracing import run_trace

    return run_trace(command, context)
