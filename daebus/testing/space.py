"""A real Redis for tests: channels that no other test has, and a database that tests may empty.

Pub/Sub knows no databases: who is to be alone there needs names of its own. So each bus puts a prefix before the name
of every channel, and nobody who uses the bus sees it.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.connection import parse_url

from daebus.errors import ConfigurationError, ConnectionLost, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.aio.dialing import opened
from daebus.transport.commands import Delivery, Kinds, Pending
from daebus.transport.listener import Listener
from daebus.transport.publisher import Publisher
from daebus.wire import checks
from daebus.wire.names import decoded
from daebus.wire.resp import pack

from .commands import given
from .recording import RecordingBus, Settling

MARK = "daebus:tests"
"""The key by which a database is known that holds nothing but what tests have left."""


class SpaceListener(Settling, Listener):
    """Listens in a RedisSpace."""

    def __init__(self, bus: RedisSpace, name: str, channels: Iterable[str], **options: Any) -> None:
        optional = [bus.prefix + channel for channel in options.pop("optional", ())]
        plain = list(channels)
        Settling.__init__(self)
        Listener.__init__(
            self, bus.address, name, [bus.prefix + channel for channel in plain], optional=optional, **options
        )
        self._channels = dict(zip(self._channels, dict.fromkeys(plain), strict=True))
        self._bus = bus
        self.counts = bool(optional)
        """Whether it is a service's, which deals with what it gets; what callers get they wait for themselves."""

    def connect(self) -> RedisUnavailable | None:
        """See `Listener`."""
        error = super().connect()
        if error is None:
            self._bus.subscribe(self._channels.values(), self)
        return error

    def lead(
        self,
        take: Callable[[str, bytes], None],
        over: Callable[[], bool],
        idle: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """See `Listener`; a message is settled when `take` has come back."""

        def settling(channel: str, data: bytes) -> None:
            try:
                take(channel, data)
            finally:
                self.settle_one()

        super().lead(settling, over, idle)

    def more(self, most: int) -> list[tuple[str, bytes]]:
        """See `Listener`: each is settled by itself."""
        del most
        return []

    def lose(self, error: RedisUnavailable) -> None:
        """See `Listener`."""
        self._away()
        super().lose(error)

    def drain(self, deadline: float) -> bool:
        """See `Listener`."""
        self._bus.unsubscribe(self)
        return super().drain(deadline)

    def close(self) -> None:
        """See `Listener`."""
        self._away()
        super().close()

    def _away(self) -> None:
        self._bus.unsubscribe(self)
        self.settle_all()


class SpacePublisher(Publisher):
    """Publishes in a RedisSpace."""

    def __init__(self, bus: RedisSpace, name: str) -> None:
        super().__init__(bus.address, name)
        self._bus = bus

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """See `Publisher`."""
        with self._bus.publishing(channel, data) as there:
            return super().publish(there, data, deadline)

    def publish_part(self, channel: str, data: bytes) -> int:
        """See `Publisher`."""
        with self._bus.publishing(channel, data) as there:
            return super().publish(there, data) or self._at_others(there)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """See `Publisher`."""
        with self._bus.publishing(channel, data) as there:
            return super().deliver(there, data, deadline)

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
        with self._bus.publishing(channel, data) as there:
            super().post(there, data, deadline, failed, later, patience)

    def publish_soon(
        self,
        channel: str,
        data: bytes,
        told: Callable[[int | RedisUnavailable], None],
        deadline: float,
        later: bool = False,
    ) -> Pending:
        """See `Publisher`."""
        with self._bus.publishing(channel, data) as there:
            return super().publish_soon(there, data, told, deadline, later)

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """See `Publisher`."""
        with self._bus.publishing(channel, data) as there:
            return super().submit(there, data, told, deadline)

    def ask(
        self, commands: Sequence[Sequence[bytes]], doing: str, kinds: Kinds, deadline: float | None = None
    ) -> list[Any]:
        """See `Publisher`."""
        return super().ask([self._bus.placed(command) for command in commands], doing, kinds, deadline)


class SpaceLink(AsyncConnection):
    """A connection of an event loop to a RedisSpace."""

    space: RedisSpace | None = None

    def send(self, command: Pending) -> None:
        """See `AsyncConnection`."""
        space = self.space
        if space is not None:
            words = list(given(command.data))
            for verb, *rest in words:
                if verb == b"PUBLISH":
                    space.note(decoded(rest[0]), rest[1])
            command.data = b"".join(pack(*space.placed(each)) for each in words)
            if command.counted is not None:
                command.counted = space.placed((b"PUBSUB", b"NUMSUB", command.counted))[-1]
        super().send(command)

    async def listen(self, channel: str) -> None:
        """See `AsyncConnection`."""
        await super().listen(channel if self.space is None else self.space.prefix + channel)


class RedisSpace(RecordingBus):
    """The Redis at `url` as a bus on which nobody is but those who have this object."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.address = RedisAddress(url)
        self.prefix = f"daebus:tests:{uuid.uuid4().hex[:12]}:"

    def __str__(self) -> str:
        return str(self.address)

    def publisher(self, name: str) -> SpacePublisher:
        """See `Bus`."""
        return SpacePublisher(self, name)

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> SpaceListener:
        """See `Bus`."""
        return SpaceListener(self, name, channels, **options)

    async def link(
        self,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
    ) -> AsyncConnection:
        """See `Bus`."""
        link = await opened(self.address, name, on_lost, on_message, SpaceLink)
        assert isinstance(link, SpaceLink)
        link.space = self
        return link

    def cache(self) -> Any:
        """See `Bus`."""
        return self.address.client()

    @contextmanager
    def publishing(self, channel: str, data: bytes) -> Iterator[str]:
        """Record a message that is published in the block; gives what its channel is called in Redis."""
        expecting = self.note(channel, data)
        try:
            yield self.prefix + channel
        except BaseException:
            for listener in expecting:
                listener.settle_one()
            raise

    def note(self, channel: str, data: bytes) -> list[SpaceListener]:
        """Record a message; returns the listeners that are to deal with it, and expect it now."""
        self.record.add(channel, data)
        expecting = [each for each in self.subscribers(channel) if isinstance(each, SpaceListener) and each.counts]
        for listener in expecting:
            listener.expect()
        return expecting

    def placed(self, command: Sequence[bytes]) -> list[bytes]:
        """A command with the names of its channels as they are called in Redis."""
        prefix = self.prefix.encode()
        if command[0] == b"PUBLISH":
            return [command[0], prefix + command[1], command[2]]
        if command[0] == b"PUBSUB":
            return [*command[:2], *(prefix + channel for channel in command[2:])]
        return list(command)


class Database:
    """A database of a Redis for the keys of tests: empty when a test begins.

    It is `number` after that of the URL, so that processes that test at the same time have one each. One that holds
    keys which no test has left is refused with a ConfigurationError, and nothing in it is touched. Raises
    RedisUnavailable where Redis cannot be reached or does not do as it is told.
    """

    def __init__(self, url: str, number: int = 0) -> None:
        self.url = _with_database(url, number)
        self._client = RedisAddress(self.url).client()
        try:
            self._take()
        except BaseException:
            self._client.close()
            raise

    def _take(self) -> None:
        where = f"the database at {RedisAddress(self.url)}"
        try:
            keys = 0 if self._client.exists(MARK) else self._client.dbsize()
        except (redis.RedisError, OSError) as error:
            raise RedisUnavailable(f"cannot use {where} for tests: {error}") from None
        if keys:
            raise ConfigurationError(
                f"{where} holds {keys} keys that are not of tests; name one that is empty, since tests empty it"
            )
        self.empty()

    def empty(self) -> None:
        """Remove what a test has left."""
        try:
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.flushdb()
                pipeline.set(MARK, "whatever is here may be deleted")
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise RedisUnavailable(f"cannot empty the database at {RedisAddress(self.url)}: {error}") from None

    def close(self) -> None:
        """Leave it empty, without the mark."""
        try:
            self._client.flushdb()
        except (redis.RedisError, OSError):
            # What is left has the mark.
            pass
        self._client.close()


def _with_database(url: str, number: int) -> str:
    """The URL with a database so many numbers higher."""
    address = RedisAddress(checks.name(url, "the URL of the Redis for tests"))
    database = int(parse_url(address.url).get("db") or 0) + number  # type: ignore[no-untyped-call]
    scheme, _, rest = address.url.partition("://")
    place, _, query = rest.partition("?")
    options = [option for option in query.split("&") if option and not option.startswith("db=")]
    if scheme == "unix":
        options.append(f"db={database}")
    else:
        place = f"{place.partition('/')[0]}/{database}"
    return f"{scheme}://{place}{'?' if options else ''}{'&'.join(options)}"
