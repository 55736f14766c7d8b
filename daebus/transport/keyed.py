"""Commands on keys: in a cluster they go to the node that has the slot, wherever that moves; else where one publishes.

What a node refuses since the slot is elsewhere it has not done, so that it is asked for again there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from daebus.errors import ConnectionLost, RedisRefused, RedisUnavailable, again
from daebus.wire.resp import ErrorReply, pack
from daebus.wire.sharded import slot_of

from .address import refusal
from .commands import Asking, Kinds
from .places.cluster import ClusterLookout
from .places.dialing import Dialled, dial_place
from .places.links import AWAY_FOR
from .proof import hello
from .publisher import Publisher
from .sockets.connection import Connection

FOUND_WITHIN = 3.0
"""Seconds for which a slot without an owner, or with one that does not answer, is waited for: another takes it over."""
_ELSEWHERE = ("MOVED", "READONLY", "CLUSTERDOWN", "TRYAGAIN")
_AGAIN_AFTER = 0.1
_DOWN = ErrorReply("CLUSTERDOWN Hash slot not served")
"""As a node says it."""
_ASKING = pack(b"ASKING")


class Keys:
    """Keys in the slot of `one` of them, on the Redis of a publisher. For any thread."""

    def __init__(self, publisher: Publisher, one: bytes) -> None:
        self.publisher = publisher
        self._one = one
        self._owner: _Owner | None = None

    def ask(self, commands: Sequence[bytes], doing: str, kinds: Kinds) -> list[Any]:
        """The replies to packed commands on such keys; `kinds` and errors are as of `Publisher.ask`."""
        cluster = self.publisher.cluster
        if cluster is None:
            return self.publisher.ask_packed(b"".join(commands), len(commands), doing, kinds)
        owner = self._owner
        if owner is None:
            owner = self._owner = _Owner(cluster, self.publisher, slot_of(self._one))
        return owner.asked(commands, doing, kinds)

    def ask_each(self, commands: Sequence[bytes], kinds: Kinds) -> list[Any]:
        """The replies to commands, with the errors among them. Not in a cluster, where each may be elsewhere."""
        return self.publisher.ask_each(b"".join(commands), len(commands), kinds)

    @property
    def in_cluster(self) -> bool:
        """Whether they are in a cluster, as far as is known."""
        return self.publisher.cluster is not None

    @property
    def are_away(self) -> bool:
        """Whether the node of a cluster that has them has been waited for in vain."""
        owner = self._owner
        return owner is not None and owner.down is not None

    @property
    def lost_at(self) -> float:
        """When a connection of its own to the node that has them was last found lost (a time of `time.monotonic()`).

        Of what it was told before that the node there is now may know nothing.
        """
        owner = self._owner
        return -math.inf if owner is None else owner.lost_at

    def beat(self) -> None:
        """Ask for a sign of life on the connection of its own, where there is one. Waits for nothing."""
        owner = self._owner
        if owner is not None:
            owner.ask_for_life()

    def count(self, channels: Sequence[bytes], doing: str) -> list[int]:
        """How many subscribe to each channel; see `Publisher.count`."""
        return self.publisher.count(channels, doing)

    def close(self) -> None:
        """Close what it has of its own."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.close()


