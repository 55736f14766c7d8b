"""The doors of an event loop to the nodes of a cluster, each channel through that to the owner of its slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate
from daebus.transport.aio_connection import AsyncConnection
from daebus.transport.aio_dialing import opened_at
from daebus.transport.commands import Pending
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.route import Place
from daebus.wire.names import encoded
from daebus.wire.protocol import ShardedProtocol
from daebus.wire.resp import ErrorReply
from daebus.wire.sharded import slot_of

from .owner import AGAIN_AFTER, FOUND_WITHIN, explained, is_elsewhere, owner_of

_NEVER = 3600.0


class AsyncDoors:
    """Connections to publish on, one to each node that has been needed; of the thread of the event loop.

    Has what an `AsyncConnection` has for whoever keeps watch over it. What is sent without a word to whom is a probe,
    which goes to the owner of the channel `own`. `on_lost(error)` is called for each that is lost.
    """

    def __init__(self, cluster: ClusterLookout, name: str, own: str, on_lost: Callable[[ConnectionLost], None]) -> None:
        self.lookout = cluster
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._own = encoded(own)
        self._on_lost = on_lost
        self._doors: dict[Place, AsyncConnection] = {}
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def toward(self, channel: bytes, deadline: float) -> AsyncConnection:
        """The door to the owner of a channel. Raises RedisUnavailable where it is not to be had by then (loop time)."""
        door = self.open_door(channel)
        patience = min(deadline, self._loop.time() + FOUND_WITHIN)
        while door is None:
            try:
                async with self._opening:
                    door = self.open_door(channel) or await self._open(channel, patience)
            except PermissionDenied:
                raise
            except RedisUnavailable as error:
                if self._loop.time() + AGAIN_AFTER >= patience:
                    raise (TooLate if patience == deadline else RedisUnavailable)(str(error)) from None
                await asyncio.sleep(AGAIN_AFTER)
                await asyncio.to_thread(self.lookout.look_after, time.monotonic())
        return door

    def open_door(self, channel: bytes) -> AsyncConnection | None:
        """The same where it is open."""
        place = self.lookout.slots.owner(slot_of(channel))
        return None if place is None else self._doors.get(place)

    async def _open(self, channel: bytes, until: float) -> AsyncConnection:
        cluster = self.lookout
        place = await owner_soon(cluster, slot_of(channel), until)
        if (found := self._doors.get(place)) is not None:
            # The slot has come to a node that there is a door to.
            return found

        def lost(error: ConnectionLost) -> None:
            if self._doors.get(place) is door:
                del self._doors[place]
            self._on_lost(error)

        door = await opened_at(cluster, place, cluster.address(place), self._name, lost)
        if self._closing:
            door.close()
            raise RedisUnavailable("it was closed; nothing was sent")
        self._doors[place] = door
        return door

    # As an AsyncConnection has it

    @property
    def busy(self) -> bool:
        """Whether replies are due."""
        return any(door.busy for door in self._doors.values())

    def look(self, now: float) -> None:
        """See `AsyncConnection`."""
        for door in list(self._doors.values()):
            door.look(now)

    @property
    def silent(self) -> bool:
        """Those that are, are given up by `check`."""
        return False

    def check(self) -> float:
        """Ask for signs of life where none came lately, and give up what gives none; returns when to check again."""
        due = self._loop.time() + _NEVER
        for door in list(self._doors.values()):
            due = min(due, door.check())
            if door.silent:
                door.give_up()
        return due

    def send(self, command: Pending) -> None:
        """Send a probe."""
        door = self.open_door(self._own)
        if door is not None:
            door.send(command)
            return
        command.end(RedisUnavailable("it is not connected; nothing was sent"))

        async def connect() -> None:
            try:
                await self.toward(self._own, self._loop.time() + FOUND_WITHIN)
            except RedisUnavailable:
                # It is tried again with the next probe.
                pass

        if not self._tasks:
            self._tasks.add(task := self._loop.create_task(connect()))
            task.add_done_callback(self._tasks.discard)

    def end(self, reason: str) -> None:
        """End all of them, for that reason."""
        for door in list(self._doors.values()):
            door.end(reason)

    def close(self) -> None:
        """Free the sockets. Whoever waits for a reply is told so."""
        self._closing = True
        for door in self._doors.values():
            door.close()

    def abandon(self) -> None:
        """See `AsyncConnection`."""
        for door in self._doors.values():
            door.abandon()

    @property
    def closed(self) -> asyncio.Future[list[None]]:
        """Done when the sockets are freed."""
        return asyncio.gather(*(door.closed for door in self._doors.values()))


async def owner_soon(cluster: ClusterLookout, slot: int, until: float) -> Place:
    """The node that has a slot, as soon as there is one; `until` is in loop time."""
    place = cluster.slots.owner(slot)
    if place is not None:
        return place
    due = time.monotonic() + until - asyncio.get_running_loop().time()
    return await asyncio.to_thread(owner_of, cluster, slot, due)


async def listen_at_owner(
    cluster: ClusterLookout,
    name: str,
    channel: str,
    on_lost: Callable[[ConnectionLost], None],
    on_message: Callable[[bytes], None],
    *,
    patient: bool = True,
) -> AsyncConnection:
    """A connection that listens to a channel, at the node that has its slot.

    A node that cannot be reached is waited for only where it is to be `patient`.
    """
    loop, slot = asyncio.get_running_loop(), slot_of(encoded(channel))
    until = loop.time() + FOUND_WITHIN
    reached_until = until if patient else loop.time() + 2 * AGAIN_AFTER
    while True:
        link = None
        try:
            place = await owner_soon(cluster, slot, reached_until)
            link = await opened_at(
                cluster, place, cluster.address(place), name, on_lost, on_message, ShardedProtocol(), slot
            )
            await link.listen(channel)
            await asyncio.to_thread(cluster.introduce, channel)
            # The slot may have moved on meanwhile, and `on_lost` has been called for what nobody had yet.
            link.must_live()
            return link
        except BaseException as error:
            if link is not None:
                link.close()
            if not isinstance(error, RedisUnavailable) or isinstance(error, PermissionDenied):
                raise
            moving = isinstance(error, ConnectionLost) or _is_elsewhere(error)
            refused = isinstance(error, RedisRefused) and not moving
            if refused or loop.time() + AGAIN_AFTER >= (until if moving else reached_until):
                if isinstance(error, ConnectionLost):
                    raise RedisUnavailable(f"{error}; nothing was sent") from None
                raise explained(error) from None
            text = str(error)
        cluster.note_moved(slot, text)
        await asyncio.sleep(AGAIN_AFTER)
        await asyncio.to_thread(cluster.look)


def _is_elsewhere(error: RedisUnavailable) -> bool:
    return isinstance(error, RedisRefused) and is_elsewhere(ErrorReply(f"{error.code} "))
