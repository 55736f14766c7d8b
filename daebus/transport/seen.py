"""What came lately: at another node of a cluster it may come once more.

Each node hands a message out when it has reached it. Who has read it at one node and is at another a moment later would
get it there again, and handle it twice.
"""

from __future__ import annotations

LATE = 2.0
"""Seconds by which a message may reach one node later than another."""
LATEST = 60.0
"""The same for one that was stopped for a while; see `SeenLong`."""


class Seen:
    """The messages of the last seconds, by their hashes. Pure: times come from outside."""

    def __init__(self) -> None:
        self._now: set[int] = set()
        self._before: set[int] = set()
        self._turned_at = 0.0
        self._elsewhere: frozenset[int] = frozenset()
        self._until = 0.0

    def moved(self, now: float) -> None:
        """From now on messages come from another node."""
        self._elsewhere = frozenset(self._now | self._before)
        self._until = now + LATE

    def is_new(self, channel: bytes, data: bytes, now: float) -> bool:
        """Whether a message that comes now has not come from the node before."""
        key = hash((channel, data))
        if now < self._until and key in self._elsewhere:
            return False
        if now >= self._turned_at + LATE:
            self._before, self._now, self._turned_at = self._now, set(), now
        self._now.add(key)
        return True


class SeenLong(Seen):
    """The same where a node that was stopped may hand out much later what it had handed out to us before.

    For sharded Pub/Sub: when it goes on it passes that on to the node that has its slots by now. Of what may well be
    sent twice alike, since nothing in it says which it is, that is not assumed for so long.
    """

    _long_until = 0.0

    def moved(self, now: float) -> None:
        """See `Seen`."""
        before = self._elsewhere if now < self._long_until else frozenset()
        super().moved(now)
        self._elsewhere |= before
        self._long_until = now + LATEST

    def is_new(self, channel: bytes, data: bytes, now: float) -> bool:
        """See `Seen`."""
        if now < self._long_until and b'"request_id"' in data and hash((channel, data)) in self._elsewhere:
            return False
        return super().is_new(channel, data, now)
