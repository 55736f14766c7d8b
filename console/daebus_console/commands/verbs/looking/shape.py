"""shape: what the messages of an action or channel look like, learned from those that were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Option, Verb
from daebus_console.commands.verbs.usual import FOR, JSON

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "shape",
    "what the messages of an action or channel look like, learned from those seen",
    (
        Argument(
            "what",
            Kind.WORDS,
            "a service or channel, and an action; a capture FILE before or behind; without any, all there are",
            required=False,
            many=True,
            names=True,
        ),
    ),
    (
        Option(
            "--as",
            Kind.TEXT,
            "text, json or jsonschema (default: text)",
            "FORM",
            words=("text", "json", "jsonschema"),
        ),
        Option("--departing", Kind.FLAG, "list the messages that are not like the others, and where"),
        FOR,
        JSON,
    ),
    examples=(
        "shape users get_user",
        "shape",
        "shape today.jsonl orders create --as jsonschema",
        "shape orders --departing",
    ),
    details="Types, fields and ranges are what was seen, with how many messages that rests on; keys that are data, such"
    " as ids, are folded into one. A message departs where a rule that rests on 20 or more is broken: a field that"
    " fewer than 1 in 50 lack or have, a type that fewer than 1 in 5 have. Where the service tells a schema of"
    " its action, it stands beside what was seen. Values of keys named with --redact are not shown."
    " --json is the same as --as json.",
    place=76,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.looking.shaping`."""
    from daebus_console.commands.doing.looking.shaping import run_shape

    return run_shape(command, context)
