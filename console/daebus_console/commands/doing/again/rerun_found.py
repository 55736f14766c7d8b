"""What is to be run again: an exchange, and what belongs to it, of a capture or of what a prompt remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared import inputs
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.commands.terms.kinds import Kind, read_value
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.rerun.case import Unfit, fit


@dataclass(frozen=True)
class Found:
    """The exchange; `each()` iterates over all that are known, oldest first."""

    exchange: Exchange
    each: Callable[[], Iterable[Exchange]]


def find(command: Command, context: Context) -> Found:
    """What the words of the command say. Raises CommandError, also where no app is named."""
    words: tuple[Word, ...] = command["what"]
    remembered = words[0].text.startswith("#")
    found = _remembered(words, context) if remembered else _of_capture(words, command, context)
    if command["app"] is None:
        raise CommandError("expected --app APP, such as --app shop.orders:app: the handler is in it", len(command.line))
    return found


def _remembered(words: tuple[Word, ...], context: Context) -> Found:
    if context.face is Face.SHELL:
        raise words[0].error("#N is for prompts, which remember exchanges; at the shell, name a capture file first")
    if len(words) > 1:
        raise words[1].error("only one exchange at a time can be run again")
    exchange = context.exchange(read_value(Kind.REF, words[0]))
    _check(exchange, words[0])
    with context.session.lock:
        known = list(context.session.journal.exchanges)
    return Found(exchange, lambda: known)


def _of_capture(words: tuple[Word, ...], command: Command, context: Context) -> Found:
    path = words[0]
    try:
        recording = inputs.recording(path.text, context)
        if len(words) != 2:
            place = len(command.line) if len(words) < 2 else words[2].start
            raise CommandError("expected a capture and the number of an exchange in it: bug.jsonl '#12'", place)
        exchange = _numbered(recording, read_value(Kind.REF, words[1]), words[1])
    except CaptureError as error:
        raise path.error(str(error)) from None
    _check(exchange, words[1])
    inputs.tell_warnings(recording, context)
    if recording.header.redacted:
        keys = ", ".join(recording.header.redacted)
        context.output.note(f"{keys}: masked when it was recorded, so the handler gets *** in their place")
    return Found(exchange, recording.exchanges)


def _numbered(recording: Recording, number: int, reference: Word) -> Exchange:
    """The exchange of that number; all of the capture is read, so that its warnings are known."""
    found: Exchange | None = None
    last = 0
    for exchange in recording.exchanges():
        last = max(last, exchange.number)
        if exchange.number == number:
            found = exchange
    if found is None:
        known = f"the last one in {recording.path} is #{last}" if last else f"{recording.path} has none"
        raise reference.error(f"there is no exchange #{number}: {known}")
    return found


def _check(exchange: Exchange, reference: Word) -> None:
    try:
        fit(exchange)
    except Unfit as error:
        raise reference.error(f"#{exchange.number} cannot be run again: {error}") from None
