"""The connections of an asyncio caller in one event loop, and the task that keeps watch over them.

They are made when they are first needed, again after a loss or a `close`, and given up when nobody waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from daebus import context
from daebus.errors import ConnectionLost, RedisUnavailable, TooLate, again
from daebus.transport.aio import dialing  # noqa: F401 - a bus connects by it, when there may be no file to be had
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.aio.heart import AsyncHeart
from daebus.transport.bus import Bus
from daebus.transport.places.presence import Presence
from daebus.transport.reconnecting import HEARTBEAT_AFTER
from daebus.wire.names import REPLIES

from .alarm import Alarm
from .asking import holds_back, is_at_replica, leads_to_master
from .call import AsyncCall, until

log = logging.getLogger("daebus")


class AsyncConnections:
    """Both connections of one caller, and the calls that wait for something to come in on them.

    `bus` is where, `name` who asks; as for `Requester`.
    `_take` is given what comes in on `reply_channel`, `_expire` each call whose time is over.
    """

    def __init__(self, bus: Bus, name: str | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self.bus = bus
        """Where it connects to."""
        self.meant: object = None
        """The bus by which its caller found that last; see `lanes.meant`."""
        self.reply_channel = f"{REPLIES}{uuid.uuid4().hex}"
        """The channel on which answers come in."""
        self._presence = Presence()
        self._heart: AsyncHeart | None = None
        self._moving: asyncio.Task[None] | None = None
        self._was_lost = False
        self._pending: dict[str, AsyncCall] = {}
        self._alarm = Alarm(self._loop, self._pending, self._expire)
        self._sending = 0
        self._close_when_idle = False
        self._opening = asyncio.Lock()
        self._connecting: asyncio.Task[None] | None = None
        """What connects for all that wait; it goes on where they do so no longer."""
        self._failure: tuple[float, RedisUnavailable] | None = None
        self._publisher: AsyncConnection | None = None
        self._subscription: AsyncConnection | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """How many calls wait for an answer."""
        return len(self._pending)

    def _look(self, now: float) -> None:
        """Take in that a connection was closed while the loop stood still: before it goes on nobody is told."""
        for link in (self._subscription, self._publisher):
            if link is not None:
                link.look(now)

    async def close(self) -> None:
        """Close the connections, now or when the calls that wait have ended; the next call connects again."""
        links = [link for link in (self._publisher, self._subscription) if link is not None]
        connecting = self._connecting
        self._close_when_idle = True
        self._close_if_idle()
        if connecting is not None and self._connecting is None:
            await asyncio.wait([connecting])
        if self._publisher is None and self._subscription is None:
            for link in links:
                await link.closed

    def close_soon(self) -> None:
        """Close, when nobody can wait for it any more."""
        self._close_when_idle = True
        self._close_if_idle()

    def abandon(self) -> None:
        """In a forked child: let go of its copies of the sockets, and of calls that are the parent's."""
        for connection in (self._publisher, self._subscription):
            if connection is not None:
                connection.abandon()
        self._publisher = self._subscription = self._keeper = self._connecting = None
        self._pending.clear()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """While sending: a `close` of another task waits for the end of it."""
        self._sending += 1
        self._close_when_idle = False
        try:
            yield
        finally:
            self._sending -= 1
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self._close_when_idle or self._pending or self._sending:
            return
        self._close_when_idle = False
        if self._keeper is not None:
            self._keeper.cancel()
        self._shut()

    def _shut(self) -> None:
        publisher, subscription = self._publisher, self._subscription
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._moving is not None:
            # What is used after this is none that it was to move.
            self._moving.cancel()
        # The heart knows the connection that it last listened to.
        self._publisher = self._subscription = self._keeper = self._heart = None
        self._alarm.set(math.inf)
        for link in (publisher, subscription):
            if link is not None:
                link.close()
        self._fail_all(ConnectionLost("the caller was closed while waiting for the answer"))

    async def _ready(self, deadline: float) -> AsyncConnection:
        """The link to publish on, with the other one subscribed. RedisUnavailable where that fails or takes too long.

        One task connects for all that wait; they share the error of an attempt. It is none of theirs: what takes longer
        than the time that each of them has is done for the next.
        """
        begun = self._loop.time()
        self._look(begun)
        if self._publisher is not None and self._subscription is not None:
            return self._publisher
        name = context.asking_name(self._name)
        try:
            async with until(deadline):
                while self._publisher is None or self._subscription is None:
                    if self._failure is not None and self._failure[0] >= begun:
                        raise again(self._failure[1])
                    if self._connecting is None or self._connecting.done():
                        # Like what keeps them it holds on to no request at hand.
                        self._connecting = self._loop.create_task(self._connect(name), context=contextvars.Context())
                    await asyncio.wait([connecting := self._connecting])
                    if not connecting.cancelled():
                        connecting.result()
                return self._publisher
        except TimeoutError:
            raise TooLate(f"Redis at {self.bus} does not answer; nothing was sent") from None

    async def _connect(self, name: str) -> None:
        """Make what is missing of the two connections; where that fails it is noted."""
        async with self._opening:
            if self._keeper is None or self._keeper.done():
                # Before there is anything to keep: where the loop ends meanwhile it ends with all the others.
                self._keeper = self._loop.create_task(self._keep(), context=contextvars.Context())
                self._keeper.add_done_callback(self._kept)
            try:
                if self._subscription is None:
                    subscription = await self._subscribed(self.bus, name)
                    subscription.must_live()
                    self._subscription = subscription
                if self._publisher is None:
                    self._publisher = await self._linked(self.bus, name)
                    self._presence.connected(self._publisher.lookout, again=self._was_lost)
                if self._heart is None and self.bus.proves:
                    self._heart = self._new_heart()
            except RedisUnavailable as error:
                self._failure = (self._loop.time(), again(error))

    async def _linked(self, bus: Bus, name: str) -> AsyncConnection:
        """What to publish on."""
        return await bus.link(name, self._publisher_lost)

    def _new_heart(self) -> AsyncHeart:
        return AsyncHeart(self.reply_channel, self._loop.time)

    async def _subscribed(self, bus: Bus, name: str) -> AsyncConnection:
        link = await bus.link(name, self._subscription_lost, self._take)
        try:
            await link.listen(self.reply_channel)
        except BaseException as error:
            link.close()
            if isinstance(error, ConnectionLost):
                raise RedisUnavailable(f"{error}; nothing was sent") from None
            raise
        return link

    async def _keep(self) -> None:
        """See that the connections live; cancelled at the end of the loop at the latest, which closes them."""
        async with self._opening:
            # Whoever connects has it until there is something.
            pass
        while links := [link for link in (self._subscription, self._publisher) if link is not None]:
            due = min(link.check() for link in links)
            if self._heart is not None and self._publisher is not None and self._subscription is not None:
                due = min(due, self._heart.beat(self._loop.time(), self._publisher, self._subscription))
                if self._heart.at_replica:
                    self._move_soon()
            for link in links:
                if link.silent:
                    await self._doubt(link)
            await asyncio.sleep(due - self._loop.time())

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        """It has ended, perhaps before it began; another one may be at work already, on other connections."""
        if keeper.cancelled() and self._keeper is keeper:
            self._shut()

    def _move_soon(self) -> None:
        """The server is a replica: move, if its address leads to a master."""
        if self._moving is None or self._moving.done():
            self._moving = self._loop.create_task(self._move(), context=contextvars.Context())

    async def _move(self) -> None:
        bus, publisher = self.bus, self._publisher
        if not await leads_to_master(bus, context.asking_name(self._name)):
            return
        # It may have been one for a moment, and be the master again that was found.
        if publisher is None or await is_at_replica(publisher):
            for link in (self._publisher, self._subscription):
                if link is not None:
                    link.end("it is a replica now, and a master is to be had")

    async def _doubt(self, link: AsyncConnection) -> None:
        """Give a silent link up, unless what was sent on it is held back by a Redis that lives."""
        name = context.asking_name(self._name)
        held = await holds_back(self.bus, name) if link is self._publisher else None
        if held is False:
            # It lives, and may have a lot to catch up on.
            await asyncio.sleep(HEARTBEAT_AFTER / 2)
        if link.silent:
            if held:
                link.believe()
            else:
                link.give_up()

    def _publisher_lost(self, error: ConnectionLost) -> None:
        self._publisher = None
        self._was_lost = True
        log.debug("%s; the next call connects again", error)

    def _subscription_lost(self, error: ConnectionLost) -> None:
        self._subscription = None
        self._was_lost = True
        log.debug("%s; the next call connects again", error)
        if self._publisher is not None and not self._publisher.busy:
            # There is reason to think that it is dead, too.
            publisher, self._publisher = self._publisher, None
            publisher.close()
        self._fail_all(ConnectionLost(f"{error}; the request may have been handled"))

    def _fail_all(self, error: ConnectionLost) -> None:
        calls = list(self._pending.values())
        self._pending.clear()
        for call in calls:
            call.give(again(error))
        self._close_if_idle()

    def _take(self, data: bytes) -> None:
        raise NotImplementedError

    def _expire(self, call: AsyncCall) -> None:
        raise NotImplementedError
