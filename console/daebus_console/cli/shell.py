"""The shell's face: arguments in, results on standard output, all else on standard error, an exit status out.

Help and mistakes cost no start-up: the engine is imported for verbs that need it, Textual for the full screen alone.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from daebus_console.cli.ending import Ended, Ending, asked_before
from daebus_console.cli.options import Globals, take_globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.errors import FAULT, CommandError, fault
from daebus_console.commands.grammar import Command, parse_argv
from daebus_console.commands.help import help_on
from daebus_console.commands.verbs import Face
from daebus_console.files.places import StreamError
from daebus_console.render import line

if TYPE_CHECKING:
    from daebus_console.commands.context import Context
    from daebus_console.engine.sender import Sender
    from daebus_console.engine.session import Session

_ASKED = "_DAEBUS_CONSOLE_COMPLETE"
"""Set by the completion of the user's shell; see cli/completion.py."""
USAGE = 2
_SWITCH = 0.001
"""Seconds that a thread may keep the interpreter while others want it."""
_COLLECT_AFTER = (20_000, 50, 100)
"""New objects after which Python looks for garbage in the youngest of them, and how many times until in older ones."""
_REMEMBERED = 200_000
_REMEMBERED_BYTES = 128 * 1024 * 1024


_ending = Ending()
"""The signals of this process."""


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    output = TerminalOutput(sys.stdout, sys.stderr)
    with _ending:
        try:
            status = _run(arguments, output)
            output.flush()
            return status
        except StreamError as error:
            if error.quiet:
                # Whoever read the output has gone: it has what it wanted.
                return 0
            output.abandon()
            if _ending.asked is not None:
                # The terminal is gone, of which SIGHUP told: what could not be written to it is nobody's trouble.
                return _ending.asked
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
            output.result(line(text) for text in help_on(command["topic"], Face.SHELL))
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
    from daebus_console.commands.secrets import safe_error

    if not settings.redact:
        return safe_error(error)
    from daebus_console.engine.redact import Redactor

    return safe_error(error, Redactor(settings.redact))


def _version(output: TerminalOutput) -> int:
    from daebus.version import __version__

    output.result([line(f"daebus-console {__version__}")])
    return 0


def _help(output: TerminalOutput) -> int:
    output.result(line(text) for text in help_on(None, Face.SHELL))
    return 0


def _repl(settings: Globals, output: TerminalOutput) -> int:
    from daebus_console.repl.start import run_repl

    return _with_context(settings, output, lambda context: run_repl(context, output, _ending))


def _act(command: Command, settings: Globals, output: TerminalOutput) -> int:
    from daebus_console.commands.runner import run as run_command

    return _with_context(settings, output, lambda context: run_command(command, context))


def _with_context(settings: Globals, output: TerminalOutput, act: Callable[[Context], int]) -> int:
    """Act in a context for the Redis of the settings, closed afterwards; returns the exit status."""
    from daebus.errors import ConfigurationError

    with ExitStack() as stack:
        try:
            context = open_context(settings, output, stack)
        except ConfigurationError as error:
            output.error(str(error))
            return USAGE
        return act(context)


def open_context(settings: Globals, output: TerminalOutput, stack: ExitStack) -> Context:
    """A context of the shell for the Redis of the settings; the stack closes it. Raises ConfigurationError."""
    from daebus_console.cli.asking import Asking
    from daebus_console.commands.context import Context
    from daebus_console.engine.redact import Redactor
    from daebus_console.engine.sender import Sender

    session = _session(settings, _REMEMBERED, _REMEMBERED_BYTES)
    stack.callback(session.stop)
    sender = stack.enter_context(Sender(session, read_only=settings.read_only))
    return Context(
        session,
        sender,
        output,
        Face.SHELL,
        confirm=Asking(output),
        confirm_remote=settings.confirm_remote,
        redact=Redactor(settings.redact),
    )


def _session(settings: Globals, messages: int | None = None, memory: int | None = None) -> Session:
    from daebus.connection import resolve_url
    from daebus_console.engine.session import Session, Settings

    # The tap notes when it reads; whoever works in another thread would keep it from doing so for up to 5 ms.
    sys.setswitchinterval(_SWITCH)
    # What is remembered are millions of objects without cycles: looking through them all takes a tenth of a second and
    # more, in which no key is seen, and finds nothing.
    gc.set_threshold(*_COLLECT_AFTER)
    bounds = {} if messages is None or memory is None else {"max_messages": messages, "max_bytes": memory}
    return Session(resolve_url(settings.redis), Settings(patterns=settings.channels or ("*",), **bounds))


def _full_screen(settings: Globals, output: TerminalOutput) -> int:
    from daebus.errors import ConfigurationError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.error("the full-screen console needs a terminal; `daebus-console --help` lists what works without one")
        return USAGE
    try:
        return show_console(settings)
    except ConfigurationError as error:
        output.error(str(error))
        return USAGE


def show_console(settings: Globals) -> int:
    """The full-screen console until the user leaves it. Raises ConfigurationError."""
    from daebus_console.engine.sender import Sender

    session = _session(settings)
    # Textual is large: it is imported when the settings are known to be good.
    import daebus_console.tui.app  # noqa: F401

    with session, Sender(session, read_only=settings.read_only) as sender:
        return show(session, sender, settings)


def show(session: Session, sender: Sender, settings: Globals) -> int:
    """A started session on the full screen until the user leaves it, or a signal asks for it."""
    from daebus_console.engine.redact import Redactor
    from daebus_console.tui.app import run as run_app

    redact = {"redact": Redactor(settings.redact)} if settings.redact else {}
    return run_app(
        session,
        ended_by=_ending.by,
        sender=sender,
        read_only=settings.read_only,
        confirm_remote=settings.confirm_remote,
        # Left to itself, Textual takes NO_COLOR for a wish to have shades of grey.
        ansi_color=True if os.environ.get("NO_COLOR") else None,
        **redact,
    )
