"""export: take exchanges along: as JSON, commands, Python, tests, diagrams or Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.commands.terms.kinds import Kind
from daebus_console.commands.terms.verb import Option, Verb
from daebus_console.commands.verbs.usual import RULES, WHAT

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.commands.grammar.command import Command

_FORMATS = (
    *("json", "jsonl", "capture", "command", "python", "pytest", "redis-cli", "mermaid", "nestjs", "faststream"),
    "markdown",
)

VERB = Verb(
    "export",
    "take exchanges along: as JSON, commands, Python, tests, diagrams or Markdown",
    (WHAT,),
    (
        Option(
            "--as",
            Kind.TEXT,
            "json, jsonl, capture, command, python, pytest, redis-cli, mermaid, nestjs, faststream or markdown"
            " (default: by the name of the file, else json)",
            "FORMAT",
            words=_FORMATS,
        ),
        Option("--output", Kind.OUTPUT, "the file to write; .gz and .zst compress it", "FILE", "-o"),
        Option("--force", Kind.FLAG, "overwrite the file if it exists"),
        Option("--copy", Kind.FLAG, "into the clipboard"),
        Option(
            "--with-calls", Kind.FLAG, "with --as pytest: run the handler without Redis, its calls answered as then"
        ),
        Option("--app", Kind.TEXT, "with --with-calls: the app that has the handler, such as shop.orders:app", "APP"),
        *RULES,
    ),
    examples=(
        "export today.jsonl service:users --as pytest -o test_users.py --ignore *.timestamp",
        "export #123 --as command",
        "export #120 #121 #122 --as mermaid --copy",
        "export today.jsonl status:error --as markdown",
        "export #12 --as pytest --with-calls --app shop.orders:app -o test_bug.py",
    ),
    details="The rules go into a pytest module as data. Values of keys named with --redact are masked. What sends again"
    " (commands, programs, tests) leaves out what consoles ask services about themselves, unless it is named: by its"
    " number, or with is:control.",
    place=130,
)


def run(command: Command, context: Context) -> int:
    """See `commands.doing.again.exporting`."""
    from daebus_console.commands.doing.again.exporting import run_export

    return run_export(command, context)
