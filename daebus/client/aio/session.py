"""What an asyncio caller asks in one event loop, and what it is told.

Rules of this file: a call is in `_pending` from the step in which its request is written until its final reply,
its deadline, its end or the loss of the connection, whichever is first. Nothing is ever written twice.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from daebus.errors import (
    ConfigurationError,
    ConnectionLost,
    DaebusError,
    RedisRefused,
    RedisUnavailable,
    ServiceUnavailable,
    TooLate,
    again,
)
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.bus import Bus
from daebus.transport.commands import (
    Audience,
    Delivery,
    Pending,
    Publishing,
    count_command,
    is_doubtful,
    publish_command,
    receivers,
    recounted,
)
from daebus.transport.proof import PROBE
from daebus.transport.publisher import PUBLISH_TIMEOUT
from daebus.wire.names import encoded
from daebus.wire.reading import read_reply

from .asking import AsyncPresence
from .call import AsyncCall, until
from .connections import AsyncConnections

log = logging.getLogger("daebus")


class AsyncSession(AsyncConnections):
    """What one caller asks in the running event loop. `bus` is where, `name` who asks; see `AsyncConnections`."""

    def __init__(self, bus: Bus, name: str | None) -> None:
        super().__init__(bus, name)
        self._audience = Audience()
        self._present = AsyncPresence(self._presence)
        self._aside: set[asyncio.Task[None]] = set()

    def ask_at_once(self, call: AsyncCall, data: bytes) -> bool:
        """Publish the request of a call, which from now on waits; False, with nothing done, where that has to wait.

        Redis' verdict on it comes through the call.
        """
        if self._asks_first:
            return False
        now = self._loop.time()
        self._look(now)
        publisher = self._publisher
        if publisher is None or self._subscription is None:
            return False
        self._close_when_idle = False
        self._send(publisher, call, data, now)
        return True

    async def ask(self, call: AsyncCall, data: bytes) -> None:
        """The same where it has to wait."""
        with self._in_use():
            present: int | None = None
            nobody: DaebusError | None = None
            with self._in_time(call):
                publisher = await self._ready(call.deadline)
                if self._asks_first:
                    present = await self._present.find(call.service, call.deadline, publisher)
                    publisher = await self._ready(call.deadline)
                    if present == 0:
                        async with until(call.deadline):
                            nobody = await self._verified(call, publisher)
            if nobody is not None:
                try:
                    raise nobody
                finally:
                    # What is raised knows this frame, and would go round with it.
                    del nobody
            if self._asks_first:
                self.note(call)
                told = partial(self._told_asked, call, present)
                publisher.send(Publishing(publish_command(call.service, data), 1, call.deadline, told))
            else:
                self._send(publisher, call, data, self._loop.time())

    @contextmanager
    def _in_time(self, call: AsyncCall) -> Iterator[None]:
        """What keeps the request of a call from being sent is that its time is over, where that is so."""
        try:
            yield
        except TimeoutError:
            raise call.timed_out(sent=False) from None
        except RedisUnavailable as error:
            over = self._loop.time() >= call.deadline and not isinstance(error, RedisRefused)
            if over or isinstance(error, TooLate):
                raise call.timed_out(sent=False) from error
            raise

    @property
    def _asks_first(self) -> bool:
        """Whether it is to be found out who subscribes before something is published."""
        return self._presence.asks_first(time.monotonic())

    def _send(self, publisher: AsyncConnection, call: AsyncCall, data: bytes, now: float) -> None:
        self.note(call)
        told = partial(self._told, call, publisher)
        publisher.send(self._audience.publishing(call.service, data, call.deadline, now, told))

    def note(self, call: AsyncCall) -> None:
        """From now on a call waits, and its deadline is watched."""
        if call.request_id in self._pending:
            raise ConfigurationError(f"a call with the id {call.request_id!r} is waiting already")
        self._pending[call.request_id] = call
        if call.deadline < self._alarm.rings_at:
            self._alarm.set(call.deadline)

    def _expire(self, call: AsyncCall) -> None:
        self._fail(call, call.timed_out())

    async def publish(self, channel: str, data: bytes) -> int:
        """Publish bytes as they are; returns how many received them, by Redis' own confirmation."""
        data = publish_command(channel, data)
        deadline = self._loop.time() + PUBLISH_TIMEOUT
        with self._in_use():
            publisher = await self._ready(deadline)
            try:
                async with asyncio.timeout_at(deadline):
                    command = await publisher.ask(data, kind=int)
            except TimeoutError:
                raise ConnectionLost(
                    f"Redis at {self.bus} did not confirm in time; the message may or may not arrive"
                ) from None
        return receivers(command, channel, self.bus)

    def forget(self, call: AsyncCall) -> None:
        """The call does not wait any more."""
        # Another call may wait under the same id: the one because of which this was refused.
        if self._pending.get(call.request_id) is call:
            del self._pending[call.request_id]
            self._close_if_idle()

    def _take(self, data: bytes) -> None:
        if data.startswith(PROBE) and self._heart is not None and self._heart.took(data):
            return
        reply = read_reply(data)
        if reply is None or not isinstance(reply.request_id, str):
            log.debug("something that is no reply came in on %s; ignored", self.reply_channel)
            return
        call = self._pending.get(reply.request_id)
        if call is None:
            log.debug("a reply that nobody waits for (any more) came in on %s; ignored", self.reply_channel)
            return
        if reply.held is not None:
            call.hold(reply.held)
            return
        if call.deaf:
            # It waits on, and for nothing.
            return
        call.give(reply)
        if reply.final:
            del self._pending[reply.request_id]
            if self._close_when_idle:
                self._close_if_idle()
        else:
            call.parts += 1

    def _told(self, call: AsyncCall, publisher: AsyncConnection, command: Pending) -> None:
        """What became of the request of a call."""
        if command.error is None and command.expected == (command.replies[-1], command.connection):
            # So it is nearly always where many are sent; see `Audience.delivery`.
            call.subscribers = command.replies[-1]
            return
        try:
            found = self._audience.delivery(command, call.service, self.bus)
        except RedisUnavailable as error:
            self._not_published(call, error)
            return
        if is_doubtful(found):

            def counted(count: Pending) -> None:
                self._found(call, publisher, recounted(found, count))

            command.ask_again(count_command(call.service), counted, encoded(call.service))
            publisher.send(command)
        else:
            self._found(call, publisher, found)

    def _told_asked(self, call: AsyncCall, present: int | None, command: Pending) -> None:
        """The same where it had been asked first who subscribes."""
        try:
            receivers(command, call.service, self.bus)
        except RedisUnavailable as error:
            self._not_published(call, error)
        else:
            call.subscribers = present

    def _not_published(self, call: AsyncCall, error: RedisUnavailable) -> None:
        lost = f"{error}; the request may have been handled"
        self._fail(call, ConnectionLost(lost) if isinstance(error, ConnectionLost) else again(error))

    def _found(self, call: AsyncCall, publisher: AsyncConnection, found: Delivery) -> None:
        call.subscribers = found.subscribers
        if found.subscribers != 0:
            return

        # That nobody subscribes says nothing at a replica, or where others have moved from.
        async def fail() -> None:
            self._fail(call, await self._verified(call, publisher))

        self._aside.add(task := self._loop.create_task(fail(), context=contextvars.Context()))
        task.add_done_callback(self._aside.discard)

    async def _verified(self, call: AsyncCall, publisher: AsyncConnection) -> DaebusError:
        """Nobody subscribes there: the error that says so, unless that is the wrong server by now."""
        return await self._present.why_none(publisher, self.bus, self._move_soon) or self._unserved(call)

    def _unserved(self, call: AsyncCall) -> ServiceUnavailable:
        where = f"its channel has no subscriber at {self.bus}"
        return ServiceUnavailable(f"nobody serves {call.service!r}: {where}")

    def _fail(self, call: AsyncCall, error: DaebusError) -> None:
        if self._pending.get(call.request_id) is call:
            self.forget(call)
            call.give(error)
