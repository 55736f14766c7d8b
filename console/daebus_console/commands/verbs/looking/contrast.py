"""contrast: what sets the failing, slow or otherwise selected exchanges apart from the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON, LOOKED_AT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "contrast",
    "what sets the failing, slow or otherwise selected exchanges apart from the rest",
    (LOOKED_AT,),
    (
        Option("--against", Kind.TEXT, "a filter for what they are compared with (default: all else)", "FILTER"),
        FOR,
        JSON,
    ),
    examples=(
        "contrast status:error",
        "contrast today.jsonl to:orders latency:>200ms",
        "contrast from:web --against from:app",
    ),
    details="Without a filter the failures are meant. Each action is compared for itself: who asked, which instance"
    " answered, what the sender did before, size, and each field of the payload with its type and values. What is"
    " listed differs by more than chance explains, the most first; it goes together, and need not be the cause. With"
    " fewer than 5 on either side nothing is compared.",
    place=75,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.contrasting`."""
    from daebus_console.commands.doing.looking.contrasting import run_contrast

    return run_contrast(command, context)
