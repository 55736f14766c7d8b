"""What every bus for tests has: a record of what was published, who subscribes, and when all of it has been dealt with.

Rule of this file: `_lock` guards who subscribes, and is held for moments only; each subscriber has its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from daebus import context
from daebus.transport.bus import Bus
from daebus.waiting import bounded


class Published(NamedTuple):
    """A message as it was published; `at` is in epoch seconds."""

    at: float
    channel: str
    data: bytes


class Record:
    """Everything that was published, in order. Any thread may add, look and wait."""

    def __init__(self) -> None:
        self.entries: list[Published] = []
        self._changed = threading.Condition()

    def add(self, channel: str, data: bytes) -> None:
        """Note a message."""
        with self._changed:
            self.entries.append(Published(time.time(), channel, bytes(data)))
            self._changed.notify_all()

    def wait_for(self, told: Callable[[], bool], timeout: float) -> bool:
        """Wait until `told()`, which is asked again after each message; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(told, bounded(timeout))


class Settling:
    """Counts the messages that somebody has yet to deal with."""

    def __init__(self) -> None:
        self._unsettled = 0
        self._settled = threading.Condition()

    def expect(self) -> None:
        """One more is on its way."""
        with self._settled:
            self._unsettled += 1

    def settle_one(self) -> None:
        """One has been dealt with."""
        with self._settled:
            self._unsettled = max(0, self._unsettled - 1)
            self._settled.notify_all()

    def settle_all(self) -> None:
        """Nothing comes any more."""
        with self._settled:
            self._unsettled = 0
            self._settled.notify_all()

    def settle(self, timeout: float) -> bool:
        """Wait until every message so far has been dealt with; False after `timeout` seconds."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._unsettled, bounded(timeout))


class Subscriber(Protocol):
    """Whoever has channels subscribed."""

    def settle(self, timeout: float) -> bool:
        """Wait until it has dealt with all it got."""


class RecordingBus(Bus):
    """A bus for tests. `record` has all that went over it."""

    def __init__(self) -> None:
        self.record = Record()
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[Any]] = {}

    @property
    def published(self) -> list[tuple[str, bytes]]:
        """Everything that went over it, as (channel, bytes)."""
        return [(channel, data) for _at, channel, data in list(self.record.entries)]

    def subscribe(self, channels: Iterable[str], subscriber: Subscriber) -> None:
        """Used by listeners."""
        with self._lock:
            for channel in dict.fromkeys(channels):
                self._subscribers.setdefault(channel, []).append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Used by listeners."""
        with self._lock:
            for subscribers in self._subscribers.values():
                if subscriber in subscribers:
                    subscribers.remove(subscriber)

    def subscribers(self, channel: str) -> list[Any]:
        """Who in this process has the channel subscribed."""
        with self._lock:
            return list(self._subscribers.get(channel, ()))

    def settle(self, timeout: float) -> bool:
        """Wait until all services have dealt with what they got; False after `timeout` seconds."""
        until = time.monotonic() + timeout
        while True:
            with self._lock:
                subscribers = {id(one): one for several in self._subscribers.values() for one in several}
            services = context.running(self)
            if not all(subscriber.settle(until - time.monotonic()) for subscriber in subscribers.values()):
                return False
            if not all(service.rest(until) for service in services):
                return False
            # What those have sent meanwhile is to be dealt with, too.
            if all(one.settle(0) for one in subscribers.values()) and all(service.rest(0) for service in services):
                return True
