"""source and save-history, and carrying out scripts: command after command, up to the first that fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.runner import run
from daebus_console.commands.doing.shared.inputs import giving_up, misplaced, stored
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command, parse
from daebus_console.commands.grammar.script import LONGEST, LONGEST_LINE, decoded, pieces
from daebus_console.commands.grammar.secrets import names_secret, safe_error
from daebus_console.files.places import FileError
from daebus_console.files.writing import Writing

DEEPEST = 10
"""How deep files may source each other."""


def run_source(command: Command, context: Context) -> int:
    """Carry out the commands of a file."""
    path = command["file"]
    if context.depth >= DEEPEST:
        raise CommandError(f"files source each other more than {DEEPEST} deep; does one of them source itself?")
    try:
        file = stored(path, context)
    except FileError as error:
        raise misplaced(command, path, str(error)) from None
    return run_script(file.lines(LONGEST_LINE), path, replace(context, depth=context.depth + 1))


def run_script(lines: Iterable[bytes], name: str, context: Context) -> int:
    """Carry out commands up to the first that fails, and say in which line that was; returns its status, or 0."""
    try:
        for piece in pieces(decoded(lines, name), LONGEST):
            status = _run_piece(piece.text, context)
            if status or context.cancellation.cancelled:
                context.output.note(f"stopped in line {piece.line} of {name}")
                return status or Exit.INTERRUPTED
            if context.leaving.is_set():
                break
    except FileError as error:
        context.output.error(str(error))
        return Exit.USAGE
    except CommandError as error:
        context.output.mistake(error)
        return Exit.USAGE
    return Exit.DONE


def _run_piece(text: str, context: Context) -> int:
    try:
        command = parse(text)
    except CommandError as error:
        context.output.mistake(safe_error(error, context.redact))
        return Exit.USAGE
    return run(command, context) if command is not None else Exit.DONE


def run_save_history(command: Command, context: Context) -> int:
    """Write the lines entered so far into a file."""
    path = command["file"]
    lines = [line for line in context.entered() if not names_secret(line, context.redact)]
    if lines and lines[-1] == command.line:
        lines.pop()
    try:
        with Writing(path, force=command["force"], given_up=giving_up(context)) as file:
            file.write("".join(f"{line}\n" for line in lines))
    except FileError as error:
        raise misplaced(command, path, str(error)) from None
    path = file.path
    context.output.note(f"{len(lines)} line{'s' * (len(lines) != 1)} in {path}; `source {path}` carries them out again")
    return Exit.DONE
