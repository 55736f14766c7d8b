"""What a verb that explains is to look at: a capture, what a prompt remembers, or at the shell what passes for a while.

The words are a capture file and the terms of a filter, the file first or last.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared import inputs
from daebus_console.commands.doing.shared.numbered import named_by
from daebus_console.commands.grammar.command import Command, filter_of
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.format import NAMED_SO, CaptureError
from daebus_console.engine.filter import language as filters
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.withheld import why_missed, why_unseen
from daebus_console.files.places import STANDARD, expanded
from daebus_console.render import Span, line

LOOK_FOR = 10.0
"""Seconds that the shell looks where it is not said how long."""
_TICK = 0.2
_MOST_KEPT = 256 * 1024 * 1024
_OVERHEAD = 500
"""Bytes that an exchange takes beside those of its messages, about."""


@dataclass(frozen=True)
class Material:
    """Exchanges to look at: `each()` iterates over all of them, and may be called more than once.

    `words` are those that name no file, `wanted` the filter that they are where they are one. `recording` is the
    capture. `interrupted` tells that looking was ended before its time, `missed` why messages passed unseen meanwhile.
    """

    each: Callable[[], Iterable[Exchange]]
    words: tuple[Word, ...]
    wanted: filters.Filter
    recording: Recording | None = None
    interrupted: bool = False
    missed: str | None = None

    @property
    def path(self) -> str | None:
        """That of the capture, if there is one."""
        return self.recording.path if self.recording is not None else None

    def tell_warnings(self, context: Context) -> None:
        """Tell what of the capture could not be read, or of what passed could not be seen."""
        if self.recording is not None:
            inputs.tell_warnings(self.recording, context)
        if self.missed is not None:
            context.output.error(self.missed)

    def ended(self, status: Exit = Exit.DONE) -> Exit:
        """The status with which it ends: this one, but where what it rests on is not all that passed."""
        return status_of(self.interrupted, self.missed, status)

    def matching(self) -> Iterable[Exchange]:
        """Those that the filter lets through."""
        return filter(self.wanted.accepts, self.each())


def status_of(interrupted: bool, missed: str | None, status: Exit = Exit.DONE) -> Exit:
    """The status of what looked on until it was `interrupted`, or why it `missed` what passed; else this one."""
    if interrupted:
        return Exit.INTERRUPTED
    return status if missed is None else Exit.NO_REDIS


def gather(command: Command, context: Context, *, with_filter: bool = True) -> Material:
    """What the words of the command mean. Raises CommandError.

    Without `with_filter` the words beside the file are left for the verb to read.
    """
    file, rest = file_among(command["what"] or ())
    inputs.no_other(rest, "first or last")
    wanted = filters.parse(filter_of(rest, command.line) or "") if with_filter else filters.parse("")
    if file is not None:
        inputs.whole(command, file.text)
        recording = recording_of(file, context)
        kept = _Kept(recording)
        named_by(wanted, rest, kept.exchanges())
        return Material(kept.exchanges, tuple(rest), wanted, recording)
    check_remembers(rest, context)
    session, interrupted, missed = context.session, False, None
    if context.face is Face.SHELL or command["for"] is not None:
        context.look()
        since = session.clock()
        interrupted = wait(context, command["for"] or LOOK_FOR)
        missed = why_missed(session, since)
    with session.lock:
        found = list(session.journal.exchanges)
    named_by(wanted, rest, found)
    return Material(lambda: found, tuple(rest), wanted, None, interrupted, missed)


class _Kept:
    """The exchanges of a capture, kept in memory once they were read, where that is not too much."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._kept: list[Exchange] | None = None

    def exchanges(self) -> Iterator[Exchange]:
        """All of them, in their order."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Exchange] | None = []
        left = _MOST_KEPT
        for exchange in self._recording.exchanges():
            if kept is not None:
                left -= exchange.size + _OVERHEAD
                if left < 0:
                    kept = None
                else:
                    kept.append(exchange)
            yield exchange
        self._kept = kept


def wait(context: Context, seconds: float) -> bool:
    """Wait so long, showing how long it still takes; True when that was interrupted. Not where nothing can pass."""
    if not context.session.passing:
        return False
    end = time.monotonic() + seconds
    try:
        while (left := end - time.monotonic()) > 0:
            seen = context.session.status.messages
            context.output.progress(line(Span(f"looking, {left:.0f} s more; {seen} messages", "dim")), transient=True)
            if context.cancellation.wait(min(_TICK, left)):
                return True
    except KeyboardInterrupt:
        # What was seen up to here is still wanted.
        return True
    return False


def tell_missed(context: Context, since: float, *, shown: bool = False) -> Exit:
    """Tell why messages passed unseen since then, where any may have, for what goes on over that.

    The status is NO_REDIS where nothing is seen at the end. Gaps that are over are not told where they were `shown`.
    """
    session = context.session
    missed = why_missed(session, since)
    if missed is None:
        return Exit.DONE
    if session.status.up and why_unseen(session) is None:
        if not shown:
            context.output.note(missed)
        return Exit.DONE
    context.output.error(missed)
    return Exit.NO_REDIS


def recording_of(file: Word, context: Context) -> Recording:
    """The capture that a word names. Raises CommandError."""
    try:
        return inputs.recording(file.text, context)
    except CaptureError as error:
        raise file.error(str(error)) from None


def check_remembers(words: Sequence[Word], context: Context) -> None:
    """Raise CommandError where exchanges are named by number beside no capture, and nothing was seen yet."""
    number = next((word for word in words if word.text.startswith("#")), None)
    if number is not None and context.face is Face.SHELL:
        raise number.error("#N is for prompts, which remember exchanges; at the shell, name a capture file")


def file_among(words: Sequence[Word]) -> tuple[Word | None, Sequence[Word]]:
    """The word that names a capture, the first or the last, if there is one; and the others."""
    if words and names_file(words[0]):
        return words[0], words[1:]
    if len(words) > 1 and names_file(words[-1]):
        return words[-1], words[:-1]
    return None, words


def names_file(word: Word) -> bool:
    """Whether it looks like the name of a file, or there is a file of that name."""
    if word.text.startswith("#"):
        return False
    if (word.text == STANDARD and not word.quoted) or word.text.endswith(NAMED_SO):
        return True
    path = expanded(word.text)
    if os.path.lexists(path):
        # A folder may well be called like a service that is looked for.
        return not os.path.isdir(path) or "/" in word.text
    return "/" in word.text and ":" not in word.text
