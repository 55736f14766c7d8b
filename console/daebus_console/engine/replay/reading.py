"""One reading of a capture file, however large, as a stream of exchanges. Holds a bounded stretch.

Exchanges come in the order in which they were opened, each when what has been read since takes all the room, so that
whoever takes them knows whatever belongs to them: the answer, one that came too late, and one that came a second time.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence

from daebus_console.engine.capture.reader import MOST_TOGETHER, CaptureReader, Place
from daebus_console.engine.message.dialect import Dialect
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.frame import Alone, Gap, Seen
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.files.reading import Stored

MOST_MESSAGES = 100_000
MOST_BYTES = 128 * 1024 * 1024
"""How much of a capture is held at once; a request whose answer is farther away counts as unanswered."""
_AT_ONCE = 1_000
"""How many are paired at once."""
_Entry = tuple[int, float, int, Exchange]
"""One that is not given yet, as they are put in order: by what clock and when it was opened, and its number."""


# Members of an enum are slow to look up, and this is wanted for every exchange.
_GAP = Kind.GAP


class Reading:
    """One reading of a capture, from its first message or the line after a `place` on. Raises CaptureError.

    `spoken` are the dialects that are understood.
    """

    def __init__(self, stored: Stored, spoken: Collection[Dialect], place: Place | None = None) -> None:
        self.reader = CaptureReader(stored, place)
        self.look: Callable[[], None] = lambda: None
        """Called now and then, between two blocks of the file."""
        self.journal = Journal(MOST_MESSAGES, MOST_BYTES)
        self.correlator = Correlator(self.journal)
        self.correlator.recogniser = Recogniser(spoken)
        self.correlator.answerable = lambda request: request.opened.at >= self._whole_since
        self.now = 0.0
        self._whole_since = -math.inf
        """Since when all is seen; infinity while only a part is."""
        self._clocks = 0
        """How often the clock stepped."""
        self._latest = 0.0
        """The time of the latest frame, by the clock of now."""
        self.waiting: deque[_Entry] = deque()
        """Those that are not given yet, in order."""
        self._odd: list[_Entry] = []
        """The same of those that came out of order: a heap. A recording by filter holds an exchange from when it
        matched, not from when it was opened."""
        self._most = min(_AT_ONCE, self.journal.max_messages)
        self._most_bytes = min(MOST_TOGETHER, self.journal.max_bytes)
        self._kept: list[Alone] = []
        """What is not paired yet where times go back; `_room` are the bytes that may follow."""
        self._room = self._most_bytes

    @property
    def uneven(self) -> bool:
        """Whether times went back or stepped in what is not given yet, or only a part was seen."""
        behind = self._odd or self._kept or self._clocks
        return bool(behind) or self._whole_since > -math.inf or self.reader.within_gap

    def until(self, offset: int | None) -> Iterator[Exchange]:
        """Those that are ready when the file was read until that byte; see CaptureReader.runs."""
        for run in self.reader.runs(self._most_bytes, offset):
            self.look()
            if isinstance(run, Gap):
                yield from self._left()
                yield from self._over(run)
            elif isinstance(run, Seen):
                yield from self._left()
                yield from self._paired((), max(self.now, run.at))
            else:
                for ready in self._frames(run):
                    yield from ready

    def exchanges(self) -> Iterator[Exchange]:
        """Each that is not given yet, in opening order; those left pending at the end come last."""
        with self.reader:
            yield from self.until(None)
            yield from self._left()
        while self.waiting or self._odd:
            yield self._pop()

    def _over(self, gap: Gap) -> list[Exchange]:
        """Take a gap, or the end of one in which a part was seen; returns what is ready then."""
        first, now, correlator = self.journal.next_number, max(self.now, gap.start), self.correlator
        if not gap.lost and gap.end is not None:
            correlator.step_over(gap.start, gap)
            self._clocks += 1
            self._latest = 0.0
            now = gap.end
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
        kept = self._kept
        for one in run:
            at, ((_channel, data),) = one
            self.now = max(self.now, at)
            self._room -= len(data)
            if self._room < 0 or len(kept) == self._most:
                yield self._left()
                self._room -= len(data)
            kept.append(one)

    def _left(self) -> list[Exchange]:
        """Pair what was kept to be paired late; returns what is ready then."""
        ready = self._paired(self._kept, self.now) if self._kept else []
        self._kept.clear()
        self._room = self._most_bytes
        return ready

    def _paired(self, batches: Sequence[Alone], now: float, *, first: int | None = None) -> list[Exchange]:
        """Take those, all until `now`; returns what is ready then. What is new begins with them, or that number."""
        self.now = now
        journal = self.journal
        first = journal.next_number if first is None else first
        if batches:
            self._latest = now
            self.correlator.take_all(batches)
        self.correlator.advance(now)
        self.correlator.dropped.clear()
        self._line_up(journal.exchanges.between(first, journal.next_number - 1))
        return self._ready()

    def _line_up(self, exchanges: list[Exchange]) -> None:
        """Put them among those that are not given yet: all at once where they are in order, as nearly always."""
        waiting, clock = self.waiting, self._clocks
        entries = [(clock, one.opened.at, one.number, one) for one in exchanges]
        if exchanges and exchanges[0].kind is _GAP:
            # It stands where it was told, which may be later than it began.
            entries = [(clock, max(at, self._latest), number, one) for _clock, at, number, one in entries]
        if entries == sorted(entries) and (not waiting or not entries or waiting[-1] < entries[0]):
            waiting += entries
            return
        for entry in entries:
            if not waiting or waiting[-1] < entry:
                waiting.append(entry)
            else:
                heapq.heappush(self._odd, entry)

    def _ready(self) -> list[Exchange]:
        """Take out those that cannot change any more, the journal having no room for them, up to the first that may.

        There are never many more than it has room for, in whatever order they came.
        """
        waiting, odd, first, ready = self.waiting, self._odd, self.journal.exchanges.first, list[Exchange]()
        if not odd:
            while waiting and waiting[0][2] < first:
                ready.append(waiting.popleft()[3])
            return ready
        most = 2 * self.journal.max_messages
        while waiting or odd:
            following = odd[0] if self._odd_first() else waiting[0]
            if following[2] >= first and len(waiting) + len(odd) <= most:
                break
            ready.append(self._pop())
        return ready

    def _pop(self) -> Exchange:
        """Take out the first in order."""
        return (heapq.heappop(self._odd) if self._odd_first() else self.waiting.popleft())[3]

    def _odd_first(self) -> bool:
        return bool(self._odd) and (not self.waiting or self._odd[0] < self.waiting[0])
