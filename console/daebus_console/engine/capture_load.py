"""From a capture into a correlator: what was recorded, as if it were seen now. Pure but for the file that is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from daebus_console.engine.capture_reader import CaptureReader
from daebus_console.engine.correlator import Correlator
from daebus_console.engine.exchange import Exchange, Message
from daebus_console.engine.frame import Frame

_STEP = 2_000
_ADVANCE_EVERY = 0.1


@dataclass
class Loaded:
    """What was loaded so far: counts, and the times of the first and the last of it in epoch seconds."""

    messages: int = 0
    gaps: int = 0
    first: float | None = None
    last: float = 0.0


def load_capture(
    reader: CaptureReader,
    correlator: Correlator,
    on_message: Callable[[Message, Exchange], None] | None = None,
    on_expired: Callable[[Exchange], None] | None = None,
) -> Loaded:
    """Feed all of the capture to the correlator, its own times being the clock.

    `on_message` is told each message with its exchange, gaps included; `on_expired` each request whose time ran out.
    What was pending at the end stays so. Raises CaptureError for a line beyond all reason.
    """
    *_steps, loaded = load_steps(reader, correlator, on_message, on_expired)
    return loaded


def load_steps(
    reader: CaptureReader,
    correlator: Correlator,
    on_message: Callable[[Message, Exchange], None] | None = None,
    on_expired: Callable[[Exchange], None] | None = None,
) -> Iterator[Loaded]:
    """The same in steps of some thousand messages, so that a lock can be given back or a screen be drawn in between.

    Yields the same object each time, after each step and at the end.
    """
    loaded = Loaded()
    feed = correlator.feed
    left, next_advance = _STEP, 0.0

    def advance(at: float) -> None:
        for exchange in correlator.advance(at):
            if on_expired is not None:
                on_expired(exchange)

    for item in reader:
        if isinstance(item, Frame):
            at, channel, data = item
            if at >= next_advance:
                advance(at)
                next_advance = at + _ADVANCE_EVERY
            message, exchange = feed(at, channel, data)
            if on_message is not None:
                on_message(message, exchange)
            loaded.messages += 1
        else:
            at = item.start
            advance(at)
            gap = correlator.lose(at, item.reason)
            correlator.resume(item.end if item.end is not None else at)
            if on_message is not None:
                on_message(gap.opened, gap)
            loaded.gaps += 1
        if loaded.first is None:
            loaded.first = at
        loaded.last = max(loaded.last, at)
        left -= 1
        if not left:
            left = _STEP
            yield loaded
    advance(loaded.last)
    yield loaded
