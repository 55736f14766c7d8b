"""How old what is read may be where whoever reads stood still: stopped, suspended with its machine, kept from running.

What came meanwhile lies in the socket, and looks as if it came now. Pure: times come from outside.
"""

from __future__ import annotations

import math

SHORT = 1.0
"""Seconds that may be between two looks at a socket, other than those it was waited at: it takes as long to notice."""


class Standstill:
    """The latest one, on one connection: from when nothing was read to when nothing was left to be read."""

    def __init__(self) -> None:
        self._looked_at = math.inf
        self._since = self._noticed_at = math.inf
        self._over_at = -math.inf

    def looked(self, begun: float, wait: float, now: float, *, came: bool) -> None:
        """It was waited for something to read for so long at most, from then to now; whether something came."""
        stood_since = min(self._looked_at, begun)
        self._looked_at = now
        if now - stood_since > wait + SHORT:
            if self._over_at < math.inf:
                self._since, self._noticed_at, self._over_at = stood_since, now, math.inf
        elif not came and self._over_at == math.inf:
            self._over_at = now

    def here_since(self, at: float) -> float:
        """Since when a message may have been here that was handed on at that time."""
        if self._noticed_at <= at <= self._over_at:
            return self._since
        # It may have stood still with what it had read.
        return self._looked_at if at - self._looked_at > SHORT else at
