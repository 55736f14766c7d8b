"""When exchanges passed, by one clock: where that of whoever recorded them stepped, times go on from there. Pure."""

from __future__ import annotations

import math

from daebus_console.engine.message.exchange import Exchange


class Steady:
    """Takes exchanges, with the gaps between them, in the order in which they were opened."""

    def __init__(self) -> None:
        self._ahead = 0.0
        """By how many seconds the clock of now is ahead of that of the first."""
        self._latest = -math.inf

    def at(self, exchange: Exchange) -> float:
        """When it was opened, by the clock of the first of them; of a gap, what passed last."""
        gap = exchange.aside.gap
        if gap is None:
            at = exchange.opened.at - self._ahead
            self._latest = max(self._latest, at)
            return at
        if not gap.lost and gap.end is not None and self._latest > -math.inf:
            self._ahead = gap.end - self._latest
        return self._latest
