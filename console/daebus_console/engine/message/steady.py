"""When things passed, by one clock: where that of whoever recorded them stepped, times go on from there. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from daebus_console.engine.message.exchange import Exchange, Flag, Message


class Steady:
    """Takes exchanges, with the gaps between them, in the order in which they were opened."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, float]] = []
        """After which message the clock stepped, and by how many seconds it is ahead of the first since."""
        self._latest = -math.inf

    def at(self, exchange: Exchange) -> float:
        """When it was opened, by the clock of the first of them; of a gap, what passed last."""
        gap = exchange.aside.gap
        if gap is None:
            at = latest = self.of(exchange.opened)
            if exchange.answer is not None and not exchange.flags & Flag.TIMELESS:
                latest = max(at, self.of(exchange.answer))
            if latest > self._latest:
                self._latest = latest
            return at
        if not gap.lost and gap.end is not None and self._latest > -math.inf:
            self._steps.append((exchange.opened.seq, gap.end - self._latest))
        return self._latest

    def of(self, message: Message, at: float | None = None) -> float:
        """When a message passed, or the time `at` of its clock, by that clock."""
        return (message.at if at is None else at) - self.ahead(message)

    def ahead(self, message: Message) -> float:
        """By how many seconds its clock is ahead."""
        if not self._steps:
            return 0.0
        return next((ahead for seq, ahead in reversed(self._steps) if seq < message.seq), 0.0)

    def has_stepped(self, exchanges: Iterable[Exchange]) -> bool:
        """Whether the clock stepped between these of them, or while one was under way."""
        ahead: set[float] = set()
        for exchange in exchanges:
            ahead.add(self.ahead(exchange.opened))
            if exchange.stepped or len(ahead) > 1:
                return True
        return False

    @property
    def now_ahead(self) -> float:
        """The same of the clock of now."""
        return self._steps[-1][1] if self._steps else 0.0
