"""Which channels are to be read, and at which node of a cluster each of them is.

For any thread: its lock is held for moments, and nobody is called meanwhile who may wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from daebus.transport.places.route import Place
from daebus.wire.sharded import ANNOUNCED
from daebus_console.engine.live.shards.found import Found, is_exact

MOVED_LATELY = 2.0
"""Seconds for which a node that a channel has left may hand out more of it."""


class Node(Protocol):
    """Where channels are read."""

    def follow(self, channels: Iterable[str]) -> None:
        """Read these."""

    def unfollow(self, channels: Iterable[str]) -> None:
        """Read these no more."""


class Homes:
    """Channels that were named, and those that the patterns match and somebody is at. `owner_of(channel)` is where one
    belongs, None where that is not known."""

    def __init__(self, patterns: Iterable[str], owner_of: Callable[[str], Place | None]) -> None:
        patterns = tuple(patterns)
        self._owner_of = owner_of
        self._lock = threading.Lock()
        self._nodes: dict[Place, Node] = {}
        self._found = Found(patterns)
        self._named = {ANNOUNCED, *filter(is_exact, patterns)}
        self._homes: dict[str, Place | None] = dict.fromkeys(self._named)
        self._adrift: set[str] = set(self._named)
        self._moved_at = float("-inf")

    # What is to be read

    def follow(self, channels: Iterable[str]) -> None:
        """Read these, whoever is there."""
        with self._lock:
            for channel in channels:
                self._named.add(channel)
                self._take_up(channel)

    def unfollow(self, channels: Iterable[str]) -> list[str]:
        """Read these no more; those that had been."""
        left: list[str] = []
        with self._lock:
            for channel in channels:
                self._named.discard(channel)
                if channel in self._homes:
                    self._leave(channel)
                    left.append(channel)
        return left

    def hear_of(self, channels: Iterable[str], *, any_name: bool) -> None:
        """Somebody is there, or will be in a moment: read those that the patterns match, or `any_name`."""
        with self._lock:
            names = [name for name in channels if any_name or self._found.matches(name)]
            for channel in self._found.heard(time.monotonic(), names):
                self._take_up(channel)

    def polled(self, listed: Collection[str], counts: Mapping[str, int]) -> list[str]:
        """These are all channels that there are, some of them counted; returns those that are read no more."""
        with self._lock:
            new, gone = self._found.polled(time.monotonic(), listed, counts)
            for channel in new:
                self._take_up(channel)
            gone = [channel for channel in gone if channel not in self._named and channel in self._homes]
            for channel in gone:
                self._leave(channel)
        return gone

    def _take_up(self, channel: str) -> None:
        if channel not in self._homes:
            self._homes[channel] = None
            self._adrift.add(channel)

    def _leave(self, channel: str) -> None:
        home = self._homes.pop(channel)
        self._adrift.discard(channel)
        if home in self._nodes:
            self._nodes[home].unfollow([channel])

    def has(self, channel: str) -> bool:
        """Whether a channel is to be read."""
        return channel in self._homes

    def home(self, channel: str) -> Place | None:
        """Where it is read, or asked for."""
        return self._homes.get(channel)

    def all(self) -> list[tuple[str, Place | None]]:
        """Each channel that is to be read, with that."""
        return list(self._homes.copy().items())

    @property
    def moved_lately(self) -> bool:
        """Whether a node may hand out something of a channel that has left it."""
        return time.monotonic() < self._moved_at + MOVED_LATELY

    # Where it is read

    @property
    def adrift(self) -> bool:
        """Whether any is read nowhere."""
        return bool(self._adrift)

    def add(self, place: Place, node: Node) -> None:
        """There is a node."""
        with self._lock:
            self._nodes[place] = node

    def at(self, place: Place) -> list[str]:
        """The channels that are read at a node."""
        return [channel for channel, home in self.all() if home == place]

    def drop(self, place: Place) -> None:
        """A node is none any more: what it had is read nowhere."""
        with self._lock:
            del self._nodes[place]
            self._adrift.update(channel for channel, home in self._homes.items() if home == place)

    def astray(self) -> list[str]:
        """The channels that belong to another node than that at which they are read."""
        return [
            channel
            for channel, home in self.all()
            if home is not None and self._owner_of(channel) not in (home, None)
        ]  # fmt: skip

    def cast_off(self, channels: Iterable[str]) -> None:
        """These are read no more where they were."""
        with self._lock:
            for channel in channels:
                home = self._homes.get(channel)
                if home is not None:
                    self._adrift.add(channel)
                    if home in self._nodes:
                        self._nodes[home].unfollow([channel])

    def settle(self) -> None:
        """Have each channel that is read nowhere read where it belongs, as far as that is known."""
        with self._lock:
            for channel in list(self._adrift):
                place = self._owner_of(channel)
                if place is None or place not in self._nodes:
                    continue
                before = self._homes[channel]
                if before is not None:
                    self._moved_at = time.monotonic()
                    if before in self._nodes:
                        self._nodes[before].unfollow([channel])
                self._homes[channel] = place
                self._adrift.discard(channel)
                self._nodes[place].follow([channel])
