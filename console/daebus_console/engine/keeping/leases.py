"""Until when our leases on services last, and why one of them has ended. Hold the session's lock."""

from __future__ import annotations

import time
from typing import NamedTuple


class Lapse(NamedTuple):
    """That a lease was not renewed in time: when it ended (a time of `time.monotonic()`), and why."""

    ended: float
    why: str


class Leases:
    """Those that somebody has taken, and that are not known to have ended."""

    def __init__(self) -> None:
        self.renewed: dict[str, float] = {}
        """When that of each service was renewed last, by whoever was there."""
        self.told: dict[str, float] = {}
        """When each service was told our rules last, whether or not anybody was there."""
        self.failed = 0.0
        """When Redis could not be reached, the last time."""

    def forget(self, service: str) -> None:
        """It has none any more."""
        self.renewed.pop(service, None)
        self.told.pop(service, None)

    def lapse(self, service: str, lease: float) -> Lapse | None:
        """That it has lapsed, where it has: a lease lasts for so many seconds."""
        renewed = self.renewed.get(service)
        if renewed is None or time.monotonic() - renewed <= lease:
            return None
        why = "Redis was out of reach" if self.failed > renewed else "this console stood still"
        return Lapse(renewed + lease, f"the lease was not renewed for {lease:g} s, since {why}")
