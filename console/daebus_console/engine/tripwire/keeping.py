"""One capture that is being kept: what the session remembers from before, and what passes until its time is over.

The messages are those of the session's journal, which bounds them: nothing is kept in memory beside it. The file stands
in its place when it is complete.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from daebus_console.engine.capture.format import GapLine, SeenLine
from daebus_console.engine.capture.lines import Lines
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.live.tap import PROVEN_WITHIN
from daebus_console.engine.message.exchange import Exchange, Kind, Message
from daebus_console.engine.pairing.ring import Ring
from daebus_console.engine.session import Session
from daebus_console.engine.tripwire.wire import Hit
from daebus_console.files.places import FileThere
from daebus_console.files.writing import Writing

_CHUNK = 5_000
"""Messages that are taken at a time, so that the tap does not wait for the disk."""
_LONGEST = 6.0
"""So many times `after` a capture may become, where something happens again and again."""
_MOST_NAMES = 1_000


@dataclass(frozen=True)
class Span:
    """Seconds to keep from before a hit, and after it."""

    before: float = 30.0
    after: float = 10.0


class Keeping:
    """Begins a file in `folder` for a hit. Raises FileError where it cannot be made; its methods where the disk fails.

    `path` is where it will stand; `messages` how many it has so far; `hits` what happened in it; `short` how many
    seconds of those before the hit are not remembered. For one thread.
    """

    def __init__(self, session: Session, folder: str, hit: Hit, span: Span, redact: Redactor) -> None:
        self._session = session
        self._lines = Lines(redact)
        self.hits = [hit]
        self.messages = 0
        self.short = 0.0
        self._file = _opened(folder, hit)
        self.path = self._file.path
        self._after = span.after
        self._until = time.monotonic() + span.after
        self._latest = time.monotonic() + span.after * _LONGEST
        self._partly: Exchange | None = None
        # What tripped it belongs to it from its beginning.
        start = min(hit.at - span.before, hit.since)
        with session.lock:
            journal = session.journal
            first = _first_since(journal.messages, start)
            oldest = next((one for one in journal.messages if one.kind is not Kind.TOLD), None)
            self._next = journal.messages.last + 1 if first is None else first.seq
            remembered = session.status.remembered or start
            if journal.evicted and first is not None and first is oldest:
                remembered = max(remembered, first.at)
            self.short = max(0.0, remembered - start)
            gap = session.correlator.open_gap
        try:
            self._write(self._lines.header(session.address.url, start))
            if gap is not None and gap.partly and gap.start < start:
                self._add(GapLine(start, 0.0, gap.reason, partly=True))
        except BaseException:
            self.discard()
            raise

    @property
    def over(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self._until

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file.size

    def again(self, hit: Hit) -> None:
        """Something happened while it is kept, which makes it last longer, but not for ever."""
        self.hits.append(hit)
        self._until = min(self._latest, time.monotonic() + self._after)

    def catch_up(self) -> None:
        """Write what has passed since the last time."""
        with self._session.lock:
            last = self._session.journal.messages.last
        # And not what comes meanwhile, lest there be no end to it.
        while self._next <= last and (taken := self._taken()) is not None:
            first, messages, gaps = taken
            if first > self._next:
                self._add(GapLine(messages[0].at, 0.0, f"{first - self._next} messages here were not remembered"))
            buffer = bytearray()
            for message in messages:
                if message.kind is Kind.TOLD:
                    # It never passed: a service told of it afterwards.
                    continue
                if message.kind is not Kind.GAP:
                    self._end_part(buffer, message.at)
                    self.messages += self._lines.add((message.at, message.channel, message.data), buffer)
                elif not self._gap(gaps[message.seq], buffer):
                    # Nothing comes until it is over.
                    self._next = message.seq
                    self._write(buffer)
                    return
            self._next = messages[-1].seq + 1
            self._write(buffer)

    def finish(self) -> None:
        """Write the rest, and put the file in its place."""
        self._session.tap.prove(PROVEN_WITHIN)
        self.catch_up()
        with self._session.lock:
            gap, now = self._session.correlator.open_gap, self._session.clock()
        buffer = bytearray()
        self._end_part(buffer, now)
        self._write(buffer)
        if gap is not None:
            self._add(GapLine(gap.start, max(0.0, now - gap.start), gap.reason, gap.partly))
        else:
            self._add(SeenLine(self._session.seen_until()))
        self._file.finish()

    def discard(self) -> None:
        """Leave nothing of it."""
        self._file.discard()

    def _taken(self) -> tuple[int, list[Message], dict[int, Exchange | None]] | None:
        """The next messages, and the exchanges of the gaps among them; None where there are none yet."""
        with self._session.lock:
            journal = self._session.journal
            first = max(self._next, journal.messages.first)
            messages = journal.messages.between(first, first + _CHUNK - 1)
            if not messages:
                return None
            gaps = {one.seq: journal.exchange(one.exchange) for one in messages if one.kind is Kind.GAP}
        return first, messages, gaps

    def _gap(self, exchange: Exchange | None, buffer: bytearray) -> bool:
        """Write a gap; False where it is not over and nothing is seen meanwhile."""
        gap = exchange.aside.gap if exchange is not None else None
        if gap is None:
            return True
        if gap.partly:
            self._partly = exchange
            self._lines.add(GapLine(gap.start, 0.0, gap.reason, partly=True), buffer)
            return True
        if gap.end is None:
            return False
        self._lines.add(GapLine(gap.start, max(0.0, gap.seconds or 0.0), gap.reason, lost=gap.lost), buffer)
        return True

    def _end_part(self, buffer: bytearray, at: float) -> None:
        """From here on all of it is seen again, if that is so."""
        gap = self._partly.aside.gap if self._partly is not None else None
        if gap is not None and gap.end is not None and at >= gap.end:
            self._partly = None
            self._lines.add(GapLine(gap.start, gap.seconds or 0.0, gap.reason, partly=True), buffer)

    def _add(self, line: GapLine | SeenLine) -> None:
        buffer = bytearray()
        self._lines.add(line, buffer)
        self._write(buffer)

    def _write(self, buffer: bytearray) -> None:
        self._file.write(bytes(buffer))


def _first_since(messages: Ring[Message], start: float) -> Message | None:
    """The first message at or after that time; None where there is none. Those that were only told of are none."""
    found = None
    for message in reversed(messages):
        if message.kind is Kind.TOLD:
            continue
        if message.at < start:
            break
        found = message
    return found


def _opened(folder: str, hit: Hit) -> Writing:
    """A new file with a name that says when, and what it was about. Raises FileError."""
    for name in _names(hit):
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            continue
        try:
            return Writing(path)
        except FileThere:
            continue
    return Writing(os.path.join(folder, next(iter(_names(hit)))))


def _names(hit: Hit) -> Iterable[str]:
    about = re.sub(r"[^A-Za-z0-9]+", "-", f"{hit.service} {hit.action}").strip("-")[:60] or "bus"
    stem = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(hit.at))}-{about}"
    yield f"{stem}.jsonl"
    yield from (f"{stem}-{number}.jsonl" for number in range(2, _MOST_NAMES))
