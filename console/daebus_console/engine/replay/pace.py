"""When each message of a replay is due, and how well that was kept. Pure; times are seconds of any clock."""

from __future__ import annotations

from dataclasses import dataclass

from daebus_console.engine.figures.histogram import Histogram


@dataclass(frozen=True)
class Pace:
    """As it was, `speed` times as fast; or `rate` a second; or, with `asap`, as soon as possible."""

    speed: float = 1.0
    rate: float | None = None
    asap: bool = False

    def due(self, index: int, offset: float) -> float:
        """Seconds after the start: of the message of that place (from 0), `offset` seconds after the first one."""
        if self.asap:
            return 0.0
        return index / self.rate if self.rate is not None else max(0.0, offset) / self.speed

    def seconds(self, count: int, span: float) -> float | None:
        """How long so many messages, once spread over `span` seconds, will take; None where only trying tells."""
        return None if self.asap else self.due(max(0, count - 1), span)


class Timing:
    """Schedules messages on a clock that may be paused, and measures how far each was off."""

    def __init__(self, pace: Pace, now: float) -> None:
        self.pace = pace
        self.errors = Histogram()
        """Seconds between when a message was due and when it was sent."""
        self._start = now
        self._paused_at: float | None = None
        self._first: float | None = None

    def pause(self, now: float) -> None:
        """Stop the clock."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        """Let it go on."""
        if self._paused_at is not None:
            self._start += now - self._paused_at
            self._paused_at = None

    def shift(self, seconds: float) -> None:
        """Have all that is still to come so much later."""
        self._start += seconds

    def due(self, index: int, at: float) -> float:
        """When the message of that place, first seen at `at`, is due."""
        if self._first is None:
            self._first = at
        return self._start + self.pace.due(index, at - self._first)

    def sent(self, due: float, now: float) -> None:
        """It was sent at `now`."""
        if not self.pace.asap:
            self.errors.add(abs(now - due))
