"""source and save-history, and carrying out scripts: command after command, up to the first that fails."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar import Command, parse
from daebus_console.commands.runner import run
from daebus_console.commands.script import decoded, pieces
from daebus_console.commands.secrets import names_secret, safe_error

DEEPEST = 10
"""How deep files may source each other."""


def run_source(command: Command, context: Context) -> int:
    """Carry out the commands of a file."""
    path = command["file"]
    if context.depth >= DEEPEST:
        raise CommandError(f"files source each other more than {DEEPEST} deep; does one of them source itself?")
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return run_script(file, path, replace(context, depth=context.depth + 1))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}", *_place(command, path)) from None


def run_script(lines: Iterable[bytes], name: str, context: Context) -> int:
    """Carry out commands up to the first that fails, and say in which line that was; returns its status, or 0."""
    try:
        for piece in pieces(decoded(lines, name)):
            status = _run_piece(piece.text, context)
            if status or context.cancellation.cancelled:
                context.output.note(f"stopped in line {piece.line} of {name}")
                return status or Exit.INTERRUPTED
            if context.leaving.is_set():
                break
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
    path, place = command["file"], _place(command, command["file"])
    lines = [line for line in context.entered() if not names_secret(line, context.redact)]
    if lines and lines[-1] == command.line:
        lines.pop()
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if command["force"] else os.O_EXCL)
    try:
        with open(os.open(os.path.expanduser(path), flags, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except FileExistsError:
        raise CommandError(f"{path} exists; --force overwrites it", *place) from None
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot write {path}: {error}", *place) from None
    context.output.note(f"{len(lines)} line{'s' * (len(lines) != 1)} in {path}; `source {path}` carries them out again")
    return Exit.DONE


def _place(command: Command, path: str) -> tuple[int, int]:
    position = command.line.find(path)
    return (position, len(path)) if position >= 0 else (len(command.line), 0)
