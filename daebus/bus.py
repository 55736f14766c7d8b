"""What the framework needs of a message bus, and the real one: Redis. The test client brings another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from .connection import Link, RedisAddress
from .errors import RedisUnavailable
from .publisher import Delivery, Publisher
from .subscription import Subscription
from .turns import Visitor


class PublisherLike(Protocol):
    """See `daebus.publisher.Publisher`."""

    opened: Callable[[], None]

    def connect(self, deadline: float | None = None) -> None: ...

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int: ...

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery: ...

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]: ...

    def flush(self, deadline: float | None = None) -> None: ...

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        looks_soon: Callable[[], bool] | None = None,
    ) -> None: ...

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> object: ...

    def withdraw(self, submitted: object) -> bool: ...

    def look(self, after: float) -> bool: ...

    def wait_with(self, link: Link, until: float) -> bool: ...

    def renew(self) -> None: ...

    def close(self) -> None: ...


class SubscriptionLike(Protocol):
    """See `daebus.subscription.Subscription`."""

    @property
    def connected(self) -> bool: ...

    @property
    def connections(self) -> int: ...

    def ensure(self, deadline: float) -> None: ...

    def hand_over(self, turn: int) -> None: ...

    def goes_on(self, turn: int) -> bool: ...

    def attend(self, visitor: Visitor, ready: Callable[[], bool], deadline: float) -> None: ...

    def wake_in_turn(self, visitor: Visitor) -> None: ...

    def interrupt(self) -> None: ...

    def drain(self, deadline: float) -> bool: ...

    def close(self, timeout: float = 2.0) -> None: ...


class Bus(Protocol):
    """A place to publish to and to subscribe at. `str(bus)` says where it is, without a password."""

    def publisher(self, name: str) -> PublisherLike: ...

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
    ) -> SubscriptionLike: ...

    def cache(self) -> Any: ...


class RedisBus:
    """A Redis as the bus."""

    def __init__(self, url: str) -> None:
        self.address = RedisAddress(url)

    def __str__(self) -> str:
        return str(self.address)

    def publisher(self, name: str) -> Publisher:
        """A publisher that is not connected yet; `name` is how Redis lists the connection."""
        return Publisher(self.address, name)

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
    ) -> Subscription:
        """A subscription that has not begun yet; see `Subscription` for the arguments."""
        return Subscription(
            self.address,
            name,
            channels,
            on_message,
            on_lost=on_lost,
            on_back=on_back,
            optional=optional,
            level=level,
            threads=threads,
            beside=beside,
        )

    def cache(self) -> Any:
        """A redis-py client of the same Redis, which connects when it is used."""
        return self.address.client()
