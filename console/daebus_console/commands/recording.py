"""record: what passes by, into a capture file."""

from __future__ import annotations

import time

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar import Command
from daebus_console.engine import filter as filters
from daebus_console.engine.capture_writer import CaptureWriter
from daebus_console.engine.exchange import Exchange, Kind, Message
from daebus_console.render import Span, line, size

_TICK = 0.25


def run_record(command: Command, context: Context) -> int:
    """Record until --for is over, the disk fails, or it is cancelled."""
    session = context.session
    try:
        writer = CaptureWriter(
            command["file"], session.address.url, session.clock(), force=command["force"], redact=context.redact
        )
    except (OSError, ValueError) as error:
        raise CommandError(str(error), *_place(command)) from None
    interrupted = False
    with writer:
        try:
            _record(command, context, writer)
        except KeyboardInterrupt:
            # The usual way to end it at the shell.
            interrupted = True
    context.output.progress(line(), transient=True)
    counts = f"{writer.written} messages, {size(writer.bytes)}, in {writer.path}"
    lost = f"; {writer.lost} are missing, the disk was too slow" if writer.lost and writer.error is None else ""
    context.output.note(f"{counts}{lost}")
    if writer.error is not None:
        context.output.error(writer.error)
        return Exit.ERROR
    return Exit.INTERRUPTED if interrupted or context.cancellation.cancelled else Exit.DONE


def _place(command: Command) -> tuple[int, int]:
    position = command.line.find(command["file"])
    return (position, len(command["file"])) if position >= 0 else (len(command.line), 0)


def _record(command: Command, context: Context, writer: CaptureWriter) -> None:
    accepts = filters.parse(command["filter"] or "")

    def take(message: Message, exchange: Exchange) -> None:
        """On the tap's thread, under the session's lock."""
        if message.kind is Kind.GAP:
            gap = exchange.aside.gap
            if gap is not None and gap.end is not None:
                writer.gap(gap.start, gap.end - gap.start, gap.reason)
        elif accepts.matches_message(message, exchange):
            writer.write(message.at, message.channel, message.data)

    deadline = None if command["for"] is None else time.monotonic() + command["for"]
    unwatch = context.watch(take)
    try:
        context.look()
        context.output.note(f"recording to {writer.path}")
        while writer.error is None and (deadline is None or time.monotonic() < deadline):
            left = _TICK if deadline is None else min(_TICK, max(0.0, deadline - time.monotonic()))
            if context.cancellation.wait(left):
                break
            told = f"{writer.written} messages, {size(writer.bytes)}"
            context.output.progress(line(Span("● ", "error"), told), transient=True)
    finally:
        unwatch()
