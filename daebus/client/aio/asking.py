"""What an asyncio caller finds out before it relies on it: who is there, what is held back, where the master is."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import partial

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.address import CONNECT_TIMEOUT
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.aio.dialing import beside
from daebus.transport.bus import Bus
from daebus.transport.commands import Pending, at_replica, count_command, lost_there, misplaced, subscribers_in
from daebus.transport.pause import HELD_AFTER, trial
from daebus.transport.places.presence import ASK_AGAIN_AFTER, Presence
from daebus.transport.proof import greeting, hello
from daebus.wire.names import encoded

from .call import until

log = logging.getLogger("daebus")


class AsyncPresence:
    """Asks who subscribes, for the tasks of one event loop; one of them asks for all."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._counting = asyncio.Lock()

    async def find(self, channel: str, deadline: float, publisher: AsyncConnection) -> int | None:
        """See `Presence.find`. `deadline` is in loop time; raises TimeoutError where it comes first."""
        presence = self._presence
        due = time.monotonic() + deadline - asyncio.get_running_loop().time()
        while True:
            found = presence.known(channel, time.monotonic(), asked=self._counting.locked())
            if found is None:
                async with until(deadline), self._counting:
                    found = presence.known(channel, time.monotonic())
                    if found is None:
                        found = await self._count(channel, publisher)
                        presence.note(channel, found)
            if found or not presence.is_open(found, due):
                return found
            await asyncio.sleep(ASK_AGAIN_AFTER)

    async def why_none(
        self, publisher: AsyncConnection, where: object, on_replica: Callable[[], None]
    ) -> RedisUnavailable | None:
        """Why it says nothing that nobody subscribes at that server; None where it is the right one to ask."""
        if self._presence.cluster is not None:
            return None
        try:
            greeted = greeting((await publisher.ask(hello(), kind=list)).replies[0])
            if greeted.is_replica:
                on_replica()
                return RedisUnavailable(at_replica(where))
            if not self._presence.takes_asking:
                return None
            wrong = await beside(self._presence.misplaced, publisher.place)
        except RedisUnavailable as error:
            return lost_there(error)
        return None if wrong is None else RedisUnavailable(misplaced(where, wrong))

    async def _count(self, channel: str, publisher: AsyncConnection) -> int | None:
        cluster = self._presence.cluster
        if cluster is not None:
            return (await beside(partial(cluster.count, [encoded(channel)], all_of=False)))[0]
        try:
            asked = await publisher.ask(count_command(channel), kind=list, counted=encoded(channel))
            return subscribers_in(asked)
        except ConnectionLost as error:
            raise RedisUnavailable(f"{error}; nothing was sent") from None


async def holds_back(bus: Bus, name: str) -> bool | None:
    """See `pause.holds_back`."""
    begin, publish = trial()
    link = None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            link = await bus.link(name, lambda _error: None)
            await link.ask(begin)
        command = Pending(publish, 1, math.inf)
        link.send(command)
        await asyncio.sleep(HELD_AFTER)
        return not command.done
    except (RedisUnavailable, TimeoutError):
        return None
    finally:
        if link is not None:
            link.close()


async def leads_to_master(bus: Bus, name: str) -> bool:
    """Whether who connects now is at a master."""
    try:
        found = await bus.link(name, lambda _error: None)
    except RedisUnavailable as error:
        log.debug("%s", error)
        return False
    found.close()
    return found.greeting.role == "master"


async def is_at_replica(link: AsyncConnection) -> bool:
    """Whether the server of a connection is a replica, asked just now; True where it does not say in time."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            return greeting((await link.ask(hello(), kind=list)).replies[0]).is_replica
    except (RedisUnavailable, TimeoutError):
        return True
