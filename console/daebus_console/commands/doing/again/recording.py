"""record: what passes by, into a capture file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.asking import ask_whether_heard
from daebus_console.commands.doing.shared.guard import must_pass, no_file
from daebus_console.commands.doing.shared.inputs import giving_up, misplaced
from daebus_console.commands.doing.shared.material import tell_missed
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.under_way import under_way
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.filter import language as filters
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.withheld import why_silent
from daebus_console.files.places import FileError
from daebus_console.render import Span, line, plural, size

_TICK = 0.25
_END = {Face.SHELL: "Ctrl-C", Face.PROMPT: "ctrl+c"}


def run_record(command: Command, context: Context) -> int:
    """Record until --for is over, the disk fails, or it is cancelled. Raises CommandError."""
    must_pass(command, context)
    no_file(command)
    matching = filters.parse(command["filter"] or "")
    try:
        recorder = Recorder(
            context.session,
            command["file"],
            matching=matching,
            force=command["force"],
            redact=context.redact,
            given_up=giving_up(context),
        )
    except FileError as error:
        raise misplaced(command, command["file"], str(error)) from None
    since = context.session.clock()
    with recorder, _known(recorder.writer, context):
        interrupted = _wait(command, context, recorder.writer)
        _say_unheard(context, interrupted)
    if recorder.writer.reader_gone:
        # It has what it wanted.
        return Exit.DONE
    _tell(context, recorder.writer)
    if recorder.writer.error is not None:
        return Exit.USAGE
    return Exit.INTERRUPTED if interrupted else tell_missed(context, since)


@contextmanager
def _known(writer: CaptureWriter, context: Context) -> Iterator[None]:
    """While it is written, whoever looks at what is under way knows of it."""
    entry, recordings = (writer, context.cancellation), under_way(context.session).recordings
    recordings.append(entry)
    try:
        yield
    finally:
        recordings.remove(entry)


def _wait(command: Command, context: Context, writer: CaptureWriter) -> bool:
    """Wait until it is over; True when that was because somebody interrupted it."""
    output = context.output
    try:
        # What services tell belongs to what passes, and they tell it only while they are asked to.
        context.session.pulls = True
        context.look()
        output.note(f"recording to {writer.path}; {_END[context.face]} ends it")
        deadline = None if command["for"] is None else time.monotonic() + command["for"]
        while writer.error is None and (deadline is None or time.monotonic() < deadline):
            left = _TICK if deadline is None else min(_TICK, max(0.0, deadline - time.monotonic()))
            if context.cancellation.wait(left):
                return True
            told = f"{plural(writer.written, 'message')}, {size(writer.bytes)}"
            output.progress(line(Span("● ", "error"), told), transient=True)
    except KeyboardInterrupt:
        # The usual way to end it at the shell.
        return True
    return False


def _say_unheard(context: Context, interrupted: bool) -> None:
    """What services could not tell is missing in the file; asked last of all, so that it says that, too."""
    if not interrupted:
        ask_whether_heard(context)
    with context.session.lock:
        unheard = why_silent(context.session)
    if unheard is not None:
        context.output.note(unheard)


def _tell(context: Context, writer: CaptureWriter) -> None:
    lost = f"; {writer.lost} are missing, the disk was too slow" if writer.lost and writer.error is None else ""
    place = f"what was {writer.path} and has been moved or replaced meanwhile" if writer.moved else str(writer.path)
    if not writer.removed:
        context.output.note(f"{plural(writer.written, 'message')}, {size(writer.bytes)}, in {place}{lost}")
    if writer.error is not None:
        context.output.error(writer.error)
