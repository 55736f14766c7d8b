"""repl: type commands line by line, without the full screen."""

from __future__ import annotations

from daebus_console.commands.terms.verb import Verb
from daebus_console.commands.verbs.usual import AT_SHELL

VERB = Verb(
    "repl",
    "type commands line by line, without the full screen",
    examples=("repl",),
    details="With input from a file or a pipe it carries out the commands in it, one a line, and stops at the first"
    " that fails, with its exit status: daebus-console repl < commands.txt",
    faces=AT_SHELL,
    place=180,
)
