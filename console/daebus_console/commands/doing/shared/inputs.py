"""The files that commands name: opened for the face they are given at, and ended with the command that waits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from daebus_console.commands.context import Context
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.format import NAMED_SO, CaptureError
from daebus_console.engine.capture.reader import open_capture, told_warnings
from daebus_console.engine.message.exchange import Exchange, lost_in
from daebus_console.engine.message.frame import could_be_seen
from daebus_console.engine.replay.source import Recording
from daebus_console.files.places import FileError, GivenUp, expanded, file_error
from daebus_console.files.reading import Stored, number_of
from daebus_console.render import duration


def giving_up(context: Context) -> GivenUp:
    """Whether the command is cancelled, so that nothing waits any longer for the other end of a pipe."""
    cancellation = context.cancellation
    return lambda: cancellation.cancelled


def stored(path: str, context: Context) -> Stored:
    """The content of a file. Raises FileError, also for standard input at a prompt: commands come from there."""
    _check(path, context)
    try:
        return Stored(path, given_up=giving_up(context))
    except FileError as error:
        if not error.reason:
            raise
        raise file_error(error, f"cannot read {path}: {error.reason}") from None


def capture(path: str, context: Context) -> Stored:
    """The same, for a capture. Raises CaptureError."""
    try:
        _check(path, context)
    except FileError as error:
        raise CaptureError(str(error)) from None
    return open_capture(path, giving_up(context))


def recording(path: str, context: Context) -> Recording:
    """The exchanges of a capture. Raises CaptureError."""
    return Recording(capture(path, context), spoken=context.session.settings.dialects)


def tell_warnings(recording: Recording, context: Context) -> None:
    """The same of what was read as exchanges."""
    tell_lacks(recording.path, recording.warnings, recording.losses, context)


def tell_lacks(name: str, warnings: Sequence[str], losses: Iterable[Exchange], context: Context) -> None:
    """Note what of a capture could not be read, and for how long nothing was seen when it was recorded."""
    for text in told_warnings(name, warnings):
        context.output.note(text)
    gaps = lost_in(losses)
    if gaps:
        seconds = sum(gap.seconds or 0.0 for gap in gaps)
        when = f"for {duration(seconds)}" if seconds else "at its end"
        what = could_be_seen(gaps)
        context.output.note(f"{name}: {when} {what} could be seen when it was recorded: {gaps[-1].reason}")


def misplaced(command: Command, path: str, text: str) -> CommandError:
    """What is wrong with a file that the command names, pointing at it."""
    position = command.line.rfind(path)
    return CommandError(text, position, len(path)) if position >= 0 else CommandError(text, len(command.line))


def is_capture(name: str) -> bool:
    """Whether there is a file of that name, and it is called like a capture."""
    return name.endswith(NAMED_SO) and os.path.isfile(expanded(name))


def no_other(words: Iterable[Word], place: str) -> None:
    """Raise CommandError where one of the words of a filter is a capture, which nobody looks for in messages.

    `place` is where the one that is looked at stands.
    """
    for word in words:
        if is_capture(word.text) and not word.quoted:
            told = f"{word.text} is a file, and one capture is looked at here, which stands {place}"
            raise word.error(
                f"{told}; `cat` makes one of several (for messages with that text, write '\"{word.text}\"')"
            )


def given(command: Command, *options: str) -> list[str]:
    """Those of the options that are given, in that order."""
    keys = {option.name: option.key for option in command.verb.options}
    return [option for option in options if command[keys[option]]]


def whole(command: Command, path: str | None) -> None:
    """Raise CommandError where a time to look is said for a capture, which is read to its end."""
    if path is not None and command["for"] is not None:
        raise misplaced(command, "--for", f"--for is how long to look at what passes; {path} is read to its end")


def one_form(command: Command, *same: str) -> None:
    """Raise CommandError where `--as` and `--json` name two forms; `same` are those that are JSON."""
    if command["json"] and command["as"] is not None and command["as"] not in same:
        raise misplaced(command, "--json", f"--json and --as {command['as']} do not go together: leave one of them out")


def _check(path: str, context: Context) -> None:
    if context.face is not Face.SHELL and number_of(path) == 0:
        raise FileError(None, f"{path} is standard input, which a prompt does not have; name a file")
