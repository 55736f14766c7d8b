"""Connections to several servers, which are asked the same side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable, TooLate, again
from daebus.transport.address import CONNECT_TIMEOUT, RedisAddress
from daebus.transport.link import Link
from daebus.transport.sockets.connection import INTERRUPTED
from daebus.transport.threads import begin

from .route import Place

CONNECT_WITHIN = 0.5
"""Seconds that connecting to one of them may take: others wait meanwhile."""
AWAY_FOR = 1.0
"""Seconds for which one that could not be connected to, or did not answer, is not tried again."""
_LOOKS_EVERY = 0.02
_TRIPS = 8
"""So often the way to a server is gone there and back, at most, to connect to it."""

Told = dict[Place, "list[Any] | RedisUnavailable"]
"""The replies of each, or why there are none."""


class Links:
    """For any thread. `address_of(place)` says how to connect to a server there.

    `_lock` guards the connections: what is asked on one of them by one thread at a time. It is not held while one is
    made, by one thread for all: those that do not answer keep nobody from asking the others. Who is asked for the first
    time is waited for; one that was away is connected to anew beside, and there when it is asked the next time.
    """

    def __init__(self, address_of: Callable[[Place], RedisAddress], name: str) -> None:
        self._address_of = address_of
        self._name = name
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._links: dict[Place, Link] = {}
        self._owing: set[Place] = set()
        """Those that have been asked something, and have not replied yet."""
        self._away: dict[Place, tuple[float, RedisUnavailable]] = {}
        self._beside_at: dict[Place, threading.Thread] = {}
        """What connects to each, or did, that nobody waits for."""
        self._ways: dict[Place, float] = {}
        """The seconds that it took to connect to each, when it took least, or that its replies show that it takes."""
        self._closes = self._drops = 0

    def ask(self, places: Iterable[Place], data: bytes, wanted: int, within: float, *, patient: bool = False) -> Told:
        """Send the packed commands, which have so many replies, to each; waits `within` seconds for all of them, and
        for one that is far away so much longer as it took to connect to it.

        One that did not answer lately is not asked: it is said of it what was wrong with it then. Where none is
        connected yet and `patient`, one is waited for as long as connecting may take: the way may be a long one.
        """
        several = list(dict.fromkeys(places))
        limit = min(within, CONNECT_WITHIN)
        while True:
            drops = self._drops
            self._connect(several, limit)
            if patient and not self._links:
                self._connect_slowly(several, limit)
            with self._lock:
                # Nobody asks but us: who did was interrupted, and what he is owed is not to be taken for our answer.
                for place in list(self._owing):
                    self._drop(place, ConnectionLost(INTERRUPTED))
                # What another one gave up meanwhile is to be connected to first.
                if drops == self._drops:
                    return self._asked(several, data, wanted, within)

    def _asked(self, places: Iterable[Place], data: bytes, wanted: int, within: float) -> Told:
        """Ask those that are connected. Called with `_lock` held."""
        told: Told = {}
        begun = time.monotonic()
        asked: list[tuple[Place, Link]] = []
        for place in places:
            link = self._links.get(place)
            if link is None:
                told[place] = self._why_away(place)
                continue
            try:
                asked.append((place, link))
                self._owing.add(place)
                link.send(data, time.monotonic() + within)
            except RedisUnavailable as error:
                told[place] = self._drop(place, error)
        until = time.monotonic() + within
        for place, link in asked:
            if place in told:
                continue
            due = until + self._ways.get(place, 0.0)
            try:
                told[place] = [link.next_reply(due) for _ in range(wanted)]
            except RedisUnavailable as error:
                told[place] = self._drop(place, error)
            else:
                self._owing.discard(place)
                self._took(place, _TRIPS * (time.monotonic() - begun))
        return told

    @property
    def way(self) -> float:
        """How far away even the nearest of them is: the seconds that it took to connect to it."""
        return min(list(self._ways.values()), default=0.0)

    @property
    def longest_way(self) -> float:
        """The same for the farthest of those that are connected."""
        return max([self._ways.get(place, 0.0) for place in list(self._links)], default=self.way)

    def _took(self, place: Place, seconds: float) -> None:
        """It takes no longer than that to connect to a server: one that did stood still, and is not far away."""
        self._ways[place] = min(seconds, self._ways.get(place, seconds))

    def _is_missing(self, place: Place) -> bool:
        """Whether it is to be connected to."""
        if place in self._links:
            return False
        away = self._away.get(place)
        return away is None or time.monotonic() >= away[0] + AWAY_FOR

    def _why_away(self, place: Place) -> RedisUnavailable:
        away = self._away.get(place)
        return RedisUnavailable(f"Redis at {place} does not answer") if away is None else again(away[1])

    def _connect(self, places: Iterable[Place], within: float) -> None:
        """Connect to those that are missing, side by side. One that was away is waited for by nobody."""
        if not any(map(self._is_missing, places)):
            return
        with self._connecting:
            missing = [place for place in places if self._is_missing(place)]
            first: list[Place] = []
            for place in missing:
                away = self._away.get(place)
                if away is None:
                    first.append(place)
                else:
                    # It is tried once more; whoever asks goes on without it.
                    self._away[place] = time.monotonic(), away[1]
                    self._beside(place)
            threads = {place: self._aside(place, within) for place in first[1:]}
            for place in first:
                if threads.get(place) is None:
                    self._connect_to(place, within)
            for thread in filter(None, threads.values()):
                thread.join(2 * within)

    def _connect_slowly(self, places: Iterable[Place], begun: float) -> None:
        """Connect to those that took too long just now, for `begun` seconds; returns when there is one, at the latest
        after CONNECT_TIMEOUT."""
        for place in places:
            if isinstance(self._away.get(place, (0.0, None))[1], TooLate):
                self._beside(place)
        until = time.monotonic() + CONNECT_TIMEOUT - begun
        while not self._links and any(map(self._is_under_way, places)) and time.monotonic() < until:
            time.sleep(_LOOKS_EVERY)

    def _is_under_way(self, place: Place) -> bool:
        """Whether it is being connected to by a thread that nobody waits for."""
        thread = self._beside_at.get(place)
        return thread is not None and thread.is_alive()

    def _beside(self, place: Place) -> None:
        """Connect on a thread that nobody has to wait for, and which may take its time."""
        with self._lock:
            if not self._is_under_way(place) and (thread := self._aside(place, CONNECT_TIMEOUT)) is not None:
                self._beside_at[place] = thread

    def _aside(self, place: Place, within: float) -> threading.Thread | None:
        """Connect on a thread of its own; None where none is to be had."""
        thread = threading.Thread(target=self._connect_to, args=(place, within), name="daebus-connecting", daemon=True)
        try:
            begin(thread)
        except RuntimeError:
            return None
        return thread

    def _connect_to(self, place: Place, within: float) -> None:
        closes, begun = self._closes, time.monotonic()
        try:
            link = self._address_of(place).link(self._name, begun + within)
        except RedisUnavailable as failed:
            self._away[place] = time.monotonic(), failed
            return
        took = time.monotonic() - begun
        with self._lock:
            self._took(place, took)
            self._away.pop(place, None)
            kept = closes == self._closes and self._links.setdefault(place, link) is link
        if not kept:
            link.close()

    def _drop(self, place: Place, error: RedisUnavailable) -> RedisUnavailable:
        """Give a connection up; where it just does not answer, the server is left alone for a while."""
        self._drops += 1
        if not isinstance(error, ConnectionLost):
            self._away[place] = time.monotonic(), error
        link = self._links.pop(place, None)
        if link is not None:
            link.close()
        self._owing.discard(place)
        return error

    def __del__(self) -> None:
        for link in self._links.values():
            link.socket.close()

    def abandon(self) -> None:
        """In a forked child: let go of its copies, which ends nothing on the parent's side."""
        self._lock, self._connecting = threading.Lock(), threading.Lock()
        for link in self._links.values():
            link.socket.close()
        self._links, self._away, self._owing, self._beside_at = {}, {}, set(), {}

    def close(self) -> None:
        """Give all of them back; asked again, it connects again."""
        with self._lock:
            self._closes += 1
            for link in self._links.values():
                link.close()
            self._links.clear()
            self._owing.clear()
            self._away.clear()
