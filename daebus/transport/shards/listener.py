"""Listening to channels of one slot, at the node that has it, wherever that moves; see `Listener`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from daebus.errors import PermissionDenied, RedisRefused
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Pending
from daebus.transport.heart import Heart, Mover
from daebus.transport.listener import Listener
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import Dialled
from daebus.transport.proof import Proof
from daebus.transport.seen import Seen
from daebus.transport.sockets.connection import Connection
from daebus.wire.names import REPLIES, encoded
from daebus.wire.protocol import Protocol, ShardedProtocol
from daebus.wire.resp import ErrorReply
from daebus.wire.sharded import shardnumsub, slot_of, spublish, watched

from .door import Door
from .owner import AGAIN_AFTER, FOUND_WITHIN, dial_owner, explained, heed, is_elsewhere
from .publisher import ShardedPublisher


class ShardListener(Listener):
    """A listener whose channels all lie in one slot."""

    def __init__(
        self, address: RedisAddress, name: str, channels: Any, cluster: ClusterLookout, **options: Any
    ) -> None:
        super().__init__(address, name, channels, **options)
        self._cluster = cluster
        (self._slot,) = {slot_of(channel) for channel in self._channels}

    def _dial(self) -> Dialled:
        # Once it has been connected it is tried again anyway.
        patience = 0.0 if self.connections else FOUND_WITHIN
        return dial_owner(self._cluster, self._slot, self.name, time.monotonic() + max(patience, AGAIN_AFTER * 2))

    def _protocol(self) -> Protocol:
        return ShardedProtocol()

    def _guard(self, dialled: Dialled, connection: Connection) -> None:
        """See `Listener`: also when the slot has moved, should the node not say so."""
        if self._seen is None:
            self._seen = Seen()
        else:
            self._seen.moved(time.monotonic())
        if dialled.place is not None:
            self._cluster.guard(dialled.place, connection.fail, self._slot)

    def _subscribed(self) -> Connection:
        until = time.monotonic() + FOUND_WITHIN
        while True:
            try:
                return super()._subscribed()
            except PermissionDenied:
                raise
            except RedisRefused as error:
                if not is_elsewhere(ErrorReply(f"{error.code} ")) or time.monotonic() >= until:
                    raise explained(error) from None
                self._heed(str(error))

    def _back(self, connection: Connection) -> None:
        """See `Listener`: whoever watches the bus is told of the channels."""
        names = [name for raw, name in self._channels.items() if raw not in self._quietly]
        if not self.connections and len(names) == 1 and names[0].startswith(REPLIES):
            self._cluster.introduce(names[0])
        else:
            self._cluster.announce(names)
        super()._back(connection)

    def _heed(self, text: str) -> None:
        """A node has refused the channels, since their slot is another's."""
        if not self._cluster.note_moved(self._slot, text):
            time.sleep(AGAIN_AFTER)
            self._cluster.look()


class ShardProof(Proof):
    """The probes to a channel of sharded Pub/Sub."""

    def _counting(self) -> bytes:
        return shardnumsub([self._name, watched(self._name)])

    def _receivers_in(self, counted: list[Any]) -> int:
        """See `Proof`: whoever only watches the channel does not count."""
        return int(counted[1]) - int(counted[3])

    def _publishing(self) -> bytes:
        return spublish(self._name, self._data)

    def _tells_all(self) -> bool:
        """See `Proof`: the owner of the slot does, unless it has become a replica."""
        return self.greeting.role == "master"


class Toward:
    """What a `ShardedPublisher` has for one channel: the door to the owner of its slot."""

    def __init__(self, publisher: ShardedPublisher, cluster: ClusterLookout, channel: str) -> None:
        self.address = publisher.address
        self.name = publisher.name
        self.on_replica: Callable[[], object] = lambda: None
        self._publisher = publisher
        self._cluster = cluster
        self._channel = encoded(channel)
        self._door: Door | None = None

    def look(self, after: float = 0.0) -> None:
        """See `Commander`."""
        if self._door is not None:
            self._door.look(after)

    def beat(self, command: Pending) -> bool:
        """See `Commander`."""
        ended = command.ended

        def told(command: Pending) -> None:
            heed(self._cluster, self._channel, command)
            if ended is not None:
                ended(command)

        door = self._publisher.open_door(self._channel)
        if door is None:
            return False
        self._door = door
        command.ended = told
        return door.beat(command)

    def connect(self, deadline: float | None = None) -> None:
        """See `Commander`."""
        self._publisher.toward(self._channel, time.monotonic() + FOUND_WITHIN if deadline is None else deadline)

    def move(self, reason: str) -> None:
        """See `Commander`."""
        if self._door is not None:
            self._door.move(reason)

    def close(self) -> None:
        """See `Commander`."""
        self._publisher.close()

    def is_at_replica(self, within: float) -> bool:  # noqa: ARG002 - a `Publisher` does
        """See `Publisher`: in a cluster each node is told apart in other ways."""
        return False


def shard_heart(publisher: ShardedPublisher, cluster: ClusterLookout, listener: Mover, channel: str) -> Heart:
    """What proves that what is published to a channel arrives."""
    return Heart(Toward(publisher, cluster, channel), listener, channel, ShardProof(channel))
