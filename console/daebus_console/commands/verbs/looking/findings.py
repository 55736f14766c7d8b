"""findings: what is wrong on the bus, or in a capture, with the evidence and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "findings",
    "tell what is wrong on the bus or in a capture, why it is thought so, and what to do",
    (Argument("capture", Kind.FILE, "a capture to look through, instead of the bus", required=False),),
    (
        Option("--for", Kind.DURATION, "look for so long (default at the shell: 20 s)"),
        Option("--fail-on", Kind.TEXT, "exit with 1 where there is a finding as grave as that", "info|warning|error"),
        Option("--all", Kind.FLAG, "also what is known"),
        JSON,
    ),
    examples=("findings", "findings --for 1m --fail-on warning", "findings today.jsonl --json"),
    details="What is wrong is found while messages pass by: at a prompt since the console was started, at the shell"
    " while it looks. `help rules` lists what is looked for, and `help RULE` tells of one rule. `known` hides one.",
    place=72,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.finding`."""
    from daebus_console.commands.doing.looking.finding import run_findings

    return run_findings(command, context)
