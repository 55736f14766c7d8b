"""What the taps of several nodes tell, each on its own thread, told on as by one tap of all of them.

Rules of this file: `telling` is held while the listener is called, and by whatever changes what is missing; so the
listener hears one thing at a time, as from one thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from daebus.transport.places.route import Place
from daebus_console.engine.live.shards.missing import Missing, What
from daebus_console.engine.live.shards.refusals import ShardRefusals
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions
from daebus_console.engine.live.sieve import Batch
from daebus_console.engine.live.tap import Listener


class Account:
    """Tells `listener` what it has to know, with the times of `clock`; `user` is who is refused. For any thread."""

    def __init__(self, listener: Listener, clock: Callable[[], float], user: str) -> None:
        self.telling = threading.RLock()
        self.up = False
        """Whether the listener has been told that all is read, but for what is missing."""
        self._listener, self._clock = listener, clock
        self._heard_at = 0.0
        self._nodes: set[Place] = set()
        self._reported: set[Place] = set()
        self._missing = Missing()
        self._refusals = ShardRefusals(user)
        self._refusal: str | None = None
        self._seen = threading.Condition()

    # What there is -------------------------------------------------------------------------------------------------

    @property
    def refused(self) -> bool:
        """Whether any node refuses channels."""
        return bool(self._refusals)

    @property
    def partly(self) -> bool:
        """Whether some of what there is is not read."""
        return self.up and (self._missing.any or self.refused)

    @property
    def missing(self) -> str | None:
        """Why some of it is missing, since when a node cannot be read at, or channels are on their way to another."""
        with self._seen:
            return self._missing.first if self.up and self._missing.any else None

    def misses(self, what: What | None) -> bool:
        """Whether that is missing."""
        return self._missing.has(what)

    def await_seen(self, seen: Callable[[], bool], within: float) -> None:
        """Wait until that is so, where all is well."""
        with self._seen:
            self._seen.wait_for(lambda: seen() or not self.up or self._missing.any or self.refused, within)

    @property
    def all_tried(self) -> bool:
        """Whether each node has said whether it is read at, and one is."""
        with self.telling:
            return self._reported >= self._nodes and not self._all_down()

    def _all_down(self) -> bool:
        return all(map(self._missing.has, self._nodes))

    # What becomes of nodes and channels ----------------------------------------------------------------------------

    def add(self, place: Place, subscriptions: ShardSubscriptions) -> None:
        """There is another node to be read at."""
        with self.telling:
            self._nodes.add(place)
            self._refusals.add(place, subscriptions)

    def drop(self, place: Place, channels: Iterable[str]) -> None:
        """A node is read at no more, and these channels not yet elsewhere."""
        with self.telling:
            self._nodes.discard(place)
            self._reported.discard(place)
            # Before they are read elsewhere, or they would be missing for good.
            self.lose(channels, self._missing.reason(place) or f"{place} has no slots any more")
            self.forget([place])
            self._refusals.drop(place)
            self._tell_refused()

    def lose(self, what: Iterable[What], reason: str) -> None:
        """These are not read from for now."""
        with self.telling:
            with self._seen:
                self._missing.lose(what, reason)
            self.tell_missing()

    def forget(self, what: Iterable[What]) -> None:
        """These are not wanted any more."""
        with self._seen:
            self._missing.forget(what)

    def find(self, what: Iterable[What]) -> None:
        """These are read from again."""
        with self.telling:
            with self._seen:
                self._missing.find(what)
                self._seen.notify_all()
            self.tell_missing()

    # What is told --------------------------------------------------------------------------------------------------

    def rise(self) -> None:
        """All that there is is read, unless all nodes have been lost by now."""
        with self.telling:
            if not self._all_down():
                self.up = True
                self._listener.on_up(self._clock())
                self.tell_missing()

    def fail(self, reason: str) -> None:
        """It is not known which nodes there are."""
        with self.telling:
            self._listener.on_down(self._clock(), reason)

    def idle(self, after: float) -> None:
        """Tell that nothing came, where it did not for so many seconds."""
        if time.monotonic() >= self._heard_at + after:
            with self.telling:
                self._listener.on_idle(self._clock())

    def batch(self, batch: Batch) -> None:
        """Messages arrived."""
        with self.telling:
            self._heard_at = time.monotonic()
            self._listener.on_batch(self._clock(), batch)

    def node_up(self, place: Place) -> None:
        """A node is read from, with all channels that it is asked for."""
        with self.telling:
            self._reported.add(place)
            self.find([place])

    def node_down(self, place: Place, reason: str) -> bool:
        """A node is not read from, or no longer; whether that goes for all by now."""
        with self.telling:
            self._reported.add(place)
            if place not in self._nodes:
                return False
            with self._seen:
                self._missing.lose([place], reason)
            if not self._all_down():
                self.tell_missing()
                return False
            self.up = self._missing.told = False
            self._listener.on_down(self._clock(), reason)
            return True

    def node_refuses(self, place: Place, *, refuses: bool) -> None:
        """A node refuses channels, or none any more."""
        with self.telling:
            self._refusals.set(place, refuses=refuses)
            self._tell_refused()

    def cause(self, cause: str) -> None:
        """Why a node was lost has become known."""
        with self.telling:
            self._listener.on_cause(self._clock(), cause)

    def tell_missing(self) -> None:
        """Tell whether a part is missing, where that has changed."""
        with self.telling:
            any_missing = self._missing.any
            if not self.up or any_missing == self._missing.told:
                return
            self._missing.told = any_missing
            if any_missing:
                self._listener.on_part_lost(self._clock(), self._missing.first)
            else:
                self._listener.on_part_back(self._clock())

    def tell_more_of_refusals(self) -> None:
        """Tell what is refused, where more is known of that by now."""
        with self.telling:
            if self._refusals.changed:
                self._tell_refused()

    def _tell_refused(self) -> None:
        """Tell what all nodes refuse, where that has changed."""
        refusal = self._refusals.tell()
        if refusal == self._refusal:
            return
        self._refusal = refusal
        if refusal is not None:
            self._listener.on_refused(self._clock(), refusal)
        else:
            self._listener.on_whole(self._clock())
