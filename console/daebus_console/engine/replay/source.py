"""Where the exchanges to replay come from: a capture file, however large, read as a stream. Holds a bounded stretch.

Exchanges come in the order in which they were opened, each when its answer has been read, so that whoever sends it
again can compare. One that was given up, or lies in a gap, waits for an answer that comes too late, for two minutes of
the capture's time.
"""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Collection, Iterator, Sequence

from daebus_console.engine import dialects
from daebus_console.engine.capture.format import Header
from daebus_console.engine.capture.reader import MOST_TOGETHER, CaptureReader, open_capture
from daebus_console.engine.capture.source import Progress
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.message.frame import Alone, Gap, Seen
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.correlator import DEFAULT_TIMEOUT, Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.files.reading import Stored

MOST_MESSAGES = 100_000
MOST_BYTES = 128 * 1024 * 1024
"""How much of a capture is held at once; a request whose answer is farther away counts as unanswered."""
_LONGEST_HOLD = 120.0
"""Seconds, in the time of the capture, for which what is settled, or was given up, is held back at most."""
_AT_ONCE = 1_000
"""How many are paired at once."""
_OPEN = (State.PENDING, State.TIMEOUT, State.UNKNOWN, State.GAP)
"""How what may still change stands."""


class Recording:
    """A capture to be read as often as wanted, each time as it was at first. Raises CaptureError where it is none.

    `timeout` are seconds after which a request that names none was given up by its asker; `spoken` are the names of the
    dialects that are understood, all where none is named.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Stored,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        progress: Progress | None = None,
        spoken: Collection[str] = (),
    ) -> None:
        self.spoken = dialects.chosen(spoken)
        self.stored = path if isinstance(path, Stored) else open_capture(path)
        self.path = self.stored.name
        self.timeout = timeout
        self.disorder = 0.0
        """How far, in seconds, messages stand behind their time; known when it was read to its end once."""
        self.warnings: list[str] = []
        self.losses: Sequence[Exchange] = ()
        """The gaps in it; known when it was read to its end once, as the warnings are."""
        self.header = self._look()
        self.progress = progress

    def _look(self) -> Header:
        with CaptureReader(self.stored) as reader:
            return reader.header

    def exchanges(self) -> Iterator[Exchange]:
        """Each exchange of the capture, opening order; those left pending at its end come last."""
        # A recording by filter holds an exchange from when it matched, not from when it was opened.
        return _Stretch(self, min(self.disorder, _LONGEST_HOLD)).exchanges()


class _Stretch:
    """One reading, from first to last."""

    def __init__(self, recording: Recording, hold: float) -> None:
        self.recording = recording
        self.hold = hold
        self.journal = Journal(MOST_MESSAGES, MOST_BYTES)
        self.correlator = Correlator(self.journal, recording.timeout)
        self.correlator.recogniser = Recogniser(recording.spoken)
        self.correlator.answerable = lambda request: request.opened.at >= self._whole_since
        self.now = 0.0
        self._whole_since = -math.inf
        """Since when all is seen; infinity while only a part is."""
        self._clocks, self._stepped_at = 0, 0.0
        """How often the clock stepped, and when it did the last time, by the new one."""
        self._waiting: list[tuple[int, float, int, Exchange]] = []
        """Those that are not given yet, by the time of their opening (and by what clock) and their number: a heap."""
        self._most = min(_AT_ONCE, self.journal.max_messages)
        self._most_bytes = min(MOST_TOGETHER, self.journal.max_bytes)
        self._kept: list[Alone] = []
        """What is not paired yet where times go back; `_room` are the bytes that may follow."""
        self._room = self._most_bytes

    def exchanges(self) -> Iterator[Exchange]:
        recording = self.recording
        with CaptureReader(recording.stored, recording.progress) as reader:
            for run in reader.runs(self._most_bytes):
                if isinstance(run, Gap):
                    yield from self._left()
                    yield from self._over(run)
                elif isinstance(run, Seen):
                    yield from self._left()
                    yield from self._paired((), max(self.now, run.at))
                else:
                    for ready in self._frames(run):
                        yield from ready
            yield from self._left()
            recording.warnings = reader.warnings
            recording.losses = list(self.correlator.losses)
        while self._waiting:
            yield heapq.heappop(self._waiting)[3]

    def _over(self, gap: Gap) -> list[Exchange]:
        """Take a gap, or the end of one in which a part was seen; returns what is ready then."""
        first, now, correlator = self.journal.next_number, max(self.now, gap.start), self.correlator
        if not gap.lost and gap.end is not None:
            correlator.step_over(gap.start, gap)
            self._clocks += 1
            now = self._stepped_at = gap.end
            if self._whole_since < math.inf:
                self._whole_since = min(self._whole_since, now)
        elif gap.partly and gap.end is not None:
            self._whole_since = now = max(now, gap.end)
            correlator.resume(gap.end)
        else:
            # One in which a part was seen is over where nothing is seen any more.
            correlator.resume(gap.start)
            correlator.lose(gap.start, gap.reason, partly=gap.partly)
            if gap.partly:
                self._whole_since = math.inf
            else:
                correlator.resume(gap.end if gap.end is not None else gap.start)
                self._whole_since = min(self._whole_since, now)
        return self._paired((), now, first=first)

    def _frames(self, run: list[Alone]) -> Iterator[list[Exchange]]:
        """Pair them, as many at once as can be, which costs half as much as one by one; gives what is ready each time.

        Never more than has room, or exchanges would be dropped unseen.
        """
        times = [at for at, _frames in run]
        if times[0] < self.now or times != sorted(times):
            yield from self._in_disorder(run)
            return
        yield self._left()
        for start in range(0, len(run), self._most):
            some = run[start : start + self._most]
            yield self._paired(some, some[-1][0])

    def _in_disorder(self, run: list[Alone]) -> Iterator[list[Exchange]]:
        """The same where times go back: what belongs together may be apart, so pairs are made as late as can be."""
        recording, kept = self.recording, self._kept
        for one in run:
            at, ((_channel, data),) = one
            if at >= self.now:
                self.now = at
            else:
                recording.disorder = max(recording.disorder, self.now - at)
            self._room -= len(data)
            if self._room < 0 or len(kept) == self._most:
                yield self._left()
                self._room -= len(data)
            kept.append(one)

    def _left(self) -> list[Exchange]:
        """Pair what was kept to be paired late; returns what is ready then."""
        ready = self._paired(self._kept, self.now, ordered=False) if self._kept else []
        self._kept.clear()
        self._room = self._most_bytes
        return ready

    def _paired(
        self, batches: Sequence[Alone], now: float, *, ordered: bool = True, first: int | None = None
    ) -> list[Exchange]:
        """Take those, all until `now`; returns what is ready then. `ordered`: they are, and what came before them.

        What is new begins with them, or with that number.
        """
        self.now = now
        journal, waiting = self.journal, self._waiting
        first = journal.next_number if first is None else first
        if batches:
            self.correlator.take_all(batches)
        self.correlator.advance(now)
        new, settled_before = journal.exchanges.between(first, journal.next_number - 1), now - self.hold
        ready = self._ready(settled_before) if ordered else []
        if ordered and not waiting:
            # Most are settled in the order in which they were opened, and need not wait.
            given = 0
            for exchange in new:
                if exchange.opened.at > settled_before or (
                    exchange.state in _OPEN and self._waits(exchange, self._clocks)
                ):
                    break
                given += 1
            ready += new[:given]
            del new[:given]
        for exchange in new:
            # A gap stands where it was told, which may be later than it began.
            at = now if exchange.kind is Kind.GAP else exchange.opened.at
            heapq.heappush(waiting, (self._clocks, at, exchange.number, exchange))
        return ready if ordered else self._ready(settled_before)

    def _ready(self, settled_before: float) -> list[Exchange]:
        """Take out those that are settled and were opened until then, up to the first that is not.

        Those that the journal has no room for any more are settled.
        """
        waiting, first, ready = self._waiting, self.journal.exchanges.first, []
        while waiting:
            clock, at, number, exchange = waiting[0]
            late = clock == self._clocks and at > settled_before
            if number >= first and (late or (exchange.state in _OPEN and self._waits(exchange, clock))):
                break
            heapq.heappop(waiting)
            ready.append(exchange)
        return ready

    def _waits(self, exchange: Exchange, clock: int) -> bool:
        """Whether the answer to one that is unanswered may still come, or the end of a gap."""
        if exchange.state is State.GAP:
            return exchange.aside.gap is self.correlator.open_gap
        pending = exchange.state is State.PENDING
        over_at = exchange.until if clock == self._clocks else self._stepped_at
        return exchange.answer is None and (pending or self.now <= over_at + _LONGEST_HOLD)
