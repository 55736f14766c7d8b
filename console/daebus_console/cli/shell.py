"""The shell's face: arguments in, results on standard output, all else on standard error, an exit status out.

Help and mistakes cost no start-up: the engine is imported for verbs that need it, Textual for the full screen alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from daebus_console.cli.ending import ENDING, HUNG_UP, Ended, asked_before, noticing
from daebus_console.cli.options import Globals, take_globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.errors import FAULT, CommandError, fault
from daebus_console.commands.grammar.command import Command, parse_argv
from daebus_console.commands.grammar.help import help_in
from daebus_console.commands.verbs import Face
from daebus_console.files.places import StreamError
from daebus_console.render import line

if TYPE_CHECKING:
    from daebus_console.commands.context import Context

_ASKED = "_DAEBUS_CONSOLE_COMPLETE"
"""Set by the completion of the user's shell; see cli/completion.py."""
USAGE = 2


def run(arguments: Sequence[str], begin: Callable[[], object] = lambda: None) -> int:
    """Do what the arguments say; returns the exit status. `begin` is called once an interrupt is seen to."""
    output = TerminalOutput(sys.stdout, sys.stderr)
    status = 0
    with ENDING:
        try:
            begin()
            with noticing(output.interrupted):
                status = _run(arguments, output)
                output.flush()
                return status
        except StreamError as error:
            if error.quiet:
                # Whoever read the output has gone: it has what it wanted.
                return 0
            output.abandon()
            asked = HUNG_UP if status == HUNG_UP else ENDING.asked
            if asked is not None:
                # The terminal is gone, as was seen or told: what could not be written to it is nobody's trouble.
                return asked
            output.error(str(error))
            return USAGE
        except (Exception, KeyboardInterrupt, Ended) as error:  # noqa: BLE001 - a fault of ours is told in words as well
            asked = asked_before(error)
            if asked is not None:
                return asked
            output.abandon()
            output.error(fault(error))
            return FAULT
        finally:
            output.close()


def _run(arguments: Sequence[str], output: TerminalOutput) -> int:
    if _ASKED in os.environ:
        from daebus_console.cli.completion import answer

        output.result(line(text) for text in answer(os.environ[_ASKED], arguments))
        return 0
    settings = Globals()
    try:
        settings, rest = take_globals(arguments)
        if settings.version:
            return _version(output)
        if not rest:
            return _help(output) if settings.help else _full_screen(settings, output)
        command = parse_argv([*rest, "--help"] if settings.help else rest)
        if command.name == "help":
            output.result(line(text) for text in help_in(output.width, command["topic"], Face.SHELL))
            return 0
    except CommandError as error:
        output.mistake(_safe(error, settings))
        return USAGE
    if command.name == "demo":
        from daebus_console.cli.demo import run_demo

        return run_demo(command, settings, output)
    if command.name == "open":
        from daebus_console.cli.open import run_open

        return run_open(command, settings, output)
    if command.name == "completion":
        from daebus_console.cli.completion import script

        try:
            output.result(line(text) for text in script(command["shell"]).splitlines())
        except CommandError as error:
            output.mistake(error)
            return USAGE
        return 0
    if command.name == "repl":
        return _repl(settings, output)
    return _act(command, settings, output)


def _safe(error: CommandError, settings: Globals) -> CommandError:
    """The mistake as it may be shown. Only whoever makes one waits for the imports."""
    from daebus_console.commands.grammar.secrets import safe_error

    if not settings.redact:
        return safe_error(error)
    from daebus_console.engine.hiding.redact import Redactor

    return safe_error(error, Redactor(settings.redact))


def _version(output: TerminalOutput) -> int:
    from daebus.version import __version__

    output.result([line(f"daebus-console {__version__}")])
    return 0


def _help(output: TerminalOutput) -> int:
    output.result(line(text) for text in help_in(output.width, None, Face.SHELL))
    return 0


def _repl(settings: Globals, output: TerminalOutput) -> int:
    from daebus_console.repl.start import run_repl

    return _with_context(settings, output, lambda context: run_repl(context, output, ENDING))


def _act(command: Command, settings: Globals, output: TerminalOutput) -> int:
    from daebus_console.commands.doing.runner import run as run_command

    return _with_context(settings, output, lambda context: run_command(command, context))


def _with_context(settings: Globals, output: TerminalOutput, act: Callable[[Context], int]) -> int:
    """Act in a context for the Redis of the settings, closed afterwards; returns the exit status."""
    from daebus.errors import ConfigurationError
    from daebus_console.cli.contexts import open_context

    with ExitStack() as stack:
        try:
            context = open_context(settings, output, stack)
        except ConfigurationError as error:
            output.error(str(error))
            return USAGE
        return act(context)


def _full_screen(settings: Globals, output: TerminalOutput) -> int:
    from daebus.errors import ConfigurationError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.error("the full-screen console needs a terminal; `daebus-console --help` lists what works without one")
        return USAGE
    from daebus_console.cli.screen import show_console

    try:
        return show_console(settings)
    except ConfigurationError as error:
        output.error(str(error))
        return USAGE
