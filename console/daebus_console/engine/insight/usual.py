"""Whether an exchange is like the others of its action, told of those that somebody looks at. Pure.

Nothing is done as messages pass. Whoever looks asks about the exchanges before him, which has their actions learned:
from the newest that are remembered, in bites, and anew from time to time, since what is usual today need not be so
tomorrow. Until then nothing is told of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from daebus_console.engine.insight.departing import Departure
from daebus_console.engine.insight.shapes import Place, Shapes
from daebus_console.engine.message.exchange import Exchange, Flag, Kind

Unlike = Sequence[tuple[Place, Departure]]
"""Where the messages of an exchange depart from what most of their like are; empty where they do not."""

LEARNED_FROM = 300
"""The newest exchanges of an action, from which it is learned."""
LOOKED_THROUGH = 100_000
"""How many of the newest are looked through for them."""
ANEW_AFTER = 30.0
"""Seconds after which an action is learned anew, where there was anything new."""
LARGEST = 64 * 1024
"""Bytes of an exchange; what is larger is neither learned from nor judged."""
AT_ONCE = 25
"""How many are judged between two bites at most; the others have to wait."""
_MOST_ACTIONS = 100
_MOST_KEPT = 4_000
_BITE = 256
_LEARNED_AT_ONCE = 4
_KINDS = (Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST)
_NONE: Unlike = ()

Key = tuple[str, str | None]


class Kept(Protocol):
    """Exchanges by their numbers, which rise: what the journal has."""

    @property
    def first(self) -> int:
        """The number of the oldest that is here."""
        ...

    @property
    def last(self) -> int:
        """The number of the newest there was."""
        ...

    def between(self, first: int, last: int) -> list[Exchange]:
        """Those numbered so, both included, as far as they are here."""
        ...


class Usual:
    """What is usual of the actions that are looked at, among the exchanges that are `kept`.

    `version` grows whenever what is told may have changed.
    """

    def __init__(self, kept: Kept) -> None:
        self.version = 0
        self._kept = kept
        self._known: dict[Key, Shapes] = {}
        self._wanted: dict[Key, None] = {}
        """The actions that were asked about since they were learned."""
        self._learning: dict[Key, tuple[Shapes, int]] = {}
        """Those that are being learned, and how many more exchanges of each are wanted."""
        self._found: list[Exchange] = []
        """What is still to be learned from."""
        self._scan = self._stop = 0
        self._learned_at = 0.0
        self._learned_to = 0
        self._told: dict[int, tuple[int, Unlike]] = {}
        self._left = AT_ONCE

    def of(self, exchange: Exchange) -> Unlike | None:
        """Where it departs from what is usual; None where it is not known yet, and will be if asked again."""
        if exchange.kind not in _KINDS or exchange.flags & Flag.CONTROL or exchange.size > LARGEST:
            return _NONE
        key = exchange.target or "", exchange.action
        if key not in self._wanted and len(self._wanted) < _MOST_ACTIONS:
            self._wanted[key] = None
        shapes = self._known.get(key)
        if shapes is None:
            return _NONE
        told = self._told.get(exchange.number)
        if told is not None and told[0] == exchange.replies:
            return told[1]
        if self._left <= 0:
            return None
        self._left -= 1
        found = shapes.departing(exchange) or _NONE
        if len(self._told) >= _MOST_KEPT:
            self._told.clear()
        self._told[exchange.number] = exchange.replies, found
        return found

    def work(self, budget: float, now: float, lock: AbstractContextManager[object]) -> None:
        """Learn what is wanted, for about `budget` seconds; to be called now and then. `now` is in epoch seconds."""
        self._left = AT_ONCE
        if not self._learning and not self._begin(now):
            return
        until = time.perf_counter() + budget
        while self._learning:
            if self._found:
                self._learn()
            elif self._scan > self._stop and any(left for _shapes, left in self._learning.values()):
                with lock:
                    found = self._kept.between(max(self._scan - _BITE, self._stop) + 1, self._scan)
                self._scan -= _BITE
                self._look_through(found)
            else:
                self._end(now)
            if time.perf_counter() > until:
                return

    def _begin(self, now: float) -> bool:
        """Choose what is to be learned; False where nothing is."""
        last = self._kept.last
        wanted = [key for key in self._wanted if key not in self._known]
        if not wanted:
            if last == self._learned_to or 0 <= now - self._learned_at < ANEW_AFTER:
                return False
            wanted = list(self._wanted)
            # Those that nobody looks at any more are forgotten.
            self._known = {key: shapes for key, shapes in self._known.items() if key in self._wanted}
            self._wanted.clear()
            self._learned_at, self._learned_to = now, last
        self._learning = {key: (Shapes(), LEARNED_FROM) for key in wanted}
        self._scan, self._stop = last, max(self._kept.first - 1, last - LOOKED_THROUGH)
        return bool(wanted)

    def _look_through(self, exchanges: list[Exchange]) -> None:
        learning = self._learning
        for exchange in reversed(exchanges):
            key = exchange.target or "", exchange.action
            if key in learning and exchange.kind in _KINDS and exchange.size <= LARGEST:
                shapes, left = learning[key]
                if left:
                    learning[key] = shapes, left - 1
                    self._found.append(exchange)

    def _learn(self) -> None:
        for exchange in self._found[-_LEARNED_AT_ONCE:]:
            self._learning[exchange.target or "", exchange.action][0].add(exchange)
        del self._found[-_LEARNED_AT_ONCE:]

    def _end(self, now: float) -> None:
        self._known.update((key, shapes) for key, (shapes, _left) in self._learning.items())
        self._learning.clear()
        self._told.clear()
        self._learned_at = self._learned_at or now
        self.version += 1
