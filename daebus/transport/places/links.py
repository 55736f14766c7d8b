"""Connections to several servers, which are asked the same side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.link import Link

from .route import Place

CONNECT_WITHIN = 0.5
"""Seconds that connecting to one of them may take: others wait meanwhile."""
AWAY_FOR = 1.0
"""Seconds for which one that could not be connected to is not tried again."""

Told = dict[Place, "list[Any] | RedisUnavailable"]
"""The replies of each, or why there are none."""


class Links:
    """For any thread, one at a time. `address_of(place)` says how to connect to a server there."""

    def __init__(self, address_of: Callable[[Place], RedisAddress], name: str) -> None:
        self._address_of = address_of
        self._name = name
        self._lock = threading.Lock()
        self._links: dict[Place, Link] = {}
        self._away: dict[Place, tuple[float, RedisUnavailable]] = {}

    def ask(self, places: Iterable[Place], data: bytes, wanted: int, within: float) -> Told:
        """Send the packed commands, which have so many replies, to each; waits `within` seconds for all of them."""
        told: Told = {}
        with self._lock:
            asked: list[tuple[Place, Link]] = []
            for place in dict.fromkeys(places):
                try:
                    link = self._link(place, min(within, CONNECT_WITHIN))
                    asked.append((place, link))
                    link.send(data, time.monotonic() + within)
                except RedisUnavailable as error:
                    told[place] = self._drop(place, error)
            until = time.monotonic() + within
            for place, link in asked:
                if place in told:
                    continue
                try:
                    told[place] = [link.next_reply(until) for _ in range(wanted)]
                except RedisUnavailable as error:
                    told[place] = self._drop(place, error)
        return told

    def _link(self, place: Place, within: float) -> Link:
        link = self._links.get(place)
        if link is None:
            since, error = self._away.get(place, (0.0, None))
            if error is not None and time.monotonic() < since + AWAY_FOR:
                raise error
            try:
                link = self._address_of(place).link(self._name, time.monotonic() + within)
            except RedisUnavailable as failed:
                self._away[place] = time.monotonic(), failed
                raise
            self._away.pop(place, None)
            self._links[place] = link
        return link

    def _drop(self, place: Place, error: RedisUnavailable) -> RedisUnavailable:
        link = self._links.pop(place, None)
        if link is not None:
            link.close()
        return error

    def __del__(self) -> None:
        for link in self._links.values():
            link.socket.close()

    def abandon(self) -> None:
        """In a forked child: let go of its copies, which ends nothing on the parent's side."""
        self._lock = threading.Lock()
        for link in self._links.values():
            link.socket.close()
        self._links, self._away = {}, {}

    def close(self) -> None:
        """Give all of them back; asked again, it connects again."""
        with self._lock:
            for link in self._links.values():
                link.close()
            self._links.clear()
            self._away.clear()
