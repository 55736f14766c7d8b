# ruff: noqa: ARG002 - the bus in memory has no use for some arguments of the real one
"""Testing a service without a Redis server: a bus inside the process, with fakeredis as its Redis.

The handlers run through the same pipeline as on a real Redis: the same workers, contexts, errors and replies.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import checks
from .bus import PublisherLike, SubscriptionLike
from .connection import Link
from .envelope import decode_object, encode, encode_object
from .errors import ConfigurationError, PayloadError, RedisUnavailable
from .publisher import Delivery
from .requester import Requester
from .turns import Visitor
from .waiting import bounded

if TYPE_CHECKING:
    from .app import Daebus

try:
    import fakeredis
except ImportError as error:
    raise ImportError("app.test_client() needs fakeredis: pip install 'daebus[testing]'") from error


class _LocalSubscription:
    """Channels of one subscriber on a LocalBus, and the threads that hand it its messages."""

    def __init__(
        self, bus: LocalBus, channels: list[str], on_message: Callable[[str, bytes, int], None], threads: int
    ) -> None:
        self._bus = bus
        self._channels = channels
        self._on_message = on_message
        self._messages: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self._unsettled = 0
        self._settled = threading.Condition()
        self.connected = False
        self.connections = 0

    def deliver(self, channel: str, data: bytes) -> None:
        """Called by the bus."""
        with self._settled:
            self._unsettled += 1
        self._messages.put((channel, data))

    def settle(self, timeout: float) -> bool:
        """Wait until every message so far has been handed over and dealt with."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._unsettled, bounded(timeout))

    def ensure(self, deadline: float) -> None:
        """Subscribe, if that has not been done."""
        if not self.connected:
            self.connected = True
            self.connections += 1
            self._bus.subscribe(self._channels, self)
            for thread in self._threads:
                thread.start()

    def hand_over(self, turn: int) -> None:
        """Nothing to do: the other threads wait for messages already."""

    def goes_on(self, turn: int) -> bool:
        """There are no turns here."""
        return False

    def attend(self, visitor: Visitor, ready: Callable[[], bool], deadline: float) -> None:
        """Sleep until woken: the threads here read for everybody."""
        if not ready():
            visitor.sleep(deadline - time.monotonic())

    def wake_in_turn(self, visitor: Visitor) -> None:
        """Wake it."""
        visitor.wake()

    def interrupt(self) -> None:
        """Nothing to do: those who wait here sleep, and are woken."""

    def drain(self, deadline: float) -> bool:
        """Unsubscribe."""
        self._bus.unsubscribe(self)
        return self.settle(deadline - time.monotonic())

    def close(self, timeout: float = 2.0) -> None:
        """Unsubscribe, and end the threads."""
        self._bus.unsubscribe(self)
        if self.connected:
            self.connected = False
            for _thread in self._threads:
                self._messages.put(None)
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(timeout)

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            self._on_message(*message, 0)
            with self._settled:
                self._unsettled -= 1
                self._settled.notify_all()


class LocalBus:
    """A bus inside this process: a message is handed to its subscribers by the thread that publishes it.

    `published` lists everything that went over it, as (channel, bytes).
    """

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.opened: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[_LocalSubscription]] = {}
        self._server = fakeredis.FakeServer()

    def __str__(self) -> str:
        return "the test bus"

    def publisher(self, name: str) -> LocalBus:
        """The bus itself."""
        return self

    def subscription(
        self,
        name: str,
        channels: Iterable[str],
        on_message: Callable[[str, bytes, int], None],
        *,
        on_lost: Callable[[RedisUnavailable], None] | None = None,
        on_back: Callable[[], str] = lambda: "",
        optional: Iterable[str] = (),
        level: int = logging.WARNING,
        threads: int = 1,
        beside: PublisherLike | None = None,
    ) -> SubscriptionLike:
        """A subscription that has not begun yet."""
        return _LocalSubscription(self, list(channels), on_message, threads)

    def cache(self) -> Any:
        """A fakeredis client; all of them share one data set."""
        return fakeredis.FakeRedis(server=self._server, decode_responses=True)

    def subscribe(self, channels: Iterable[str], subscriber: _LocalSubscription) -> None:
        """Used by subscriptions."""
        with self._lock:
            for channel in dict.fromkeys(channels):
                self._subscribers.setdefault(channel, []).append(subscriber)

    def unsubscribe(self, subscriber: _LocalSubscription) -> None:
        """Used by subscriptions."""
        with self._lock:
            for subscribers in self._subscribers.values():
                if subscriber in subscribers:
                    subscribers.remove(subscriber)

    def settle(self, timeout: float) -> bool:
        """Wait until all subscribers have dealt with what they got; False after `timeout` seconds."""
        until = time.monotonic() + timeout
        with self._lock:
            subscribers = {id(one): one for several in self._subscribers.values() for one in several}
        return all(subscriber.settle(until - time.monotonic()) for subscriber in subscribers.values())

    def connect(self, deadline: float | None = None) -> None:
        """Nothing to do."""

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Hand a message to its subscribers; returns how many there are."""
        with self._lock:
            self.published.append((channel, data))
            subscribers = list(self._subscribers.get(channel, ()))
        for subscriber in subscribers:
            subscriber.deliver(channel, data)
        return len(subscribers)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """The same, with what became of it."""
        sent_at = time.monotonic()
        count = self.publish(channel, data)
        return Delivery(count, count, sent_at)

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give the fakeredis behind `cache` commands, and return their replies. Who subscribes is known here."""
        with fakeredis.FakeRedis(server=self._server) as client:
            return [
                self._counts(command[2:]) if command[0] == b"PUBSUB" else client.execute_command(*command)
                for command in commands
            ]

    def _counts(self, channels: Sequence[bytes]) -> list[Any]:
        """As PUBSUB NUMSUB answers: each channel, and how many subscribe to it."""
        with self._lock:
            counted = [(channel, len(self._subscribers.get(channel.decode(), ()))) for channel in channels]
        return [part for pair in counted for part in pair]

    def flush(self, deadline: float | None = None) -> None:
        """Nothing to do."""

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        looks_soon: Callable[[], bool] | None = None,
    ) -> None:
        """The same, without the count."""
        self.publish(channel, data)

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> None:
        """The same as `deliver`, for whoever does not wait."""
        told(self.deliver(channel, data))

    def withdraw(self, submitted: object) -> bool:
        """It has been sent."""
        return False

    def look(self, after: float) -> bool:
        """Nothing comes in here."""
        return False

    def wait_with(self, link: Link, until: float) -> bool:
        """Nothing comes in here."""
        return link.wait(until - time.monotonic())

    def renew(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


class TestClient:
    """Runs an app's service on a LocalBus from the first use until `close` (it is a context manager too).

    Callers that the handlers use reach other apps whose test clients share the bus:
    `TestClient(gateway, bus=client_of_users.bus)`. `shared=True`, given to each of several instances of a service on
    one bus, lets them share the work as in `Daebus.start`.
    """

    __test__ = False

    def __init__(
        self, app: Daebus, service: str | None = None, *, bus: LocalBus | None = None, shared: bool = False
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
        sent = self._start().publish(channel, encode_object(payload))
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
