"""What an asyncio caller has in one event loop where messages go over sharded Pub/Sub; see `AsyncSession`."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from functools import partial
from typing import cast

from daebus.errors import ConnectionLost, PermissionDenied, RedisUnavailable, TooLate
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.aio.dialing import beside
from daebus.transport.aio.heart import AsyncHeart
from daebus.transport.bus import Bus, ShardedBus
from daebus.transport.commands import Pending, receivers
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.presence import ASK_AGAIN_AFTER
from daebus.transport.publisher import PUBLISH_TIMEOUT
from daebus.transport.shards.aio import AsyncDoors, listen_at_owner
from daebus.transport.shards.door import Untold, found_elsewhere, is_missed, is_moved, publishing, told_here
from daebus.transport.shards.listener import ShardProof
from daebus.transport.shards.owner import heed
from daebus.wire.names import decoded, encoded
from daebus.wire.sharded import once_more, shardnumsub, slot_of, watched

from .call import AsyncCall, until
from .session import AsyncSession


class ShardedSession(AsyncSession):
    """The same with a connection to each node that is published at."""

    _cluster: ClusterLookout

    def __init__(self, bus: Bus, name: str | None) -> None:
        super().__init__(bus, name)
        self._counting = asyncio.Lock()

    @property
    def _asks_first(self) -> bool:
        """See `AsyncSession`: always, so that `ask_at_once` never does."""
        return True

    async def ask(self, call: AsyncCall, data: bytes) -> None:
        """See `AsyncSession`: nothing is published that nobody serves."""
        raw = encoded(call.service)
        with self._in_use():
            with self._in_time(call):
                await self._ready(call.deadline)
                present = await self._find(raw, call.deadline)
                await self._ready(call.deadline)
            if present == 0:
                raise self._unserved(call)
            self.note(call)
            self._transmit(call, raw, data, present)

    def _transmit(self, call: AsyncCall, raw: bytes, data: bytes, present: int | None) -> None:
        command = publishing(raw, data, call.deadline)
        command.ended = partial(self._told_sharded, call, raw, data, present)
        door = self._doors.open_door(raw)
        if door is None:
            command.end(RedisUnavailable(f"the connection to Redis at {self.bus} was lost; nothing was sent"))
        else:
            door.send(command)

    def _told_sharded(self, call: AsyncCall, raw: bytes, data: bytes, present: int | None, command: Pending) -> None:
        moved = is_moved(command)
        if (moved or is_missed(command, present)) and self._pending.get(call.request_id) is call:
            # Another node is to have it; what this one has given to nobody may yet have been read at its replica.
            heed(self._cluster, raw, command)
            again = self._send_again(call, raw, *((data, 0.0) if moved else (once_more(data), ASK_AGAIN_AFTER)))
            task = self._loop.create_task(again, context=contextvars.Context())
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)
        else:
            self._told_asked(call, present, command)

    async def _send_again(self, call: AsyncCall, raw: bytes, data: bytes, after: float) -> None:
        await asyncio.sleep(after)
        try:
            await beside(self._cluster.look_after, time.monotonic())
            present = await self._find(raw, call.deadline)
        except (RedisUnavailable, TimeoutError) as error:
            if self._loop.time() < call.deadline and isinstance(error, RedisUnavailable):
                self._not_published(call, error)
            return
        if self._pending.get(call.request_id) is not call:
            return
        if present == 0:
            self._fail(call, self._unserved(call))
        else:
            self._transmit(call, raw, data, present)

    async def publish(self, channel: str, data: bytes) -> int:
        """See `AsyncSession`."""
        raw, deadline = encoded(channel), self._loop.time() + PUBLISH_TIMEOUT
        with self._in_use():
            await self._ready(deadline)
            while True:
                door = await self._doors.toward(raw, deadline)
                try:
                    async with asyncio.timeout_at(deadline):
                        command = await door.ask(publishing(raw, data, deadline).data, kind=int)
                except TimeoutError:
                    where = f"Redis at {self.bus}"
                    raise ConnectionLost(
                        f"{where} did not confirm in time; the message may or may not arrive"
                    ) from None
                if not is_moved(command) or self._loop.time() + ASK_AGAIN_AFTER >= deadline:
                    return receivers(command, channel, self.bus)
                heed(self._cluster, raw, command)
                await beside(self._cluster.look_after, time.monotonic())

    # Who is there

    async def _find(self, raw: bytes, deadline: float) -> int | None:
        """How many subscribe to a channel, or come soon; None where that is not known."""
        slots, slot, name = self._cluster.slots, slot_of(raw), decoded(raw)
        due = time.monotonic() + deadline - self._loop.time()
        while True:
            door = await self._doors.toward(raw, deadline)
            known = f"{door.place} {name}"
            # Who was there a moment ago may be on his way to another node.
            since = -math.inf if slots.is_settled(slot) else time.monotonic()
            try:
                found = await self._known(known, raw, door, deadline, since)
            except Untold:
                return None
            except (PermissionDenied, TooLate):
                raise
            except RedisUnavailable as error:
                # The node is lost: another one takes its slots over. Nothing has been sent yet.
                if time.monotonic() + ASK_AGAIN_AFTER >= due:
                    raise RedisUnavailable(f"{error}; nothing was sent") from None
                async with until(deadline):
                    await beside(self._cluster.look_after, time.monotonic())
                continue
            if found:
                return found
            if slots.owner(slot) == door.place:
                if found is None:
                    slots.unsettled(slot)
                settles_at = max(self._presence.settles_at, slots.settles_at(slot))
                if time.monotonic() + ASK_AGAIN_AFTER >= min(due, settles_at):
                    return found
            await asyncio.sleep(ASK_AGAIN_AFTER)

    async def _known(self, name: str, raw: bytes, door: AsyncConnection, deadline: float, since: float) -> int | None:
        presence, counting = self._presence, self._counting
        found = presence.known(name, time.monotonic(), asked=counting.locked(), since=since)
        if found is None:
            async with until(deadline), counting:
                found = presence.known(name, begun := time.monotonic(), since=since)
                if found is None:
                    found, is_watched = await self._count(raw, door)
                    # What is published reaches whoever watches, and so does not tell whether it has reached others.
                    presence.note(name, None if is_watched else found, begun)
        return found

    async def _count(self, raw: bytes, door: AsyncConnection) -> tuple[int | None, bool]:
        """How many subscribe, and whether somebody watches beside them."""
        counted = await door.ask(shardnumsub([raw, watched(raw)]), kind=list, counted=raw)
        here, watching = told_here(counted.replies[0])
        if here > 0:
            return here, watching > 0
        return await beside(found_elsewhere, self._cluster, raw), watching > 0

    # The connections

    @property
    def _doors(self) -> AsyncDoors:
        if self._publisher is None:
            raise RedisUnavailable(f"the connection to Redis at {self.bus} was closed; nothing was sent")
        return cast(AsyncDoors, self._publisher)

    async def _linked(self, bus: Bus, name: str) -> AsyncConnection:
        doors = AsyncDoors(self._cluster_of(bus), name, self.reply_channel, self._door_lost)
        return cast(AsyncConnection, doors)

    async def _subscribed(self, bus: Bus, name: str) -> AsyncConnection:
        cluster = self._cluster_of(bus)
        lost, take, patient = self._subscription_lost, self._take, not self._was_lost
        return await listen_at_owner(cluster, name, self.reply_channel, lost, take, patient=patient)

    def _new_heart(self) -> AsyncHeart:
        return AsyncHeart(self.reply_channel, self._loop.time, ShardProof(self.reply_channel))

    def _cluster_of(self, bus: Bus) -> ClusterLookout:
        assert isinstance(bus, ShardedBus)
        self._cluster = bus.lookout
        return bus.lookout

    def _door_lost(self, _error: ConnectionLost) -> None:
        self._presence.connected(self._cluster, again=True)
