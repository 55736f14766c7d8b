"""Which node of a cluster has which slot: as the nodes tell, and as one of them has said since.

For sharded Pub/Sub, where each channel belongs to the node that has its slot. For any thread.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from daebus.transport.fork import begins_anew
from daebus.wire.sharded import SLOTS

from .lookout import SETTLES_WITHIN
from .nodes import Node, View
from .route import Place

_BELIEVED_FOR = 2.0
"""Seconds for which a node that says where a slot has moved to is believed more than the others."""
_LEAVES_WITHIN = 1.0
"""Seconds in which a node itself ends the subscriptions of a slot that it has no more."""

_Table = list[Place | None]


class Slots:
    """The owners of all slots. `place_of(node)` says where a node is."""

    def __init__(self, place_of: Callable[[Node], Place]) -> None:
        self._place_of = place_of
        self.after_fork()
        self._seen: View | None = None
        self._read: View | None = None
        self._table: _Table | None = None
        self._told: dict[int, tuple[Place, float]] = {}
        self._moved_at: dict[int, float] = {}
        self._masters: frozenset[Place] = frozenset()
        begins_anew(self)

    def after_fork(self) -> None:
        """Where the threads are gone that there were: one of them may have been reading."""
        self._lock = threading.RLock()

    def take(self, seen: View) -> None:
        """How things stand by now. It is read when it is asked for."""
        self._seen = seen

    def _current(self) -> _Table | None:
        if self._seen is not self._read:
            with self._lock:
                seen = self._seen
                if seen is not None and seen is not self._read:
                    self._read_from(seen)
                    self._read = seen
        return self._table

    def _read_from(self, seen: View) -> None:
        table: _Table = [None] * SLOTS
        # Of two that both claim a slot, the one that the others do not reach knows no better.
        for node in sorted(seen.nodes, key=lambda one: (one.is_good, one.is_master, one.epoch)):
            place = self._place_of(node)
            for low, high in node.slots:
                table[low : high + 1] = [place] * (high + 1 - low)
        before, now = self._table, time.monotonic()
        if before is not None and before != table:
            for slot, (old, new) in enumerate(zip(before, table, strict=True)):
                if old != new:
                    self._moved_at[slot] = now
        self._table = table
        self._masters = frozenset(place for place in table if place is not None)
        for slot, (place, until) in list(self._told.items()):
            if table[slot] == place or now >= until:
                del self._told[slot]

    @property
    def known(self) -> bool:
        """Whether anything is known of them."""
        return self._current() is not None

    @property
    def masters(self) -> frozenset[Place]:
        """The nodes that have slots."""
        self._current()
        return self._masters

    def owner(self, slot: int) -> Place | None:
        """The node that has a slot, as far as is known."""
        told = self._told.get(slot)
        if told is not None and time.monotonic() < told[1]:
            return told[0]
        table = self._current()
        return None if table is None else table[slot]

    def moved(self, slot: int, place: Place) -> None:
        """A node says that it is `place` that has the slot."""
        with self._lock:
            now = time.monotonic()
            if self.owner(slot) != place:
                self._moved_at[slot] = now
            self._told[slot] = place, now + _BELIEVED_FOR

    def unsettled(self, slot: int) -> None:
        """Somebody is at a node that has not got the slot, unless that has been so for long."""
        # Where it has moved once more, whoever said where it is knew no better.
        self._told.pop(slot, None)
        now = time.monotonic()
        if now > self._moved_at.get(slot, -math.inf) + SETTLES_WITHIN + _BELIEVED_FOR:
            self._moved_at[slot] = now

    def has_long_left(self, slot: int, place: Place) -> bool:
        """Whether a slot has been at another node for some time."""
        owner = self.owner(slot)
        moved = owner is not None and owner != place
        return moved and time.monotonic() > self._moved_at.get(slot, -math.inf) + _LEAVES_WITHIN

    def is_settled(self, slot: int) -> bool:
        """Whether all who are at its owner have been there for some time."""
        return time.monotonic() > self.settles_at(slot)

    def settles_at(self, slot: int) -> float:
        """Until when somebody who was at the node before may be on the way (a time of `time.monotonic()`)."""
        return self._moved_at.get(slot, -math.inf) + SETTLES_WITHIN
