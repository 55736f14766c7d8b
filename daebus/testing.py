# ruff: noqa: ARG002 - the bus in memory has no use for some arguments of the real one
"""Testing a service without a Redis server: a bus inside the process, with fakeredis as its Redis.

The handlers run through the same pipeline as on a real Redis: the same workers, contexts, errors and replies.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from . import context
from .client.requester import Requester
from .errors import ConfigurationError, ConnectionLost, PayloadError, RedisUnavailable
from .testing_async import LocalAsyncConnection
from .transport.address import RedisAddress
from .transport.aio_connection import AsyncConnection
from .transport.commands import Delivery, Pending
from .transport.listener import Listener
from .transport.publisher import Publisher
from .transport.url import DEFAULT_URL
from .waiting import bounded
from .wire import checks
from .wire.envelope import decode_object, encode, encode_object

if TYPE_CHECKING:
    from .transport.bus import Bus

try:
    import fakeredis
except ImportError as error:
    raise ImportError("app.test_client() needs fakeredis: pip install 'daebus[testing]'") from error


class LocalListener(Listener):
    """Listens at a LocalBus: its messages come through a queue."""

    def __init__(self, bus: LocalBus, name: str, channels: Iterable[str], **options: Any) -> None:
        super().__init__(RedisAddress(DEFAULT_URL), name, channels, **options)
        self._bus = bus
        self._queue: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._unsettled = 0
        self._settled = threading.Condition()

    def deliver(self, channel: str, data: bytes) -> None:
        """Called by the bus."""
        with self._settled:
            self._unsettled += 1
        self._queue.put((channel, data))

    def settle(self, timeout: float) -> bool:
        """Wait until every message so far has been dealt with."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._unsettled, bounded(timeout))

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
                    self._settle_one()

    def next_message(
        self, deadline: float | None, idle: Callable[[], float] = lambda: math.inf
    ) -> tuple[str, bytes] | None:
        """See `Listener`; a message is settled when it has been taken."""
        message = self._next(deadline, idle)
        if message is not None:
            self._settle_one()
        return message

    def received(self) -> tuple[str, bytes] | None:
        """See `Listener`."""
        return self.next_message(0.0)

    def _next(self, deadline: float | None, idle: Callable[[], float]) -> tuple[str, bytes] | None:
        if self._queue.empty():
            idle()
        timeout = None if deadline is None else min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def _settle_one(self) -> None:
        with self._settled:
            self._unsettled -= 1
            self._settled.notify_all()

    def nudge(self) -> None:
        """See `Listener`."""
        self._queue.put(None)

    def drain(self, deadline: float) -> bool:
        """See `Listener`."""
        self._bus.unsubscribe(self)
        settled = self.settle(deadline - time.monotonic())
        self._unsubscribed = True
        self.nudge()
        return settled

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

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give the fakeredis behind `cache` commands, and return their replies. Who subscribes the bus knows."""
        with self._bus.redis() as client:
            return [
                self._bus.counts(command[2:]) if command[0] == b"PUBSUB" else client.execute_command(*command)
                for command in commands
            ]

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """See `Publisher`."""
        sent_at = time.monotonic()
        count = self._bus.publish(channel, data)
        return Delivery(count, count, sent_at)


class LocalBus:
    """A bus inside this process: a message is handed to its subscribers by the thread that publishes it.

    `published` lists everything that went over it, as (channel, bytes).
    """

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[LocalListener | LocalAsyncConnection]] = {}
        self._server = fakeredis.FakeServer()

    def __str__(self) -> str:
        return "the test bus"

    def publisher(self, name: str) -> LocalPublisher:
        """See `Bus`."""
        return LocalPublisher(self, name)

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> LocalListener:
        """See `Bus`."""
        return LocalListener(self, name, channels, **options)

    async def connect(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
    ) -> AsyncConnection:
        """See `Bus`."""
        return LocalAsyncConnection(self, on_lost, on_message)

    def redis(self, **options: Any) -> Any:
        """A fakeredis client; all of them share one data set."""
        return fakeredis.FakeRedis(server=self._server, **options)

    def cache(self) -> Any:
        """See `Bus`."""
        return self.redis(decode_responses=True)

    def subscribe(self, channels: Iterable[str], subscriber: LocalListener | LocalAsyncConnection) -> None:
        """Used by listeners."""
        with self._lock:
            for channel in dict.fromkeys(channels):
                self._subscribers.setdefault(channel, []).append(subscriber)

    def unsubscribe(self, subscriber: LocalListener | LocalAsyncConnection) -> None:
        """Used by listeners."""
        with self._lock:
            for subscribers in self._subscribers.values():
                if subscriber in subscribers:
                    subscribers.remove(subscriber)

    def counts(self, channels: Iterable[bytes]) -> list[Any]:
        """As PUBSUB NUMSUB answers: each channel, and how many subscribe to it."""
        with self._lock:
            counted = [(channel, len(self._subscribers.get(channel.decode(), ()))) for channel in channels]
        return [part for pair in counted for part in pair]

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

    def publish(self, channel: str, data: bytes) -> int:
        """Hand a message to its subscribers; returns how many there are."""
        with self._lock:
            self.published.append((channel, data))
            subscribers = list(self._subscribers.get(channel, ()))
        for subscriber in subscribers:
            subscriber.deliver(channel, data)
        return len(subscribers)


class App(Protocol):
    """What a test client wants of an application, which is a Daebus."""

    name: str

    def start_on(self, bus: Bus, service: str | None = None, debug: bool = False, shared: bool = False) -> object:
        """Start serving on a given bus."""

    def stop(self) -> object:
        """Stop serving."""


class TestClient:
    """Runs an app's service on a LocalBus from the first use until `close` (it is a context manager too).

    Callers that the handlers use reach other apps whose test clients share the bus:
    `TestClient(gateway, bus=client_of_users.bus)`. `shared=True`, given to each of several instances of a service on
    one bus, lets them share the work as in `Daebus.start`.
    """

    __test__ = False

    def __init__(
        self, app: App, service: str | None = None, *, bus: LocalBus | None = None, shared: bool = False
    ) -> None:
        if not hasattr(app, "start_on"):
            raise ConfigurationError(f"app must be a Daebus, not {checks.shown(app)}")
        if bus is not None and not isinstance(bus, LocalBus):
            raise ConfigurationError(f"bus must be a LocalBus, not {checks.shown(bus)}")
        self.app = app
        self.bus = bus or LocalBus()
        self.service = checks.optional_name(service, "service") or (app.name if app.name != "__main__" else "service")
        self.shared = shared
        self._requester = Requester(name="test", bus=self.bus)
        self._started = False

    def __enter__(self) -> TestClient:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def request(self, action: str, payload: dict[str, Any] | None = None, timeout: float | None = None) -> Any:
        """The final payload; raises RequestFailed with the `code` and `type` of an error response."""
        return self._start().call(self.service, action, payload, timeout=timeout)

    def stream(self, action: str, payload: dict[str, Any] | None = None, timeout: float | None = None) -> Iterator[Any]:
        """The partial payloads, then the final one."""
        return self._start().stream(self.service, action, payload, timeout=timeout)

    def send(self, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message and wait until it has been dealt with."""
        sent = self._start().send(self.service, action, payload)
        self.settle()
        return sent

    def broadcast(self, channel: str, payload: dict[str, Any]) -> int:
        """Broadcast to the app's listeners and wait until they have dealt with it."""
        sent = self._start().publish(channel, encode_object(payload, default=context.written))
        self.settle()
        return sent

    def publish(self, channel: str, data: bytes | str | Any) -> int:
        """Publish anything, however malformed, and wait until it has been dealt with."""
        if isinstance(data, str) and not checks.is_encodable(data):
            raise PayloadError(f"data must be encodable as UTF-8: {checks.shown(data)}")
        raw = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else encode(data, "data")
        sent = self._start().publish(channel, raw)
        self.settle()
        return sent

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until no message waits or is being handled."""
        checks.duration(timeout, "timeout")
        if not self.bus.settle(timeout):
            raise ConfigurationError(f"{self.service!r} is still busy after {timeout:g} s")

    def broadcasts(self, channel: str | None = None) -> list[Any]:
        """The payloads that went out so far on `channel`; without one, (channel, payload) of all that was no reply."""
        if channel is not None:
            return [decode_object(data) for name, data in self.bus.published if name == channel]
        skipped = (self.service, self._requester.reply_channel)
        return [(name, decode_object(data)) for name, data in self.bus.published if name not in skipped]

    @property
    def cache(self) -> Any:
        """The fakeredis client that handlers see as `cache`."""
        return self.bus.cache()

    def close(self) -> None:
        """Stop the service."""
        self._requester.close()
        if self._started:
            self._started = False
            self.app.stop()

    def _start(self) -> Requester:
        if not self._started:
            self.app.start_on(self.bus, self.service, shared=self.shared)
            self._started = True
        return self._requester
