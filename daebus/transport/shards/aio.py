"""The doors of an event loop to the nodes of a cluster, each channel through that to the owner of its slot."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from functools import partial

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate, again
from daebus.transport.aio.connection import AsyncConnection
from daebus.transport.aio.dialing import beside, opened_at
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
        self._opening: dict[Place | int, asyncio.Task[None]] = {}
        """What opens doors: to a node, or to whichever has a slot."""
        self._closing = False

    async def toward(self, channel: bytes, deadline: float) -> AsyncConnection:
        """The door to the owner of a channel. Raises RedisUnavailable where it is not to be had by then (loop time).

        A task opens it for all that wait, and is none of theirs: what takes longer than the time that each of them has
        is done for the next.
        """
        if (door := self.open_door(channel)) is not None:
            # So it is nearly always, and a limit takes as long to set as all else.
            return door
        patience = min(deadline, self._loop.time() + FOUND_WITHIN)
        failed = f"Redis at {self.lookout.where} does not answer; nothing was sent"
        try:
            async with asyncio.timeout_at(patience):
                while (door := self.open_door(channel)) is None:
                    await asyncio.wait([opening := self._open_soon(slot_of(channel))])
                    if opening.cancelled() or self._closing:
                        raise RedisUnavailable("it was closed; nothing was sent")
                    if (error := opening.exception()) is None:
                        continue
                    if isinstance(error, PermissionDenied):
                        raise again(error)
                    if not isinstance(error, RedisUnavailable):
                        raise error
                    failed = str(error)
                    await asyncio.sleep(AGAIN_AFTER)
                    await beside(self.lookout.look_after, time.monotonic())
        except TimeoutError:
            raise (TooLate if patience == deadline else RedisUnavailable)(failed) from None
        return door

    def open_door(self, channel: bytes) -> AsyncConnection | None:
        """The same where it is open."""
        place = self.lookout.slots.owner(slot_of(channel))
        return None if place is None else self._doors.get(place)

    def _open_soon(self, slot: int) -> asyncio.Task[None]:
        """The task that opens the door to the node that has a slot."""
        key = self.lookout.slots.owner(slot) or slot
        task = self._opening.get(key)
        if task is None:
            task = self._loop.create_task(self._open(slot), context=contextvars.Context())
            self._opening[key] = task
            task.add_done_callback(partial(self._opened, key))
        return task

    def _opened(self, key: Place | int, task: asyncio.Task[None]) -> None:
        del self._opening[key]
        if not task.cancelled():
            # Nobody may wait for it any more, and asyncio is to know that it was looked at.
            task.exception()

    async def _open(self, slot: int) -> None:
        cluster = self.lookout
        place = await owner_soon(cluster, slot, self._loop.time() + FOUND_WITHIN)
        if place in self._doors:
            # The slot has come to a node that there is a door to.
            return

        def lost(error: ConnectionLost) -> None:
            if self._doors.get(place) is door:
                del self._doors[place]
            self._on_lost(error)

        door = await opened_at(cluster, place, cluster.address(place), self._name, lost)
        if self._closing or place in self._doors:
            door.close()
        else:
            self._doors[place] = door

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
        # Where that fails it is tried again with the next probe.
        self._open_soon(slot_of(self._own))

    def end(self, reason: str) -> None:
        """End all of them, for that reason."""
        for door in list(self._doors.values()):
            door.end(reason)

    def close(self) -> None:
        """Free the sockets. Whoever waits for a reply is told so."""
        self._closing = True
        for opening in self._opening.values():
            opening.cancel()
        for door in self._doors.values():
            door.close()

    def abandon(self) -> None:
        """See `AsyncConnection`."""
        for door in self._doors.values():
            door.abandon()

    @property
    def closed(self) -> asyncio.Future[list[BaseException | None]]:
        """Done when the sockets are freed."""
        doors = (door.closed for door in self._doors.values())
        return asyncio.gather(*doors, *self._opening.values(), return_exceptions=True)


async def owner_soon(cluster: ClusterLookout, slot: int, until: float) -> Place:
    """The node that has a slot, as soon as there is one; `until` is in loop time."""
    place = cluster.slots.owner(slot)
    if place is not None:
        return place
    due = time.monotonic() + until - asyncio.get_running_loop().time()
    return await beside(owner_of, cluster, slot, due)


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
            await beside(cluster.introduce, channel)
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
        await beside(cluster.look)


def _is_elsewhere(error: RedisUnavailable) -> bool:
    return isinstance(error, RedisRefused) and is_elsewhere(ErrorReply(f"{error.code} "))
