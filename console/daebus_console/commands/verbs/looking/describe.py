"""describe: what the actions of a service take and answer, as it tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON, SERVICE

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "describe",
    "show what the actions of a service take and answer",
    (SERVICE, Argument("action", Kind.ACTION, "only this one", required=False)),
    (
        Option(
            "--as",
            Kind.TEXT,
            "asyncapi, jsonschema, markdown, or python (a typed stub for callers)",
            "FORMAT",
            words=("asyncapi", "jsonschema", "markdown", "python"),
        ),
        JSON,
    ),
    examples=(
        "describe users",
        "describe users get_user",
        "describe users --as python",
        "describe orders --as asyncapi",
    ),
    details="Services on this framework tell their docstrings, and JSON Schemas of what their typed handlers take and"
    " answer. Of others nothing is known.",
    place=25,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.describing`."""
    from daebus_console.commands.doing.looking.describing import run_describe

    return run_describe(command, context)
