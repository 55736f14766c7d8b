"""Where the exchanges to replay come from: a capture file, however large, read as a stream. Holds a bounded stretch.

Exchanges come in the order in which they were opened, each when its answer has been read, so that whoever sends it
again can compare. A request waits for its answer no longer, in the time of the capture, than its asker did.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterator

from daebus_console.engine import dialects
from daebus_console.engine.capture.format import Header
from daebus_console.engine.capture.reader import CaptureReader, open_capture
from daebus_console.engine.capture.source import Progress
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.message.frame import Frame
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.correlator import DEFAULT_TIMEOUT, Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.files.reading import Stored

MOST_MESSAGES = 100_000
MOST_BYTES = 128 * 1024 * 1024
"""How much of a capture is held at once; a request whose answer is farther away counts as unanswered."""
_LONGEST_HOLD = 120.0
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

    def exchanges(self) -> Iterator[Exchange]:
        recording = self.recording
        with CaptureReader(recording.stored, recording.progress) as reader:
            for item in reader:
                if isinstance(item, Frame):
                    self._frame(item)
                else:
                    self.now = max(self.now, item.start)
                    self.correlator.lose(item.start, item.reason)
                    self.correlator.resume(item.end if item.end is not None else item.start)
                yield from self._ready()
            recording.warnings = reader.warnings
        while self._waiting:
            yield heapq.heappop(self._waiting)[2]

    def _frame(self, frame: Frame) -> None:
        at, channel, data = frame
        if at < self.now:
            self.recording.disorder = max(self.recording.disorder, self.now - at)
        else:
            self.now = at
            self.correlator.advance(at)
        message, exchange = self.correlator.feed(at, channel, data)
        if exchange.opened is message:
            heapq.heappush(self._waiting, (at, exchange.number, exchange))

    def _ready(self) -> Iterator[Exchange]:
        waiting, first, settled_before = self._waiting, self.journal.exchanges.first, self.now - self.hold
        while waiting:
            at, number, exchange = waiting[0]
            if number >= first and (exchange.state is _PENDING or at > settled_before):
                return
            heapq.heappop(waiting)
            yield exchange
