"""Where is asked where nobody has said where: at the running service's Redis, which may be another at the next call.

An app that stops and starts again at another Redis takes the callers of its program along; of two apps at two of them
each asks at its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from daebus import context
from daebus.transport.bus import Bus, RedisBus, chosen_bus
from daebus.transport.fork import mind_the_end


class Leaves(Protocol):
    """What asks at one bus."""

    @property
    def pending(self) -> int: ...

    def close(self, *, now: bool) -> None:
        """Close; it may be used again."""

    def leave(self, *, now: bool) -> None:
        """Close for good."""


Lane = TypeVar("Lane", bound=Leaves)


def meant() -> Bus | None:
    """The bus of the service at hand, or of the one that this process runs; None where there is none."""
    runtime = context.current_runtime()
    return None if runtime is None else runtime.bus


def located(bus: Bus | None, *, sharded: bool) -> Bus:
    """That bus; where there is none, the Redis of the environment, which is to be `sharded` or not."""
    return chosen_bus(sharded=sharded) if bus is None else bus


def place_of(bus: Bus) -> object:
    """The same for two that are at the same place: each start of a service has one of its own."""
    return bus.address if isinstance(bus, RedisBus) else bus


class Lanes(Generic[Lane]):
    """What asks at each of the buses that are meant, as `make(bus)` makes it; left when no service is there any more.

    Where no service runs that is the Redis of the environment, which is to be `sharded` or not.
    """

    def __init__(self, make: Callable[[Bus], Lane], *, sharded: bool) -> None:
        self._make = make
        self._sharded = sharded
        self.begin()

    def begin(self) -> None:
        """Begin anew, as after a fork: what there was is let go."""
        self._lock = threading.Lock()
        self._lanes: dict[object, Lane] = {}
        self._last: tuple[Bus | None, Lane] | None = None

    @property
    def pending(self) -> int:
        """How many calls wait for an answer."""
        with self._lock:
            return sum(lane.pending for lane in self._lanes.values())

    def close(self, *, now: bool) -> None:
        """Close all of them, now or when the calls that wait have ended."""
        with self._lock:
            lanes = list(self._lanes.values())
            if now:
                self._lanes.clear()
            # The environment may say something else when it is asked again.
            self._last = None
        for lane in lanes:
            if now:
                lane.leave(now=True)
            else:
                lane.close(now=False)

    def here(self) -> Lane:
        """The one at the bus that is meant here and now. Asked for each message."""
        bus, last = meant(), self._last
        if last is not None and last[0] is bus:
            return last[1]
        return self._found(bus)

    def _found(self, bus: Bus | None) -> Lane:
        mind_the_end()
        there = located(bus, sharded=self._sharded)
        place = place_of(there)
        with self._lock:
            used = {place, *(place_of(each.bus) for each in context.all_running())}
            left = [self._lanes.pop(each) for each in list(self._lanes) if each not in used]
            lane = self._lanes.get(place)
            if lane is None:
                lane = self._lanes[place] = self._make(there)
            self._last = bus, lane
        for each in left:
            each.leave(now=False)
        return lane
