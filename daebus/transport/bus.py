"""What the framework needs of a message bus, and the real one: Redis. The test client brings another.

A test may have one stand in for every Redis that its process names; see `stand_in`.
"""

from __future__ import annotations

import logging
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from daebus.errors import ConfigurationError, ConnectionLost, RedisUnavailable
from daebus.wire.names import REPLIES, encoded
from daebus.wire.sharded import beside, slot_of

from .address import RedisAddress
from .heart import Heart
from .listener import Listener
from .places.clients import client_of
from .places.cluster import ClusterLookout
from .places.dialing import lookout_of
from .places.route import is_sharded, sharded_url
from .publisher import Publisher
from .url import named_by, resolve_url

if TYPE_CHECKING:
    from .aio.connection import AsyncConnection


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
        quietly: Iterable[str] = (),
        level: int = logging.WARNING,
    ) -> Listener:
        """A listener that has not begun yet; see `Listener` for the arguments."""

    proves: bool = False
    """Whether it is proven with each heartbeat that messages arrive; see `heart`."""

    def heart(self, publisher: Publisher, listener: Listener, channel: str) -> Heart | None:
        """What proves that what the one publishes to `channel` arrives at the other."""
        return Heart(publisher, listener, channel) if self.proves else None

    async def link(
        self, name: str, on_lost: Callable[[ConnectionLost], None], on_message: Callable[[bytes], None] = ...
    ) -> AsyncConnection:
        """A connection for the running event loop; see `aio.dialing.opened`."""

    def cache(self) -> Any:
        """A redis-py client of the same Redis, which connects when it is used."""

    def groups(self, channels: Sequence[str]) -> list[list[str]]:
        """Those channels that one listener can have, together; the first group has the first channel."""
        return [list(channels)]

    def own_channel(self, channel: str) -> str:  # noqa: ARG002 - others do
        """The name of a channel of one's own, in the group of another one."""
        return f"{REPLIES}{uuid.uuid4().hex}"


class RedisBus(Bus):
    """A Redis as the bus."""

    proves = True

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

    async def link(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
    ) -> AsyncConnection:
        """See `Bus`."""
        # Most programs run no event loop.
        from .aio.dialing import opened

        return await opened(self.address, name, on_lost, on_message)

    def cache(self) -> Any:
        """See `Bus`."""
        return client_of(self.address)


class ShardedBus(RedisBus):
    """A cluster in which each channel belongs to the node that has its slot (sharded Pub/Sub).

    What it takes is imported where it is needed: most programs never do.
    """

    def __init__(self, url: str) -> None:
        super().__init__(sharded_url(url))
        lookout = lookout_of(self.address)
        assert isinstance(lookout, ClusterLookout)
        self.lookout = lookout
        """What keeps watch over its nodes."""

    def publisher(self, name: str) -> Publisher:
        """See `Bus`."""
        from .shards.publisher import ShardedPublisher

        return ShardedPublisher(self.address, name, self.lookout)

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> Listener:
        """See `Bus`; the channels are of one of the `groups`."""
        from .shards.listener import ShardListener

        return ShardListener(self.address, name, channels, self.lookout, **options)

    def heart(self, publisher: Publisher, listener: Listener, channel: str) -> Heart | None:
        """See `Bus`."""
        from .shards.listener import shard_heart
        from .shards.publisher import ShardedPublisher

        assert isinstance(publisher, ShardedPublisher)
        return shard_heart(publisher, self.lookout, listener, channel)

    def groups(self, channels: Sequence[str]) -> list[list[str]]:
        """See `Bus`: those of one slot."""
        found: dict[int, list[str]] = {}
        for channel in channels:
            found.setdefault(slot_of(encoded(channel)), []).append(channel)
        return list(found.values())

    def own_channel(self, channel: str) -> str:
        """See `Bus`."""
        return beside(super().own_channel(channel), channel)


class Passenger(Protocol):
    """Something that goes to the bus that `bus_at` says, and may have to change."""

    def leave_bus(self) -> None:
        """Let go of its connections; what is used again asks `bus_at` anew."""


_passengers: weakref.WeakSet[Passenger] = weakref.WeakSet()
_standing_in: list[Bus] = []


def boards(one: Passenger) -> None:
    """Have its `leave_bus` called when another bus stands in, as long as it lives."""
    _passengers.add(one)


def bus_at(url: str) -> Bus:
    """The Redis at `url` as the bus, or what stands in for it. Raises ConfigurationError for what is no such URL."""
    redis = redis_at(url)
    return _standing_in[-1] if _standing_in else redis


def redis_at(url: str) -> RedisBus:
    """The Redis at `url` as the bus, whatever stands in. Raises ConfigurationError for what is no such URL."""
    return ShardedBus(url) if is_sharded(url) else RedisBus(url)


def chosen_bus(
    redis_url: str | None = None, redis_host: str | None = None, redis_port: int | None = None, *, sharded: bool = False
) -> Bus:
    """The Redis that these or the environment name as the bus, or what stands in for it; see `resolve_url`.

    Raises ConfigurationError, with the variable of the environment where it is its URL that cannot be.
    """
    url = resolve_url(redis_url, redis_host, redis_port)
    try:
        return bus_at(chosen_url(url, sharded))
    except ConfigurationError as error:
        given = redis_url or redis_host or redis_port is not None
        raise (error if given else ConfigurationError(f"{error}{named_by(redis_url)}")) from None


def chosen_url(url: str, sharded: bool) -> str:
    """The URL, where it is to be `sharded` as one that says so. Raises ConfigurationError for what cannot be."""
    return sharded_url(url) if sharded else url


@contextmanager
def stand_in(bus: Bus) -> Iterator[None]:
    """While the block runs, `bus` stands in for every Redis that this process names or would find in the environment.

    What is connected lets go of its connections when it begins and when it ends: a caller of a module, say, that more
    than one test uses.
    """
    _standing_in.append(bus)
    try:
        _change()
        yield
    finally:
        _standing_in.remove(bus)
        _change()


def _change() -> None:
    for passenger in list(_passengers):
        passenger.leave_bus()
