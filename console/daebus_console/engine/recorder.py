"""From a running session into a capture file: all of it, or what a filter lets through."""

from __future__ import annotations

import os

from daebus_console.engine.bounded import remember
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.filter.language import Filter
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.live.tap import PROVEN_WITHIN
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Kind, Message
from daebus_console.engine.session import Session
from daebus_console.files.places import GivenUp, never

_MOST_REMEMBERED = 100_000
_GAP = Kind.GAP


class Recorder:
    """Records what `session` sees from now on until `stop`.

    With a filter, an exchange is recorded from the moment it matches, and what was seen of it before that first: a
    filter such as status:error must not leave answers without their requests. Such messages stand later in the file
    than their times say. Raises FileExistsError or OSError where the file cannot be made.
    """

    def __init__(
        self,
        session: Session,
        path: str | os.PathLike[str],
        *,
        matching: Filter | None = None,
        force: bool = False,
        redact: Redactor | None = None,
        given_up: GivenUp = never,
    ) -> None:
        self._session = session
        self.started = session.clock()
        self.matching = matching if matching is not None and matching.text else None
        self.writer = CaptureWriter(
            path,
            session.address.url,
            self.started,
            force=force,
            redact=redact,
            given_up=given_up,
        )
        self._chosen: dict[int, None] = {}
        self._shared: dict[int, None] = {}
        """By their seq, messages in the file that may belong to several exchanges."""
        self._steps: list[tuple[int, float]] = []
        """Where the clock stepped since it began: the seq of what came then, and how many seconds it went ahead."""
        # Not before: the bus need not wait until a file, or the reader of a pipe, is there.
        with session.lock:
            gap = session.correlator.open_gap
            if gap is not None and gap.partly:
                self.writer.gap(session.clock(), 0.0, gap.reason, partly=True)
            if self.matching is None:
                self._unwatch = session.watch(self._all, on_expired=self._seen)
            else:
                self._unwatch = session.watch(self._some, self._choose_expired, self._choose)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the recording; returns when the file is complete."""
        self._session.tap.prove(PROVEN_WITHIN)
        with self._session.lock:
            self._unwatch()
            gap = self._session.correlator.open_gap
            if gap is not None:
                # Whoever opens the capture is to know that it ends in one.
                lasted = max(0.0, self._session.clock() - gap.start)
                self.writer.gap(gap.start, lasted, gap.reason, partly=gap.partly)
            elif self._session.status.up:
                self.writer.seen(self._session.seen_until())
        self.writer.close()

    def _all(self, message: Message, exchange: Exchange) -> None:
        if message.kind is _GAP:
            self._gap(exchange)
        else:
            self._write(message, exchange)

    def _some(self, message: Message, exchange: Exchange) -> None:
        if message.kind is _GAP:
            self._gap(exchange)
        elif exchange.number in self._chosen:
            self._write(message, exchange)
        else:
            self._choose(exchange)

    def _seen(self, _expired: Exchange) -> None:
        """A request has run out of time: whoever reads the capture is to know that this time has passed."""
        self.writer.seen(self._session.seen_until())

    def _choose_expired(self, exchange: Exchange) -> None:
        self._choose(exchange)
        self._seen(exchange)

    def _choose(self, exchange: Exchange) -> None:
        """Record an exchange from now on, and what there is of it, if it matches now."""
        if self.matching is None or exchange.number in self._chosen or not self.matching(exchange):
            return
        remember(self._chosen, exchange.number, None, _MOST_REMEMBERED)
        for message in exchange.messages:
            self._write(message, exchange)

    def _write(self, message: Message, exchange: Exchange) -> None:
        """Write a message, once: in other dialects one may tell of several exchanges, and is told of with each.

        So may the answer to a request that was passed on.
        """
        passed_on = message.exchange != exchange.number or exchange.aside.passes_on is not None
        if message.dialect != DAEBUS or passed_on:
            if message.seq in self._shared:
                return
            remember(self._shared, message.seq, None, _MOST_REMEMBERED)
        # What was seen before a step and is written after it has its time by the clock of then.
        ahead = sum(seconds for seq, seconds in self._steps if message.seq < seq) if self._steps else 0.0
        self.writer.write(message.at + ahead, message.channel, message.data)

    def _gap(self, exchange: Exchange) -> None:
        """Write the gap when it has ended; until then nothing comes anyway, unless a part is seen."""
        gap = exchange.aside.gap
        if gap is not None and not gap.lost and gap.end is not None and gap.end != exchange.opened.at:
            self._steps.append((exchange.opened.seq, gap.end - exchange.opened.at))
        if gap is not None and (gap.partly or gap.end is not None):
            self.writer.gap(gap.start, gap.seconds or 0.0, gap.reason, partly=gap.partly, lost=gap.lost)
