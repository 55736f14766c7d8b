"""Publishing at one node of a cluster what belongs to its slots; and who is there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Asking, Pending, Publishing
from daebus.transport.places.cluster import COUNTED_WITHIN, ClusterLookout
from daebus.transport.places.dialing import Dialled, dial_place
from daebus.transport.places.presence import ASK_AGAIN_AFTER
from daebus.transport.places.route import Place
from daebus.transport.publisher import Publisher
from daebus.transport.sockets.waiter import Waiter
from daebus.transport.threads import in_time
from daebus.wire.names import decoded
from daebus.wire.resp import ErrorReply
from daebus.wire.sharded import shardnumsub, slot_of, spublish, watched

from .owner import is_elsewhere, unsent


class Sharded(Publishing):
    """A command of a `Door`, of which it may turn out that another node is to have it: then it is `moved`."""

    door: Door | None = None
    moved = False


class Elsewhere(Exception):
    """What is asked of one node is for another one by now."""


class Untold(Exception):
    """Redis does not let us ask."""


class Door(Publisher):
    """A connection to one node, made when it is needed, on which what belongs to its slots is published."""

    def __init__(self, address: RedisAddress, name: str, cluster: ClusterLookout, place: Place) -> None:
        self._of = cluster
        self.place = place
        self._watched: set[bytes] = set()
        """The channels that somebody watches who is no subscriber."""
        super().__init__(address, name)

    def _dial(self, until: float) -> Dialled:
        return dial_place(self._of, self.place, self.name, until)

    @property
    def usable(self) -> bool:
        """Whether it is connected, as far as is known."""
        return self._has_usable()

    def hand_in(self, command: Sharded, patience: float, later: bool = False) -> None:
        """Have a command sent; see `Commander`."""
        command.door = self
        self._hand_in(command, patience, later)

    def exchange(self, command: Sharded) -> None:
        """The same, and wait for its replies. Raises RedisUnavailable."""
        command.door = self
        self._exchanged(command)

    def hand_in_post(
        self, command: Sharded, patience: float, failed: Callable[[RedisUnavailable], None] | None, later: bool
    ) -> None:
        """See `Publisher.post`."""
        command.door = self
        self._post(command, patience, failed, later)

    def wait_for(self, command: Pending, waiter: Waiter, over: Callable[[], bool], until: float) -> None:
        """Wait until `over()` or then, and read meanwhile."""
        self._await(command.connection, command, waiter, over, until)

    # Who is there

    def find(self, channel: bytes, due: float) -> int | None:
        """How many subscribe to a channel of this node, or come soon; None where that is not known.

        Raises Elsewhere where the channel belongs to another node by now, and RedisUnavailable.
        """
        slot, name = slot_of(channel), decoded(channel)
        while True:
            # Who was there a moment ago may be on his way to another node.
            since = -math.inf if self._of.slots.is_settled(slot) else time.monotonic()
            try:
                found = self._presence.find(name, -math.inf, lambda: self._subscribers(channel, due), since, due)
            except Untold:
                return None
            if channel in self._watched:
                # What is published reaches him, and so does not tell whether it has reached anybody else.
                self._presence.note(name, None)
            if found:
                return found
            slots = self._of.slots
            if slots.owner(slot) != self.place:
                raise Elsewhere
            if found is None:
                # They may be at a node that has been the owner.
                slots.unsettled(slot)
            settles_at = max(self._presence.settles_at, slots.settles_at(slot))
            if time.monotonic() + ASK_AGAIN_AFTER >= min(due, settles_at):
                return found
            time.sleep(ASK_AGAIN_AFTER)

    def _subscribers(self, channel: bytes, due: float) -> int | None:
        names = [channel, watched(channel)]
        try:
            command = Asking(shardnumsub(names), 1, due)
            command.counted = channel
            self._exchanged(command)
        except RedisUnavailable as error:
            raise unsent(error) from None
        here, watching = told_here(command.replies[0])
        (self._watched.add if watching else self._watched.discard)(channel)
        if here > 0:
            return here
        longest = COUNTED_WITHIN + self._of.longer
        return in_time(lambda: found_elsewhere(self._of, channel), due, longest, "who subscribes")


def told_here(reply: Any) -> tuple[int, int]:
    """How many subscribe to a channel and how many only watch it, as a node counts it and its companion. Raises Untold
    where it does not let us ask."""
    if isinstance(reply, ErrorReply):
        raise Untold
    watching = int(reply[3])
    return int(reply[1]) - watching, watching


def count_everywhere(cluster: ClusterLookout, channels: Sequence[bytes]) -> list[int | None]:
    """How many subscribe to each at any node, without those that only watch; None where that is not known."""
    names = [name for channel in channels for name in (channel, watched(channel))]
    found = cluster.count(names, kind=b"SHARDNUMSUB")
    return [
        None if here is None else max(0, here - (watching or 0))
        for here, watching in zip(found[::2], found[1::2], strict=True)
    ]


def found_elsewhere(cluster: ClusterLookout, channel: bytes) -> int | None:
    """What it says where nobody subscribes at the owner: 0, or None where somebody does elsewhere.

    He may be on the way: what is published at the owner would not reach him there.
    """
    return None if count_everywhere(cluster, [channel])[0] != 0 else 0


def publishing(channel: bytes, data: bytes, due: float) -> Sharded:
    """The command that publishes."""
    return Sharded(spublish(channel, data), 1, due)


def is_missed(command: Pending, present: int | None) -> bool:
    """Whether what was published reached nobody, though somebody was present: he is on the way to another node."""
    return bool(present) and command.error is None and command.replies[-1:] == [0]


def is_moved(command: Pending) -> bool:
    """Whether a command was refused, with nothing done, since it is for another node."""
    return command.error is None and bool(command.replies) and is_elsewhere(command.replies[-1])
