"""Whether whoever asked is still there to get the answer, as far as the channels that are subscribed to tell. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from daebus_console.engine.message import envelope as wire


class Askers:
    """Told of all channels that there are each time that these are listed. Time is in epoch seconds."""

    def __init__(self) -> None:
        self._channels: frozenset[str] = frozenset()
        self._before = self._last = -math.inf

    def listed(self, now: float, channels: Iterable[str]) -> None:
        """These are subscribed to, and no others."""
        self._channels = frozenset(filter(wire.is_reply_channel, channels))
        self._before, self._last = self._last, now

    def gone(self, reply_to: str | None, asked_at: float) -> bool:
        """Whether nobody waits any more for an answer on that channel to what was asked then."""
        if reply_to is None or not wire.is_reply_channel(reply_to):
            return False
        # What was listed last was asked for after that.
        return self._before > asked_at and reply_to not in self._channels
