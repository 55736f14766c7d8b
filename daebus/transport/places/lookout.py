"""Keeping watch over the servers behind one URL: which of them are places to be, and who is to be told to move.

A connection does not notice that its server has been replaced: it stays open, and answers. So whoever connects has
itself guarded here. One thread a URL looks each second, as long as somebody is guarded.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from daebus.errors import TooLate
from daebus.transport.address import CONNECT_TIMEOUT, RedisAddress
from daebus.transport.fork import begins_anew
from daebus.transport.proof import Greeting
from daebus.transport.threads import begin, in_time

from .links import Links
from .route import Place

log = logging.getLogger("daebus")

PATIENCE = 1.0
"""Seconds that one of several servers may take to be connected to, where the way is not known to be a long one."""
LOOK_EVERY = 0.5
"""Seconds between two looks."""
SETTLES_WITHIN = 3.0
"""Seconds in which those who were at a server that is no more are at another one."""
LOOKED_WITHIN = 2.0
"""Seconds that a look may take, and one before it that another thread has begun, where servers do not answer."""
ASKS = 4
"""So often servers may be asked in a row before something is found out."""
LINGERS = 4
"""So many looks the thread goes on where nobody is guarded any more."""

End = Callable[[str], object]


def _is_over(end: Any) -> bool:
    return bool(getattr(end.__self__, "is_over", False))


def _patience_for(seconds: float) -> float:
    """That with one to which it took so long to connect once, or to one of those that know of it."""
    return min(3 * seconds, CONNECT_TIMEOUT)


class Lookout(ABC):
    """What is known of the servers behind one URL. For any thread."""

    def __init__(self, where: str, links: Links) -> None:
        self.where = where
        """How the URL is shown."""
        self.links = links
        self.changed_at = 0.0
        """When a server was replaced or lost, as far as is known (a time of `time.monotonic()`)."""
        self._patience = PATIENCE
        self._was_in_time = False
        self._begin()
        begins_anew(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._looked_at = -math.inf
        self._guarded: dict[weakref.WeakMethod[End], tuple[Place, int | None]] = {}
        self._stirred = threading.Event()
        self._thread: threading.Thread | None = None

    def after_fork(self) -> None:
        """Where the threads are gone that there were, and the connections are the parent's."""
        self.links.abandon()
        self._begin()

    def took(self, seconds: float) -> None:
        """One of the servers has been connected to, which took so long. Where the way is long, it is that again."""
        self._was_in_time = True
        self._patience = max(PATIENCE, _patience_for(seconds))

    def was_late(self, given: float) -> bool:
        """One was not in time, which was given so many seconds; whether it is to have more now, since none ever was.

        The way may be a long one. That tells nothing where there was less time for it than one may take.
        """
        if self._was_in_time or given >= CONNECT_TIMEOUT:
            return False
        if given >= self.patience:
            self._patience = min(2 * given, CONNECT_TIMEOUT)
        return True

    @property
    def patience(self) -> float:
        """Seconds that one of the servers may take to be connected to: others may be there."""
        return max(self._patience, _patience_for(self.links.way))

    @property
    def longer(self) -> float:
        """Seconds by which it may take longer to find something out, since the way to one of them is a long one."""
        return ASKS * self.links.longest_way

    @abstractmethod
    def candidates(self) -> list[tuple[Place, RedisAddress]]:
        """The servers to connect to, the best first; raises RedisUnavailable where none is known."""

    @abstractmethod
    def misfit(self, greeting: Greeting) -> str | None:
        """Why a server that greets so is none to be connected to."""

    @abstractmethod
    def look(self) -> None:
        """Find out how things stand."""

    def look_after(self, then: float, until: float = math.inf) -> None:
        """The same, unless somebody has begun to since (a time of `time.monotonic()`): many may want it at once.

        Returns `until` then at the latest; what is not found out by then is found out beside.
        """
        with suppress(TooLate):
            in_time(partial(self._look_once, then), until, LOOKED_WITHIN + self.longer, "how things stand")

    def _look_once(self, then: float) -> None:
        with self._looking:
            if self._looked_at <= then:
                self._looked_at = time.monotonic()
                self.look()

    @abstractmethod
    def wrong_with(self, place: Place) -> str | None:
        """Why a server is no place to be any more, as far as is known."""

    def misses(self, place: Place, slot: int) -> str | None:  # noqa: ARG002 - a cluster does
        """Why a server is no place for what belongs to a slot of a cluster."""
        return self.wrong_with(place)

    def guard(self, place: Place, end: End, slot: int | None = None) -> None:
        """Have the method `end(reason)` called, on any thread, when that server is no place to be any more.

        With a `slot`, when it has that slot no more, either. As long as the object lives that it is of, and is not
        over by itself: where it says so, it `is_over`.
        """
        with self._lock:
            self._guarded[weakref.WeakMethod(end)] = place, slot
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="daebus-lookout", daemon=True)
                try:
                    begin(thread)
                except RuntimeError:
                    return
                self._thread = thread
        self.tell()

    def tell(self) -> None:
        """End what is at servers that are no places to be."""
        ends: list[tuple[End, str]] = []
        with self._lock:
            for method, (place, slot) in list(self._guarded.items()):
                end = method()
                if end is not None and _is_over(end):
                    end = None
                reason = None if end is None else self._wrong_for(place, slot)
                if end is None or reason is not None:
                    del self._guarded[method]
                if end is not None and reason is not None:
                    ends.append((end, reason))
        for end, reason in ends:
            try:
                end(reason)
            except Exception:
                log.exception("a connection to %s could not be ended", self.where)

    def _wrong_for(self, place: Place, slot: int | None) -> str | None:
        return self.wrong_with(place) if slot is None else self.misses(place, slot)

    def _attend(self) -> None:  # noqa: B027 - a cluster does
        """Do what else is to be done on the thread that looks; called each time when it is stirred."""

    def _pause(self, until: float) -> None:
        """Wait until then, unless there is something to attend to."""
        while (left := until - time.monotonic()) > 0 and self._stirred.wait(left):
            self._stirred.clear()
            try:
                self._attend()
            except Exception:
                log.exception("attending to %s failed in a way it should not; going on", self.where)

    def _run(self) -> None:
        idle = 0
        while True:
            begun = time.monotonic()
            try:
                self.look()
                self.tell()
            except Exception:
                log.exception("looking after %s failed in a way it should not; going on", self.where)
            with self._lock:
                idle = 0 if self._guarded else idle + 1
                if idle > LINGERS:
                    self._thread = None
                    break
            self._pause(max(time.monotonic() + 0.05, begun + LOOK_EVERY))
        self.links.close()
