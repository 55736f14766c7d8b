"""Who subscribes to a channel, asked before something is published there.

That is needed where the server that one publishes at does not know all: in a cluster each node counts its own, and
after a server was lost those who were there come to the new one a moment later. What is published first and found to be
unserved then may have been handled; what is asked first has not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from daebus.errors import TooLate
from daebus.transport.sockets.leader import Leadership
from daebus.transport.sockets.waiter import Waiter

from .cluster import ClusterLookout
from .lookout import SETTLES_WITHIN, Lookout
from .route import Place
from .sentinels import SentinelLookout

FRESH = 0.05
"""Seconds after which it is asked again whether somebody subscribes to a channel."""
KNOWN_FOR = 0.2
"""Seconds for which somebody is held to subscribe while that is being asked."""
ASK_AGAIN_AFTER = 0.05
_MOST_CHANNELS = 1000


class Presence:
    """What is known of it on one connection. For any thread."""

    def __init__(self) -> None:
        self._counting = Leadership()
        self.cluster: ClusterLookout | None = None
        self._sentinels: SentinelLookout | None = None
        self._settles_at = -math.inf
        self._known: dict[str, tuple[int, float, float]] = {}

    def connected(self, lookout: Lookout | None, *, again: bool) -> None:
        """There is a new connection; `again` is whether one before it was lost."""
        self._sentinels = lookout if isinstance(lookout, SentinelLookout) else None
        self.cluster = lookout if isinstance(lookout, ClusterLookout) else None
        self._settles_at = time.monotonic() + SETTLES_WITHIN if again else -math.inf
        if self._sentinels is not None:
            self._settles_at = max(self._settles_at, self._sentinels.settles_at)
        self._known.clear()

    @property
    def takes_asking(self) -> bool:
        """Whether it takes asking others to know if the server is the right one; see `misplaced`."""
        return self._sentinels is not None

    def misplaced(self, place: Place | None) -> str | None:
        """Why the server there is not the one to be at any more, asked anew: others may have moved before us."""
        sentinels = self._sentinels
        if sentinels is None or place is None:
            return None
        begun = time.monotonic()
        sentinels.look()
        sentinels.tell()
        wrong = sentinels.wrong_with(place)
        if wrong is None and sentinels.heard_at < begun:
            return "no sentinel tells whether it is the master still"
        return wrong

    def asks_first(self, now: float) -> bool:
        """Whether it is to be asked before something is published."""
        return self.cluster is not None or now < self._settles_at

    @property
    def settles_at(self) -> float:
        """Until when somebody may be on the way here."""
        cluster = self.cluster
        return self._settles_at if cluster is None else max(self._settles_at, cluster.changed_at + SETTLES_WITHIN)

    def known(self, channel: str, now: float, *, asked: bool = False, since: float = -math.inf) -> int | None:
        """How many subscribed a moment ago, where somebody did; with `asked` where somebody else asks anew just now.

        By a question asked after `since`.
        """
        number, noted_at, begun = self._known.get(channel, (None, -math.inf, -math.inf))
        return number if begun >= since and now < noted_at + (KNOWN_FOR if asked else FRESH) else None

    def note(self, channel: str, number: int | None, begun: float = -math.inf) -> None:
        """So many subscribe, by a question asked then."""
        if not number:
            self._known.pop(channel, None)
            return
        if len(self._known) >= _MOST_CHANNELS:
            self._known.clear()
        self._known[channel] = number, time.monotonic(), begun

    def find(
        self,
        channel: str,
        due: float,
        count: Callable[[], int | None],
        since: float = -math.inf,
        until: float = math.inf,
    ) -> int | None:
        """How many subscribe, by `count()`, which is asked again where somebody may be on the way; None: not known.

        One that was begun after `since` is good enough, whoever asked it: many wait for it together. Who has waited
        for another `until` then is TooLate.
        """
        while True:
            found = self.known(channel, time.monotonic(), asked=self._counting.leader is not None, since=since)
            if found is None:
                found = self._counted(channel, count, since, until)
            if found or not self.is_open(found, due):
                return found
            time.sleep(ASK_AGAIN_AFTER)

    def _counted(self, channel: str, count: Callable[[], int | None], since: float, until: float) -> int | None:
        """Ask for all that wait for it, or wait for the one that does."""
        waiter = Waiter()
        try:
            while True:
                leads = self._counting.join(
                    waiter, lambda: self.known(channel, time.monotonic(), since=since) is not None, until
                )
                found = self.known(channel, begun := time.monotonic(), since=since)
                if found is None and leads:
                    found = count()
                    self.note(channel, found, begun)
                if found is not None or leads:
                    return found
                if begun >= until:
                    raise TooLate("the time was over before it was found out who subscribes; nothing was sent")
        finally:
            try:
                self._counting.leave(waiter)
            finally:
                self._counting.leave(waiter)

    def is_open(self, found: int | None, due: float) -> bool:
        """Whether to ask again, where so many were found: somebody may be on the way."""
        if found is None and self.cluster is None:
            # It is one server, and does not say how many there are.
            return False
        return time.monotonic() + ASK_AGAIN_AFTER < min(due, self.settles_at)
