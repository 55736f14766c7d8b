"""What a command is about: `#12 #15`, a capture file, or a filter over what is remembered.

The first word decides: a number is an exchange, a file is a file; all else is a filter, whose terms may follow a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared import inputs
from daebus_console.commands.doing.shared.numbered import named_by
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import filter_of
from daebus_console.commands.terms.kinds import Kind, read_value
from daebus_console.commands.terms.words import Word
from daebus_console.commands.verbs import Face
from daebus_console.engine.capture.format import NAMED_SO, CaptureError, Header
from daebus_console.engine.diff.exchange import not_seen
from daebus_console.engine.filter import language as filters
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.message.exchange import Kind as MessageKind
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.source import Recording
from daebus_console.files.places import STANDARD, expanded


@dataclass(frozen=True)
class Chosen:
    """Exchanges: `numbers` as they were named, else those of `path` or of the session that match.

    `each()` iterates over them, and may be called more than once; so does `with_gaps()`, which has the gaps between
    them as well, unless they are named by numbers, and `for_capture()`: each once, in the order in which they were
    opened, with the gaps, where they are named by numbers if one of them is unknown. `rest` are the words that belong
    to something else.
    """

    each: Callable[[], Iterable[Exchange]]
    numbers: tuple[int, ...] = ()
    path: str | None = None
    matching: filters.Filter = field(default_factory=lambda: filters.parse(""))
    rest: tuple[Word, ...] = ()
    recording: Recording | None = None
    with_gaps: Callable[[], Iterable[Exchange]] | None = None
    all_seen: Callable[[], Iterable[Exchange]] | None = None
    """Where they are named by numbers: what they are among, with the gaps."""

    def for_capture(self) -> Iterable[Exchange]:
        """See above."""
        if self.all_seen is not None:
            return _named_with_gaps(self.each(), self.all_seen)
        return self.each() if self.with_gaps is None else self.with_gaps()

    @property
    def header(self) -> Header | None:
        """The header of the capture, where they are from one."""
        return self.recording.header if self.recording is not None else None

    @property
    def live(self) -> bool:
        """Whether they are the session's own."""
        return self.path is None


def inputs_of(chosen: Chosen, context: Context) -> list[tuple[int, int]]:
    """The files from which they come, which no output may take the place of."""
    found = [chosen.recording.stored] if chosen.recording is not None else []
    found += [context.session.stored] if isinstance(context.session, OfflineSession) else []
    return [one.identity for one in found]


def choose(words: Sequence[Word], line: str, context: Context) -> Chosen:
    """What the words choose, of what was seen. Raises CommandError, also for a file that is no capture.

    What follows a file is its filter; numbers leave what follows them in `rest`.
    """
    if not words:
        return _of_session((), line, context)
    first = words[0]
    if first.text.startswith("#"):
        return _numbered(words, context)
    if _is_file(first, context):
        return _of_file(first, words[1:], line, context)
    return _of_session(words, line, context)


def _numbered(words: Sequence[Word], context: Context) -> Chosen:
    if context.face is Face.SHELL:
        raise words[0].error("#N is for prompts, which remember exchanges; at the shell, name a capture file")
    numbers: list[int] = []
    for word in words:
        if not word.text.startswith("#") or "=" in word.text:
            break
        numbers.append(read_value(Kind.REF, word))
    try:
        exchanges = [context.exchange(number) for number in numbers]
    except CommandError as error:
        raise words[0].error(error.message) from None
    told = not_seen(exchanges)
    if told is not None:
        raise words[0].error(told)
    session = context.session

    def all_seen() -> list[Exchange]:
        with session.lock:
            return list(session.journal.exchanges)

    return Chosen(
        lambda: exchanges,
        tuple(numbers),
        rest=tuple(words[len(numbers) :]),
        all_seen=all_seen,
    )


def _is_file(word: Word, context: Context) -> bool:
    if word.text == STANDARD and not word.quoted:
        return True
    if os.path.lexists(expanded(word.text)) or word.text.endswith(NAMED_SO):
        return True
    return context.face is Face.SHELL or ("/" in word.text and ":" not in word.text)


def _of_file(word: Word, rest: Sequence[Word], line: str, context: Context) -> Chosen:
    try:
        recording = inputs.recording(word.text, context)
    except CaptureError as error:
        why = str(error)
        if ":" in word.text and not os.path.lexists(expanded(word.text)) and not word.text.endswith(NAMED_SO):
            why += "; at the shell a capture file comes first, and the filter behind it"
        raise word.error(why) from None
    path = recording.path
    inputs.no_other(rest, "first")
    matching = filters.parse(filter_of(rest, line) or "")
    named = named_by(matching, rest, recording.exchanges())
    if named is not None:
        return Chosen(
            lambda: named,
            (),
            path,
            matching,
            recording=recording,
            all_seen=recording.exchanges,
        )
    return Chosen(
        lambda: _matching(recording.exchanges(), matching),
        path=path,
        matching=matching,
        recording=recording,
        with_gaps=lambda: _with_gaps(recording.exchanges(), matching),
    )


def _of_session(words: Sequence[Word], line: str, context: Context) -> Chosen:
    inputs.no_other(words, "first")
    matching = filters.parse(filter_of(words, line) or "")
    session = context.session
    with session.lock:
        seen = (one for one in session.journal.exchanges if one.kind is not MessageKind.TOLD)
        exchanges = list(_with_gaps(seen, matching))
    return Chosen(
        lambda: _matching(exchanges, matching),
        matching=matching,
        with_gaps=lambda: exchanges,
    )


def _named_with_gaps(named: Iterable[Exchange], all_seen: Callable[[], Iterable[Exchange]]) -> list[Exchange]:
    """Those in the order in which they were opened, with the gaps where one of them is unknown, which is by a gap."""
    found = {one.number: one for one in named}
    if any(one.state is State.UNKNOWN for one in found.values()):
        found |= {one.number: one for one in all_seen() if one.kind is MessageKind.GAP}
    return sorted(found.values(), key=lambda one: one.opened.seq)


def _with_gaps(exchanges: Iterable[Exchange], matching: filters.Filter) -> Iterator[Exchange]:
    return (one for one in exchanges if one.kind is MessageKind.GAP or matching.accepts(one))


def _matching(exchanges: Iterable[Exchange], matching: filters.Filter) -> Iterator[Exchange]:
    return filter(matching.accepts, exchanges)
