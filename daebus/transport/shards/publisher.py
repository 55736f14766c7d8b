"""Publishing to channels of all slots: through a door to each node, and once more where a node says that it is not its.

Whether somebody subscribes is asked of the owner before a request is published, so that what nobody serves is never
published; see `places.presence`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

from daebus.errors import PermissionDenied, RedisUnavailable, TooLate
from daebus.transport.address import RedisAddress
from daebus.transport.commander import due_at
from daebus.transport.commands import Delivery, Kinds, Pending, receivers
from daebus.transport.fork import mind_the_end
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.route import Place
from daebus.transport.publisher import PUBLISH_TIMEOUT, Publisher
from daebus.transport.sockets.waiter import Waiter
from daebus.wire.names import encoded
from daebus.wire.sharded import once_more, slot_of

from .again import Failed, OnceMore
from .door import Door, Elsewhere, Sharded, count_everywhere, is_missed, is_moved, publishing
from .owner import AGAIN_AFTER, FOUND_WITHIN, heed, owner_of

_SLICE = 0.02
"""Seconds of one look at a command that may turn out to be for another node."""

Told = Callable[[Delivery | RedisUnavailable], None]


class ShardedPublisher(Publisher):
    """Publishes to a cluster, each channel at the node that has its slot; see `Publisher`."""

    def __init__(self, address: RedisAddress, name: str, cluster: ClusterLookout) -> None:
        self._cluster = cluster
        super().__init__(address, name)

    def _begin(self) -> None:
        super()._begin()
        self._doors: dict[Place, Door] = {}
        self._making = threading.Lock()
        self._once_more = OnceMore(self.name, self.address)

    def after_fork(self) -> None:
        """See `Commander`; the doors see to themselves."""
        self._begin()

    @property
    def cluster(self) -> ClusterLookout | None:
        """See `Commander`."""
        return self._cluster

    # The doors

    def _door(self, place: Place) -> Door:
        door = self._doors.get(place)
        if door is None:
            with self._making:
                door = self._doors.get(place)
                if door is None:
                    door = Door(self.address, self.name, self._cluster, place)
                    self._doors[place] = door
        return door

    def open_door(self, channel: bytes) -> Door | None:
        """The door to the owner of a channel, where it is connected."""
        place = self._cluster.slots.owner(slot_of(channel))
        door = None if place is None else self._doors.get(place)
        return door if door is not None and door.usable else None

    def toward(self, channel: bytes, until: float) -> Door:
        """The door to the owner of a channel, connected. Raises RedisUnavailable where it is not to be had in time."""
        door = self.open_door(channel)
        if door is not None:
            return door
        slot = slot_of(channel)
        mind_the_end()
        begun = time.monotonic()
        patience = min(until, begun + FOUND_WITHIN)
        while True:
            door = self._door(owner_of(self._cluster, slot, patience))
            patience = min(until, begun + FOUND_WITHIN + self._cluster.longer)
            try:
                door.connect(patience)
                self.greeting = door.greeting
                return door
            except PermissionDenied:
                raise
            except RedisUnavailable as error:
                if time.monotonic() + AGAIN_AFTER >= patience:
                    late = isinstance(error, TooLate) or patience == until
                    raise (TooLate if late else RedisUnavailable)(str(error)) from None
            time.sleep(AGAIN_AFTER)
            self._cluster.look_after(time.monotonic(), until)

    def connect(self, deadline: float | None = None) -> None:
        """Connect to every node that has slots."""
        until = due_at(deadline)
        owner_of(self._cluster, 0, until)
        failed: RedisUnavailable | None = None
        for place in self._cluster.slots.masters:
            try:
                self._door(place).connect(until)
                self.greeting = self._door(place).greeting
            except PermissionDenied:
                raise
            except RedisUnavailable as error:
                failed = error
        if failed is not None and not any(door.usable for door in self._all()):
            raise failed

    def _all(self) -> list[Door]:
        return list(self._doors.values())

    @property
    def ready(self) -> bool:
        """See `Commander`: whether that is so at each node, since it may be for any."""
        doors, masters = self._doors, self._cluster.slots.masters
        return bool(masters) and all((door := doors.get(place)) is not None and door.ready for place in masters)

    @property
    def in_flight(self) -> int:
        """See `Commander`."""
        return sum(door.in_flight for door in self._all())

    def flush(self) -> None:
        """See `Commander`."""
        for door in self._all():
            door.flush()

    def look(self, after: float = 0.0) -> None:
        """See `Commander`."""
        for door in self._all():
            door.look(after)

    def settle(self, within: float) -> None:
        """See `Commander`."""
        until = time.monotonic() + within
        for door in self._all():
            door.settle(until - time.monotonic())

    def confirm(self, deadline: float | None = None) -> None:
        """See `Commander`."""
        until, failed = due_at(deadline), None
        for door in self._all():
            try:
                door.confirm(until)
            except RedisUnavailable as error:
                failed = error
        if failed is not None:
            raise failed

    def renew(self) -> None:
        """See `Commander`."""
        for door in self._all():
            door.renew()

    def move(self, reason: str) -> None:
        """See `Commander`."""
        for door in self._all():
            door.move(reason)

    def close(self) -> None:
        """See `Commander`."""
        self._once_more.closing()
        for door in self._all():
            door.close()

    def ask_packed(
        self, data: bytes, wanted: int, doing: str, kinds: Kinds, deadline: float | None = None
    ) -> list[Any]:
        """See `Commander`; it is asked of any node."""
        place = owner_of(self._cluster, 0, due_at(deadline))
        return self._door(place).ask_packed(data, wanted, doing, kinds, deadline)

    def is_at_replica(self, within: float) -> bool:  # noqa: ARG002 - a `Publisher` does
        """See `Publisher`: nodes of a cluster are told apart in other ways."""
        return False

    # Publishing

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """See `Publisher`."""
        return self._published(encoded(channel), channel, data, due_at(deadline))

    def _published(self, raw: bytes, channel: str, data: bytes, due: float) -> int:
        while True:
            command = publishing(raw, data, due)
            self.toward(raw, due).exchange(command)
            if not is_moved(command) or not self._elsewhere(raw, command, due):
                return receivers(command, channel, self.address)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """See `Publisher`; nothing is published where nobody subscribes."""
        due, raw = due_at(deadline), encoded(channel)
        present = self._present_at(raw, due)
        if present == 0:
            return Delivery(0, 0, time.monotonic())
        sent_at = time.monotonic()
        return Delivery(self._published(raw, channel, data, due), present, sent_at)

    def count(self, channels: Sequence[bytes], doing: str) -> list[int]:  # noqa: ARG002 - a `Publisher` does
        """See `Publisher`."""
        return [found or 0 for found in count_everywhere(self._cluster, channels)]

    def submit(self, channel: str, data: bytes, told: Told, deadline: float) -> Pending:
        """See `Publisher`."""
        raw = encoded(channel)
        return self._submit(raw, channel, data, told, deadline)[0]

    def _submit(
        self, raw: bytes, channel: str, data: bytes, told: Told, deadline: float
    ) -> tuple[Sharded, Door | None]:
        """The same, and through which door; None where nothing was published."""
        present = self._present_at(raw, deadline)
        if present == 0:
            command, found = Sharded(b"", 0, deadline), Delivery(0, 0, time.monotonic())
            command.sent_at = found.sent_at
            told(found)
            return command, None

        def ended(command: Pending) -> None:
            reply = command.replies[-1] if command.error is None else None
            if (is_moved(command) or is_missed(command, present)) and time.monotonic() < deadline:
                again = partial(self._submit_again, raw, channel, data, told, deadline, command)
                self._redirect(command, raw, again, told)
            elif type(reply) is int:
                told(Delivery(reply, present, command.sent_at or 0.0))
            else:
                told(self._why(command, channel))

        command = publishing(raw, data, deadline)
        command.ended = ended
        door = self.toward(raw, deadline)
        door.hand_in(command, deadline)
        return command, door

    def _submit_again(self, raw: bytes, channel: str, data: bytes, told: Told, deadline: float, first: Pending) -> None:
        """What one node has refused, or given to nobody, is for another: on the thread for that."""
        try:
            self._elsewhere(raw, first, deadline)
            again = data if is_moved(first) else once_more(data)
            command, door = self._submit(raw, channel, again, told, deadline)
            if door is not None:
                door.wait_for(command, Waiter(), command.is_done, deadline)
        except RedisUnavailable as error:
            told(error)
        finally:
            if first.waiter is not None:
                first.waiter.wake()

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
        raw, due = encoded(channel), inf if deadline is None else deadline

        def ended(command: Pending) -> None:
            if command.error is None and type(command.replies[-1]) is int:
                return
            if is_moved(command):
                self._redirect(
                    command, raw, lambda: self._publish_again(raw, channel, data, lambda _got: None, failed), failed
                )
            elif failed is not None:
                failed(self._why(command, channel))

        patience = min(due, time.monotonic() + PUBLISH_TIMEOUT if patience is None else patience)
        command = publishing(raw, data, due)
        command.ended = ended
        self.toward(raw, patience).hand_in_post(command, patience, failed, later)

    def publish_soon(
        self,
        channel: str,
        data: bytes,
        told: Callable[[int | RedisUnavailable], None],
        deadline: float,
        later: bool = False,
    ) -> Pending:
        """See `Publisher`."""
        raw = encoded(channel)

        def ended(command: Pending) -> None:
            if is_moved(command):
                self._redirect(command, raw, lambda: self._publish_again(raw, channel, data, told, told), told)
                return
            try:
                outcome: int | RedisUnavailable = receivers(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            told(outcome)

        command = publishing(raw, data, deadline)
        command.ended = ended
        self.toward(raw, deadline).hand_in(command, deadline, later)
        return command

    def _publish_again(
        self,
        raw: bytes,
        channel: str,
        data: bytes,
        told: Callable[[int], None],
        failed: Callable[[RedisUnavailable], None] | None,
    ) -> None:
        try:
            told(self._published(raw, channel, data, due_at(None)))
        except RedisUnavailable as error:
            if failed is not None:
                failed(error)

    def await_told(self, command: Pending, waiter: Waiter, ready: Callable[[], bool], deadline: float) -> None:
        """See `Publisher`. A command that was for another node is seen to by another thread, which wakes the waiter."""
        if not isinstance(command, Sharded) or (door := command.door) is None:
            return
        while not ready() and (now := time.monotonic()) < deadline:
            if command.moved:
                command.waiter = waiter
                waiter.sleep(min(_SLICE, deadline - now))
            else:
                door.wait_for(command, waiter, lambda: ready() or command.moved, deadline)
                if not command.moved:
                    return

    # What is for another node

    def _present_at(self, raw: bytes, due: float) -> int | None:
        """How many subscribe to a channel, or come soon; None where that is not known."""
        while True:
            try:
                return self.toward(raw, due).find(raw, due)
            except Elsewhere:
                if time.monotonic() >= due:
                    raise TooLate("the time was over before it was found where to send it; nothing was sent") from None
            except (PermissionDenied, TooLate):
                raise
            except RedisUnavailable:
                # The node is lost: another one takes its slots over. Nothing has been sent yet.
                if time.monotonic() + AGAIN_AFTER >= due:
                    raise
                self._cluster.look_after(time.monotonic(), due)
                self.toward(raw, due)

    def _elsewhere(self, raw: bytes, command: Pending, due: float) -> bool:
        """A node has refused a command, since another one is to have it; False where there is no more time for that."""
        heed(self._cluster, raw, command)
        if time.monotonic() + AGAIN_AFTER >= due:
            return False
        if not str(command.replies[-1]).startswith("MOVED"):
            time.sleep(AGAIN_AFTER)
        # Those that were in flight with it come here one after the other.
        self._cluster.look_after(time.monotonic() - AGAIN_AFTER, due)
        return True

    def _why(self, command: Pending, channel: str) -> RedisUnavailable:
        try:
            receivers(command, channel, self.address)
        except RedisUnavailable as error:
            return error
        return RedisUnavailable(f"Redis at {self.address} gave no answer")

    def _redirect(self, command: Pending, raw: bytes, send: Callable[[], None], failed: Failed | None) -> None:
        """Have something sent once more, on a thread for that: whoever calls this reads for all."""
        heed(self._cluster, raw, command)
        if isinstance(command, Sharded):
            command.moved = True
        self._once_more.put(send, failed, self.close)
