"""diff: compare two exchanges, or a replay with what it replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT, JSON_WHOLE, RULES

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "diff",
    "compare two exchanges, or a replay with what it replays",
    (Argument("exchange", Kind.REF, "their numbers; one alone is compared with its origin", many=True),),
    (*RULES, JSON_WHOLE),
    examples=("diff #123 #130", "diff #130", "diff #1 #2 --ignore payload.timestamp,*.uptime --tolerance 0.01"),
    faces=AT_PROMPT,
    place=120,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.comparing`."""
    from daebus_console.commands.doing.again.comparing import run_diff

    return run_diff(command, context)
