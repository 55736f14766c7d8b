"""A connection to the bus in memory, for the callers of an event loop; see `daebus.testing`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .errors import ConnectionLost
from .transport.address import RedisAddress
from .transport.aio_connection import AsyncConnection
from .transport.commands import Pending
from .transport.url import DEFAULT_URL
from .wire.resp import INCOMPLETE, PlainReader


class LocalBus(Protocol):
    """What it needs of the bus."""

    def publish(self, channel: str, data: bytes) -> int: ...

    def counts(self, channels: Iterable[bytes]) -> list[Any]: ...

    def subscribe(self, channels: Iterable[str], subscriber: Any) -> None: ...

    def unsubscribe(self, subscriber: Any) -> None: ...


class LocalAsyncConnection(AsyncConnection):
    """Publishes and listens at a LocalBus; never lost."""

    def __init__(
        self, bus: LocalBus, on_lost: Callable[[ConnectionLost], None], on_message: Callable[[bytes], None]
    ) -> None:
        super().__init__(RedisAddress(DEFAULT_URL), on_lost, on_message)
        self._bus = bus

    def send(self, command: Pending) -> None:
        """See `AsyncConnection`."""
        command.sent_at = self._loop.time()
        # Commands are written as replies are.
        reader = PlainReader()
        reader.feed(command.data)
        while not isinstance(words := reader.gets(), type(INCOMPLETE)):
            if words[0] == b"PUBLISH":
                command.replies.append(self._bus.publish(words[1].decode("utf-8", "surrogateescape"), words[2]))
            else:
                command.replies.append(self._bus.counts(words[2:]))
        command.end()

    async def listen(self, channel: str) -> None:
        """See `AsyncConnection`."""
        self._bus.subscribe([channel], self)

    def deliver(self, _channel: str, data: bytes) -> None:
        """Called by the bus, by whichever thread publishes."""
        try:
            self._loop.call_soon_threadsafe(self._on_message, data)
        except RuntimeError:
            # Its loop has ended.
            self._bus.unsubscribe(self)

    def settle(self, _timeout: float) -> bool:
        """Whoever gets what it brings waits for that."""
        return True

    def check(self) -> float:
        """See `AsyncConnection`."""
        return math.inf

    def close(self) -> None:
        """See `AsyncConnection`."""
        self._bus.unsubscribe(self)
        if not self.closed.done():
            self.closed.set_result(None)
