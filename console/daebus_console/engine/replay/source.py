"""Where the exchanges to replay come from: a capture file, however large, read as a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence

from daebus_console.engine import dialects
from daebus_console.engine.capture.format import Header
from daebus_console.engine.capture.reader import MOST_WARNINGS, CaptureReader, Place, open_capture
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.reading import Reading
from daebus_console.files.reading import Stored


class Recording:
    """A capture to be read as often as wanted, each time as it was at first. Raises CaptureError where it is none.

    `spoken` are the names of the dialects that are understood, all where none is named.
    """

    def __init__(self, path: str | os.PathLike[str] | Stored, *, spoken: Collection[str] = ()) -> None:
        self.spoken = dialects.chosen(spoken)
        self.stored = path if isinstance(path, Stored) else open_capture(path)
        self.path = self.stored.name
        self.warnings: list[str] = []
        self.losses: Sequence[Exchange] = ()
        """The gaps in it; known when it was read to its end once, as the warnings are."""
        self.instead: Callable[[], Iterator[Exchange]] | None = None
        """What gives its exchanges for now, where it is not read here from first to last."""
        self.header = self._look()

    def _look(self) -> Header:
        with CaptureReader(self.stored) as reader:
            return reader.header

    def exchanges(self) -> Iterator[Exchange]:
        """Each exchange of the capture, opening order; those left pending at its end come last."""
        return self._whole() if self.instead is None else self.instead()

    def _whole(self) -> Iterator[Exchange]:
        reading = self.reading()
        yield from reading.exchanges()
        self.know(reading)

    def reading(self, place: Place | None = None) -> Reading:
        """One reading of it. Raises CaptureError."""
        return Reading(self.stored, self.spoken, place)

    def know(self, reading: Reading, more: Sequence[str] = ()) -> None:
        """Take from a reading what is known at its end, with `more` warnings after those."""
        self.warnings = [*reading.reader.warnings, *more][:MOST_WARNINGS]
        self.losses = list(reading.correlator.losses)