class _Owner(Publisher):
    """A connection to the node that has a slot."""

    def __init__(self, cluster: ClusterLookout, publisher: Publisher, slot: int) -> None:
        super().__init__(publisher.address, publisher.name)
        self._cluster = cluster
        self._slot = slot
        self.down: RedisUnavailable | None = None
        """Why there is none to be had, where one has been waited for in vain: then nobody waits again before it is."""
        self._tried_at = self._lost_at = -math.inf

    def _begin(self) -> None:
        super()._begin()
        self._left: dict[Connection, None] = {}
        """Those to nodes that the slot has left, on which something is in flight for others."""

    def after_fork(self) -> None:
        """See `Commander`."""
        for connection in self._left:
            connection.abandon()
        super().after_fork()

    def close(self) -> None:
        """See `Commander`."""
        super().close()
        for connection in list(self._left):
            self._left.pop(connection, None)
            connection.fail("closed while waiting for Redis")

    @property
    def lost_at(self) -> float:
        """See `Keys`."""
        connection = self._connection
        return self._lost_at if connection is None else max(self._lost_at, connection.ended_at)

    def ask_for_life(self) -> None:
        """See `Keys.beat`."""
        self._part()
        self.look()
        connection = self._connection
        if connection is not None and not connection.in_flight:
            # What needs no right. It does not know its connection, which may be left with this in flight.
            connection.submit(Asking(hello(), 1, math.inf))

    def asked(self, commands: Sequence[bytes], doing: str, kinds: Kinds) -> list[Any]:
        """As `Keys.ask`, of whichever node has the slot."""
        begun = time.monotonic()
        self._check_tried(begun)
        try:
            return self._asked(commands, doing, kinds, begun + (0.0 if self.down else FOUND_WITHIN))
        except ConnectionLost as error:
            if time.monotonic() >= begun + FOUND_WITHIN:
                self._note_down(RedisUnavailable(f"{error}; nothing was sent"))
            raise

    def _check_tried(self, now: float) -> None:
        """Raise why the owner does not answer, where that was found out a moment ago, or somebody is about to.

        What the nodes say, that there is none, takes no time: it is asked for anew.
        """
        down = self.down
        if down is None or isinstance(down, RedisRefused) or self._has_usable():
            return
        if now < self._tried_at + AWAY_FOR:
            raise again(down)

    def _note_down(self, error: RedisUnavailable) -> None:
        self.down, self._tried_at = error, time.monotonic()

    def _asked(self, commands: Sequence[bytes], doing: str, kinds: Kinds, until: float) -> list[Any]:
        moving = ""
        while True:
            try:
                if moving:
                    replies = self._ask_once(moving, commands, doing)
                else:
                    replies = self.ask_packed(b"".join(commands), len(commands), doing, kinds)
                self.down = None
                return replies
            except RedisRefused as error:
                moving = str(error) if error.code == "ASK" else ""
                if moving:
                    continue
                if error.code not in _ELSEWHERE or time.monotonic() >= until:
                    self.down = again(error) if error.code in _ELSEWHERE else None
                    raise
            time.sleep(_AGAIN_AFTER)
            self._cluster.look()
            self._lost_at = self.lost_at
            left, self._connection = self._connection, None
            if left is not None:
                self._left[left] = None
            self._part()

    def _part(self) -> None:
        """Close what was left, as soon as those that are in flight there have their answers."""
        for connection in list(self._left):
            connection.look()
            if not connection.in_flight:
                self._left.pop(connection, None)
                connection.fail("the slot has moved to another node")

    def _dial(self, until: float) -> Dialled:
        """Connect to the owner, as soon as there is one; where there is none in time, the cluster is down for it."""
        now = time.monotonic()
        # Many may have waited for the one that tried before.
        self._check_tried(now)
        self._tried_at = now
        if self._connection is not None:
            self._lost_at = now if self._connection.error is None else self._connection.ended_at
        patience = 0.0 if self.down else FOUND_WITHIN
        try:
            return self._dial_owner(min(until, now + patience), min(until, now + FOUND_WITHIN))
        except RedisUnavailable as error:
            self._note_down(again(error))
            raise

    def _dial_owner(self, patience: float, until: float) -> Dialled:
        while True:
            self._cluster.look()
            node = self._cluster.owner(self._slot)
            failed: RedisUnavailable | None = None
            if node is not None:
                try:
                    return dial_place(self._cluster, self._cluster.place_of(node), self.name, until)
                except RedisUnavailable as error:
                    failed = error
            if time.monotonic() + _AGAIN_AFTER >= patience:
                raise failed or refusal(_DOWN, str(self.address), "finding the node that has a slot")
            time.sleep(_AGAIN_AFTER)

    def _ask_once(self, moving: str, commands: Sequence[bytes], doing: str) -> list[Any]:
        """The slot is on its way: the key is, or is to be made, at the node that is named."""
        place = self._cluster.place_named(moving.rpartition(" ")[2])
        replies = self._cluster.links.ask([place], _asking(commands), 2 * len(commands), FOUND_WITHIN)[place]
        if isinstance(replies, RedisUnavailable):
            raise replies
        for reply in replies[1::2]:
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(self._cluster.address(place)), doing)
        return replies[1::2]


def _asking(commands: Sequence[bytes]) -> bytes:
    return b"".join(_ASKING + command for command in commands)
