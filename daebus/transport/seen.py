"""What came lately: at another node of a cluster it may come once more.

Each node hands a message out when it has reached it. Who has read it at one node and is at another a moment later would
get it there again, and handle it twice. A node that was stopped for a while, and goes on, even hands out much later
what others have handed out before.
"""

from __future__ import annotations

from daebus.wire.sharded import is_once_more

LATE = 2.0
"""Seconds by which a message may reach one node later than another, where both are up."""
STOPPED = 15.0
"""Seconds that a node may be stopped before the others give it up; by default Redis waits for so long."""
LATEST = 60.0
"""Seconds after a move in which a request may come that had come before it."""


class _Lately:
    """The hashes of what came in the last `seconds`, and at most as long before."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now: set[int] = set()
        self._before: set[int] = set()
        self._turned_at = 0.0

    def add(self, key: int, now: float) -> None:
        """It has come."""
        if now >= self._turned_at + self._seconds:
            long_ago = now >= self._turned_at + 2 * self._seconds
            self._before, self._now, self._turned_at = set() if long_ago else self._now, set(), now
        self._now.add(key)

    def all(self) -> frozenset[int]:
        """Of all that."""
        return frozenset(self._now | self._before)

    def __contains__(self, key: int) -> bool:
        return key in self._now or key in self._before


class Seen:
    """The messages of the last seconds, by their hashes. Pure: times come from outside.

    Requests are known for longer: they have ids. Of what may well be sent twice alike, since nothing in it says which
    it is, it is not assumed for so long that it is the same.
    """

    def __init__(self) -> None:
        self._lately = _Lately(LATE)
        self._requests = _Lately(STOPPED)
        self._elsewhere: frozenset[int] = frozenset()
        self._requests_elsewhere: frozenset[int] = frozenset()
        self._until = self._long_until = 0.0

    def moved(self, now: float) -> None:
        """From now on messages come from another node."""
        before = self._requests_elsewhere if now < self._long_until else frozenset()
        self._elsewhere = self._lately.all()
        self._requests_elsewhere = self._requests.all() | before
        self._until, self._long_until = now + LATE, now + LATEST

    def first(self, channel: bytes, data: bytes, now: float) -> bytes | None:
        """A message that comes now, as it was published first; None where it has come before.

        That is from another node, or where somebody has published a request once more, since nobody was there.
        """
        asks = b'"request_id"' in data
        again = asks and is_once_more(data)
        if again:
            data = data[:-1]
        key = hash((channel, data))
        known, until = (self._requests_elsewhere, self._long_until) if asks else (self._elsewhere, self._until)
        lately = self._requests if asks else self._lately
        if (now < until and key in known) or (again and key in lately):
            return None
        lately.add(key, now)
        return data
