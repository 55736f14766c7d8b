# ruff: noqa: ARG002 - the bus in memory has no use for some arguments of the real one
"""A bus without a Redis server, inside the process, with fakeredis as its Redis."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.commands import Delivery, Kinds, Pending
from daebus.transport.listener import Listener
from daebus.transport.publisher import Publisher
from daebus.transport.url import DEFAULT_URL
from daebus.wire.names import decoded

from .commands import given
from .recording import RecordingBus, Settling

try:
    import fakeredis
except ImportError as error:
    raise ImportError("running services without Redis needs fakeredis: pip install 'daebus[testing]'") from error


class LocalListener(Settling, Listener):
    """Listens at a LocalBus: its messages come through a queue."""

    def __init__(self, bus: LocalBus, name: str, channels: Iterable[str], **options: Any) -> None:
        Settling.__init__(self)
        Listener.__init__(self, RedisAddress(DEFAULT_URL), name, channels, **options)
        self._bus = bus
        self._queue: queue.SimpleQueue[tuple[str, bytes] | threading.Event | None] = queue.SimpleQueue()
        """What is to be read: messages, events to set when all before them has been taken, and nudges."""

    def deliver(self, channel: str, data: bytes) -> None:
        """Called by the bus."""
        self.expect()
        self._queue.put((channel, data))

    @property
    def has_more(self) -> bool:
        """Whether messages wait."""
        return not self._queue.empty()

    def lead(
        self,
        take: Callable[[str, bytes], None],
        over: Callable[[], bool],
        idle: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """See `Listener`; a message is settled when `take` has come back."""
        while not (over() or self.finished):
            if not self.connected:
                self.connect()
            elif (message := self._next(None, idle)) is not None:
                try:
                    take(*message)
                finally:
                    self.settle_one()

    def next_message(
        self, deadline: float | None, idle: Callable[[], float] = lambda: math.inf
    ) -> tuple[str, bytes] | None:
        """See `Listener`; a message is settled when it has been taken."""
        message = self._next(deadline, idle)
        if message is not None:
            self.settle_one()
        return message

    def received(self) -> tuple[str, bytes] | None:
        """See `Listener`."""
        return self.next_message(0.0)

    def _next(self, deadline: float | None, idle: Callable[[], float]) -> tuple[str, bytes] | None:
        if self._queue.empty():
            idle()
        timeout = None if deadline is None else min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
        try:
            found = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(found, threading.Event):
            found.set()
            return None
        return found

    def nudge(self) -> None:
        """See `Listener`."""
        self._queue.put(None)

    def drain(self, deadline: float) -> bool:
        """See `Listener`."""
        self._bus.unsubscribe(self)
        # What is taken may take long to be dealt with; another thread reads on meanwhile.
        taken = threading.Event()
        self._queue.put(taken)
        in_time = self.settle(0) or taken.wait(max(0.0, deadline - time.monotonic()))
        self._unsubscribed = True
        self.nudge()
        return in_time

    def close(self) -> None:
        """See `Listener`."""
        self._bus.unsubscribe(self)
        super().close()
        self.nudge()

    def connect(self) -> None:
        """See `Listener`."""
        self._bus.subscribe(self._channels.values(), self)
        self.connected = True
        self.connections += 1
        self._changes.tell()


class LocalPublisher(Publisher):
    """Publishes at a LocalBus: the thread that publishes hands the message to its subscribers."""

    def __init__(self, bus: LocalBus, name: str) -> None:
        super().__init__(RedisAddress(DEFAULT_URL), name)
        self._bus = bus

    def connect(self, deadline: float | None = None) -> None:
        """Nothing to do."""

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """See `Publisher`."""
        return self._bus.publish(channel, data)

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        later: bool = False,
        patience: float | None = None,
    ) -> None:
        """See `Publisher`."""
        self._bus.publish(channel, data)

    @property
    def ready(self) -> bool:
        """See `Publisher`."""
        return True

    def publish_soon(
        self,
        channel: str,
        data: bytes,
        told: Callable[[int | RedisUnavailable], None],
        deadline: float,
        later: bool = False,
    ) -> Pending:
        """See `Publisher`."""
        told(self._bus.publish(channel, data))
        return Pending(b"", 0, deadline)

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """See `Publisher`."""
        found = self.deliver(channel, data)
        told(found)
        command = Pending(b"", 0, deadline)
        command.sent_at = found.sent_at
        return command

    def ask_each(self, data: bytes, wanted: int, kinds: Kinds, deadline: float | None = None) -> list[Any]:
        """Give the fakeredis behind `cache` commands, and return their replies. Who subscribes the bus knows."""
        return [self._bus.execute(*parts) for parts in given(data)]

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """See `Publisher`."""
        sent_at = time.monotonic()
        count = self._bus.publish(channel, data)
        return Delivery(count, count, sent_at)


class LocalLink(AsyncConnection):
    """What an asyncio caller has of a LocalBus. It is closed with its event loop at the latest."""

    def __init__(self, bus: LocalBus, *told: Any) -> None:
        super().__init__(RedisAddress(DEFAULT_URL), *told)
        self._bus = bus

    def send(self, command: Pending) -> None:
        """See `AsyncConnection`; the command is done when this returns."""
        command.sent_at = self._loop.time()
        command.replies += [self._bus.execute(*parts) for parts in given(command.data)]
        command.data = b""
        command.end()

    async def listen(self, channel: str) -> None:
        """See `AsyncConnection`."""
        self._bus.subscribe([channel], self)

    def deliver(self, _channel: str, data: bytes) -> None:
        """Called by the bus, on the thread that publishes."""
        try:
            self._loop.call_soon_threadsafe(self._on_message, data)
        except RuntimeError:
            # The loop has been closed, and nobody waits in it any more.
            self._bus.unsubscribe(self)

    def settle(self, timeout: float) -> bool:
        """What it got is for callers, who wait for it themselves."""
        return True

    def check(self) -> float:
        """It lives as long as the bus; returns when to ask again, in loop time."""
        return self._loop.time() + 3600.0

    def close(self) -> None:
        """See `AsyncConnection`."""
        self._bus.unsubscribe(self)
        super().close()
        if not self.closed.done():
            self.closed.set_result(None)


class LocalBus(RecordingBus):
    """A bus inside this process: a message is handed to its subscribers by the thread that publishes it.

    `published` lists everything that went over it, as (channel, bytes).
    """

    def __init__(self) -> None:
        super().__init__()
        self._server = fakeredis.FakeServer()
        # Where two threads are the first to use a data set, fakeredis makes two of it, and what is in one is lost.
        self.execute(b"PING")

    def __str__(self) -> str:
        return "the test bus"

    def publisher(self, name: str) -> LocalPublisher:
        """See `Bus`."""
        return LocalPublisher(self, name)

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> LocalListener:
        """See `Bus`."""
        return LocalListener(self, name, channels, **options)

    async def link(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
    ) -> LocalLink:
        """See `Bus`."""
        return LocalLink(self, on_lost, on_message)

    def redis(self, **options: Any) -> Any:
        """A fakeredis client; all of them share one data set."""
        return fakeredis.FakeRedis(server=self._server, **options)

    def cache(self) -> Any:
        """See `Bus`."""
        return self.redis(decode_responses=True)

    def execute(self, *command: bytes) -> Any:
        """The reply to a command: of Pub/Sub by this bus, else by the fakeredis behind `cache`."""
        if command[0] == b"PUBLISH":
            return self.publish(decoded(command[1]), command[2])
        if command[0] == b"PUBSUB":
            counted = [(channel, len(self.subscribers(decoded(channel)))) for channel in command[2:]]
            return [part for pair in counted for part in pair]
        with self.redis() as client:
            return client.execute_command(*command)

    def publish(self, channel: str, data: bytes) -> int:
        """Hand a message to its subscribers; returns how many there are."""
        self.record.add(channel, data)
        subscribers = self.subscribers(channel)
        for subscriber in subscribers:
            subscriber.deliver(channel, data)
        return len(subscribers)
