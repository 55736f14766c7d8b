"""set: give a value a name, or show the values that have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Argument, Verb
from daebus_console.commands.verbs.usual import AT_PROMPT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

VERB = Verb(
    "set",
    "give a value a name, or show the values that have one",
    (
        Argument("name", Kind.NAME, "the name; items reach it as $NAME", required=False),
        Argument("value", Kind.VALUE, 'JSON, "text", @file.json, or a part of what came: $last.user.id, #12.id', False),
    ),
    examples=("set", "set id 17", 'set customer "Ann Lee"', "set user #12.user", "set id $last.user.id", "set id"),
    faces=AT_PROMPT,
    place=250,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.variables`."""
    from daebus_console.commands.doing.variables import run_set

    return run_set(command, context)
