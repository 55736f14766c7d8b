"""Where the exchanges to replay come from: a capture file, however large, read as a stream. Holds a bounded stretch.

Exchanges come in the order in which they were opened, each when its answer has been read, so that whoever sends it
again can compare. A request waits for its answer no longer, in the time of the capture, than its asker did.
"""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Collection, Generator, Iterator

from daebus_console.engine import dialects
from daebus_console.engine.capture.format import Header
from daebus_console.engine.capture.reader import CaptureReader, open_capture
from daebus_console.engine.capture.source import Progress
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.correlator import DEFAULT_TIMEOUT, Batch, Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.files.reading import Stored

MOST_MESSAGES = 100_000
MOST_BYTES = 128 * 1024 * 1024
"""How much of a capture is held at once; a request whose answer is farther away counts as unanswered."""
_LONGEST_HOLD = 120.0
_AT_ONCE = 1_000
_BYTES_AT_ONCE = 1024 * 1024
"""How much is paired at once."""
_PENDING = State.PENDING


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
        self.now = 0.0
        self._waiting: list[tuple[float, int, Exchange]] = []
        self._batches: list[Batch] = []
        self._most = min(_AT_ONCE, self.journal.max_messages)
        self._most_bytes = min(_BYTES_AT_ONCE, self.journal.max_bytes)

    def exchanges(self) -> Iterator[Exchange]:
        recording, most, batches = self.recording, self._most, self._batches
        # All that is wanted for each message is a local name here.
        now, room, due, timeout, disorder = self.now, self._most_bytes, math.inf, recording.timeout, recording.disorder
        with CaptureReader(recording.stored, recording.progress) as reader:
            for block in reader.blocks():
                for item in block:
                    if isinstance(item, Frame):
                        at, channel, data = item
                        if at >= now:
                            now = at
                        elif now - at > disorder:
                            recording.disorder = disorder = now - at
                        room -= len(data)
                        if at >= due or room < 0 or len(batches) == most:
                            room, due = yield from self._paired(now)
                            room -= len(data)
                        if not batches and at + timeout < due:
                            due = at + timeout
                        batches.append((at, ((channel, data),)))
                    else:
                        self._pair(now)
                        now = max(now, item.start)
                        self.correlator.lose(item.start, item.reason)
                        self.correlator.resume(item.end if item.end is not None else item.start)
                        room, due = yield from self._paired(now)
                if recording.stored.is_stream:
                    # What comes next may be long in coming.
                    room, due = yield from self._paired(now)
            yield from self._paired(now)
            recording.warnings = reader.warnings
        while self._waiting:
            yield heapq.heappop(self._waiting)[2]

    def _paired(self, now: float) -> Generator[Exchange, None, tuple[int, float]]:
        """Pair, and give what is ready; returns how many bytes have room then, and when somebody's time is over."""
        self._pair(now)
        yield from self._ready()
        return self._most_bytes, self.correlator.next_deadline

    def _pair(self, now: float) -> None:
        """Pair what has been read: taken at once, it costs half as much as one by one.

        Never more than has room, or exchanges would be dropped unseen; and no further than to where somebody's time is
        over, so that he is given as he was then. (Of who names a shorter time himself, what comes late may be known.)
        """
        self.now = now
        journal, waiting, first = self.journal, self._waiting, self.journal.next_number
        if self._batches:
            self.correlator.take_all(self._batches)
            self._batches.clear()
        self.correlator.advance(now)
        for exchange in journal.exchanges.between(first, journal.next_number - 1):
            heapq.heappush(waiting, (exchange.opened.at, exchange.number, exchange))

    def _ready(self) -> Iterator[Exchange]:
        waiting, first, settled_before = self._waiting, self.journal.exchanges.first, self.now - self.hold
        while waiting:
            at, number, exchange = waiting[0]
            if number >= first and (exchange.state is _PENDING or at > settled_before):
                return
            heapq.heappop(waiting)
            yield exchange
