"""What the framework needs of a message bus, and the real one: Redis. The test client brings another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from daebus.errors import ConnectionLost, RedisUnavailable

from .address import RedisAddress
from .aio_connection import AsyncConnection
from .listener import Listener
from .publisher import Publisher


class Bus(Protocol):
    """A place to publish to and to listen at. `str(bus)` says where it is, without a password."""

    def publisher(self, name: str) -> Publisher:
        """A publisher that is not connected yet; `name` is how the bus lists the connection."""

    def listener(
        self,
        name: str,
        channels: Iterable[str],
        *,
        on_lost: Callable[[RedisUnavailable], None] = ...,
        on_back: Callable[[], str] = ...,
        optional: Iterable[str] = (),
        level: int = logging.WARNING,
    ) -> Listener:
        """A listener that has not begun yet; see `Listener` for the arguments."""

    async def connect(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = ...,
    ) -> AsyncConnection:
        """A connection for the running event loop; see `AsyncConnection.open` for the arguments."""

    def cache(self) -> Any:
        """A redis-py client of the same Redis, which connects when it is used."""


class RedisBus:
    """A Redis as the bus."""

    def __init__(self, url: str) -> None:
        self.address = RedisAddress(url)

    def __str__(self) -> str:
        return str(self.address)

    def publisher(self, name: str) -> Publisher:
        """See `Bus`."""
        return Publisher(self.address, name)

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> Listener:
        """See `Bus`."""
        return Listener(self.address, name, channels, **options)

    async def connect(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
    ) -> AsyncConnection:
        """See `Bus`."""
        return await AsyncConnection.open(self.address, name, on_lost, on_message)

    def cache(self) -> Any:
        """See `Bus`."""
        return self.address.client()
