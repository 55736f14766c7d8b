"""How often something may be asked of a server, so that it takes no more than a share of the server's time. Pure."""

from __future__ import annotations

SHARE = 0.003
"""Of the server's time, for each kind of question."""
_DEAREST = 10e-6
"""Seconds a name that an answer can cost at most; whatever took longer was the way, or a busy machine."""


class Pace:
    """When the next question of a kind may be asked, by what the last one cost. Times are of `time.monotonic()`."""

    def __init__(self) -> None:
        self.due_at = 0.0

    def due(self, now: float) -> bool:
        """Whether it may be asked."""
        return now >= self.due_at

    def took(self, now: float, seconds: float, names: int) -> None:
        """The answer about that many names was there after so many seconds, the way not counted."""
        self.spent(now, self.cost(seconds, names))

    def spent(self, now: float, seconds: float) -> None:
        """So much of the server's time was spent until now."""
        self.due_at = now + seconds / SHARE

    @staticmethod
    def cost(seconds: float, names: int) -> float:
        """What an answer cost the server at most, by how long it took to come."""
        return min(max(0.0, seconds), names * _DEAREST)
