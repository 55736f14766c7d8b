"""`daebus-console repl`: on a terminal a prompt, from a file or a pipe one command after the other."""

from __future__ import annotations

import sys
from dataclasses import replace

from daebus_console.cli.ending import Ending
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.context import CONNECT_WITHIN, Context, Exit
from daebus_console.commands.doing.scripting import run_script
from daebus_console.commands.doing.shared.advising import advised
from daebus_console.commands.grammar.script import LONGEST_LINE
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.withheld import unseen
from daebus_console.files.places import STANDARD, FileError
from daebus_console.files.reading import Stored
from daebus_console.repl.place import history_path

_LOOK_FIRST = 1.0
"""Seconds that the first prompt waits for the connection; after that it says so at the bottom."""


def run_repl(context: Context, output: TerminalOutput, ending: Ending) -> int:
    """Take commands until the end; returns the exit status. The context and the signals are those of the shell."""
    context = replace(context, face=Face.PROMPT, live=True)
    context.session.pulls = True
    context.session.start()
    try:
        return (
            _prompt(context, output, ending) if sys.stdin.isatty() and sys.stdout.isatty() else _script(context, output)
        )
    finally:
        context.jobs.close()
        under_way(context.session).close()


def _prompt(context: Context, output: TerminalOutput, ending: Ending) -> int:
    # prompt_toolkit is not needed for scripts, which start sooner without it.
    from daebus_console.repl.history import EntryHistory
    from daebus_console.repl.line import LineRepl

    context.session.wait_up(_LOOK_FIRST)
    for text in unseen(context.session):
        output.note(text)
    history = EntryHistory(history_path(), context.redact)
    history.entries()
    if history.problem is not None:
        output.note(history.problem)
    return LineRepl(context, output, history, ending).run()


def _script(context: Context, output: TerminalOutput) -> int:
    if not context.session.wait_up(CONNECT_WITHIN):
        # Whoever reads this is at a shell.
        output.error(advised(context.blind(), replace(context, face=Face.SHELL)))
        return Exit.NO_REDIS
    for text in unseen(context.session):
        output.note(text)
    try:
        lines = Stored(STANDARD).lines(LONGEST_LINE)
    except FileError as error:
        output.error(str(error))
        return Exit.USAGE
    status = run_script(lines, "standard input", context)
    # What was left to itself belongs to the script as well, unless it says itself that it is over.
    return status or (context.jobs.status if context.leaving.is_set() else context.jobs.wait_all())
