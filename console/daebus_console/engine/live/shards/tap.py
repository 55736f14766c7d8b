"""The tap where each channel belongs to one node of a cluster (sharded Pub/Sub): it reads at all that have slots.

There are no patterns there. Whoever subscribes to a channel says so on another one, which is read from the start, and
what discovery lists is read as well. A channel is read at the owner of its slot, and at the next one when that moves.

Those that want something to be read never wait for it (see `Homes`), and whoever listens hears one thing at a time, as
from one thread (see `Account`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import lookout_of
from daebus.transport.places.route import Place
from daebus.transport.shards.owner import why_unknown
from daebus.wire.names import encoded
from daebus.wire.resp import pack
from daebus.wire.sharded import announced, slot_of
from daebus_console import naming
from daebus_console.engine.live.rights import user_of
from daebus_console.engine.live.shards.account import Account
from daebus_console.engine.live.shards.homes import Homes
from daebus_console.engine.live.shards.node import NodeTap
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions
from daebus_console.engine.live.sieve import Batch
from daebus_console.engine.live.tap import Listener
from daebus_console.engine.pairing.clock import Clock

LOOK_AFTER = 0.2
"""Seconds after which it is asked again who has a slot that is nobody's."""
SWEEP_AFTER = 1.0
"""Seconds after which it is looked whether every channel is read at the owner of its slot."""
SETTLED_WITHIN = 2.0
"""Seconds for which it waits at the start until all that there is is read."""
_TICK = 0.1
_LIST_WITHIN = 1.0
_LIST = pack(b"PUBSUB", b"SHARDCHANNELS")


class ShardTap:
    """Reads the channels that `patterns` (Redis globs) match, as they are found; see `Tap`, whose place it takes."""

    sharded = True

    def __init__(
        self,
        address: RedisAddress,
        listener: Listener,
        *,
        patterns: Sequence[str] = ("*",),
        clock: Callable[[], float] | None = None,
        longest_wait: float = 2.0,
    ) -> None:
        self.address = address
        self.patterns = tuple(dict.fromkeys(patterns))
        self.in_cluster = True
        lookout = lookout_of(address)
        assert isinstance(lookout, ClusterLookout)
        self._cluster = lookout
        self._clock = clock or Clock()
        self._longest_wait = longest_wait
        self._user = user_of(address.url)
        self._homes = Homes(self.patterns, lambda channel: lookout.slots.owner(slot_of(encoded(channel))))
        self._nodes: dict[Place, NodeTap] = {}
        self._account = Account(listener, self._clock, self._user)
        self._listed_at: float | None = None
        self._looked_at = self._swept_at = float("-inf")
        self._stirred = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """See `Tap`."""
        self._thread = threading.Thread(target=self._run, name="daebus-console-tap", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See `Tap`."""
        self._stopping.set()
        self._stirred.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
            self._thread = None
        for node in list(self._nodes.values()):
            node.stop()

    @property
    def silence(self) -> float:
        """See `Tap`: that of the node that is silent for the longest time; of one that is missing more is known."""
        nodes = list(self._nodes.items())
        return max((node.silence for place, node in nodes if not self._account.misses(place)), default=0.0)

    def prove(self, within: float = 0.0) -> None:
        """See `Tap`."""
        until = time.monotonic() + within
        nodes = [node for node in list(self._nodes.values()) if within or node.silence > _TICK]
        for node in nodes:
            node.prove()
        for node in nodes if within else ():
            node.prove(max(0.0, until - time.monotonic()))

    def move(self, reason: str) -> None:
        """See `Tap`."""
        for node in list(self._nodes.values()):
            node.move(reason)

    @property
    def answering(self) -> bool:
        """See `Tap`."""
        return any(node.answering for node in list(self._nodes.values()))

    @property
    def shards(self) -> int:
        """How many nodes have slots."""
        return len(self._cluster.slots.masters)

    @property
    def lacking(self) -> tuple[str, ...]:
        """See `Tap`: no pattern is refused where there are none."""
        return ()

    @property
    def refused(self) -> bool:
        """Whether channels are not read since the server refuses them."""
        return self._account.refused

    @property
    def partly(self) -> bool:
        """Whether some of what there is is not read."""
        return self._account.partly

    @property
    def missing(self) -> str | None:
        """See `Tap`: a node cannot be read at, or channels are on their way to another."""
        return self._account.missing

    # What is to be read. For any thread ----------------------------------------------------------------------------

    def follow(self, channels: Iterable[str]) -> None:
        """Read these channels, whoever is there."""
        self._homes.follow(channels)
        self._settle()

    def unfollow(self, channels: Iterable[str]) -> None:
        """Read these channels no more."""
        self._account.forget(self._homes.unfollow(channels))

    def unfollow_shown(self) -> None:
        """See `Tap`: nothing is shown by patterns."""

    def hear_of(self, channels: Iterable[str], *, any_name: bool = False) -> None:
        """Somebody is there, or will be in a moment: read those that the patterns match, or `any_name`."""
        self._homes.hear_of(channels, any_name=any_name)
        self._settle()

    def polled(self, listed: Collection[str], counts: Mapping[str, int]) -> None:
        """These channels are subscribed to by somebody, others by nobody; some have been counted."""
        self._account.forget(self._homes.polled(listed, counts))
        self._settle()

    def followed(self) -> frozenset[str]:
        """See `Tap`."""
        return frozenset(name for node in list(self._nodes.values()) for name in node.followed())

    def follows(self, channel: str) -> bool:
        """Whether a channel is to be read."""
        return self._homes.has(channel)

    def stepped(self, seconds: float) -> None:
        """See `Tap`."""
        for node in list(self._nodes.values()):
            node.stepped(seconds)

    def seen_since(self, channel: str) -> float | None:
        """See `Tap`."""
        home = self._homes.home(channel)
        node = self._nodes.get(home) if home is not None else None
        if node is None or self._account.misses(home) or self._account.misses(channel):
            return None
        return node.seen_since(channel)

    def await_seen(self, channel: str, within: float) -> bool:
        """Wait until a channel is read, where all is well; whether it is."""

        def seen() -> bool:
            return self.seen_since(channel) is not None

        self._account.await_seen(seen, within)
        return seen()

    def _settle(self) -> None:
        self._homes.settle()
        if self._homes.adrift:
            self._stirred.set()

    # The thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._tend()
            except RedisUnavailable as error:
                self._account.fail(str(error))
            if self._stirred.wait(_TICK):
                self._stirred.clear()
                # Where it is nobody's as yet, to look again at once would help nobody.
                self._stopping.wait(_TICK / 2)
            self._account.idle(_TICK)

    def _tend(self) -> None:
        now = time.monotonic()
        slots = self._cluster.slots
        if (self._homes.adrift or not slots.known) and now >= self._looked_at + LOOK_AFTER:
            self._cluster.look()
            self._looked_at = time.monotonic()
            if not slots.known:
                self._looked_at += self._longest_wait
                raise why_unknown(self._cluster)
        self._mind_the_nodes(slots.masters)
        if now >= self._swept_at + SWEEP_AFTER:
            self._swept_at = now
            astray = self._homes.astray()
            self._account.lose(astray, "slots have moved to another node")
            self._homes.cast_off(astray)
        self._settle()
        self._account.tell_missing()
        if not self._account.up:
            self._rise(now)

    def _mind_the_nodes(self, masters: frozenset[Place]) -> None:
        """Read at every node that has slots, and at no other."""
        new = {place: self._new_node(place) for place in masters - self._nodes.keys()}
        # All of them are known before one of them can say that it is not to be read at.
        self._nodes |= new
        for place, node in new.items():
            self._homes.add(place, node)
            node.start()
        for place in self._nodes.keys() - masters if masters else ():
            with self._account.telling:
                node = self._nodes.pop(place)
                self._account.drop(place, self._homes.at(place))
            self._homes.drop(place)
            node.stop()

    def _new_node(self, place: Place) -> NodeTap:
        subscriptions = ShardSubscriptions(
            self._user, confirmed=partial(self._confirmed, place), left=partial(self._left, place)
        )
        self._account.add(place, subscriptions)
        return NodeTap(
            self._cluster,
            place,
            _AtNode(self, self._account, place),
            subscriptions,
            clock=self._clock,
            longest_wait=self._longest_wait,
            on_announced=lambda data: self.hear_of(announced(data)),
        )

    def _rise(self, now: float) -> None:
        """Be up, when each node has been tried and all that there is by then is read."""
        if not self._account.all_tried:
            return
        if self._listed_at is None:
            self._list()
            self._listed_at = now
        if self._is_unsettled() and now < self._listed_at + SETTLED_WITHIN:
            return
        self._account.rise()

    def _is_unsettled(self) -> bool:
        """Whether channels are yet to be read, at nodes that are."""
        return not self.refused and any(
            self.seen_since(channel) is None for channel, home in self._homes.all() if not self._account.misses(home)
        )

    def _list(self) -> None:
        """Find all channels that there are."""
        try:
            replies, _error = self._cluster.ask_all(_LIST, _LIST_WITHIN)
        except RedisUnavailable:
            return
        names = {name for reply in replies if isinstance(reply, list) for name in reply}
        self.polled([naming.from_bytes(name) for name in names], {})

    # What the nodes tell, each on its thread -----------------------------------------------------------------------

    def on_batch(self, place: Place, batch: Batch) -> None:
        """Messages arrived at a node."""
        if self._homes.moved_lately:
            batch = [message for message in batch if self._homes.home(message[0]) == place]
        self._account.batch(batch)

    def on_up(self, place: Place) -> None:
        """A node is read from, with all channels that it is asked for."""
        self._account.node_up(place)
        self._stirred.set()

    def on_down(self, place: Place, reason: str) -> None:
        """A node is not read from, or no longer."""
        with self._account.telling:
            if not self._account.node_down(place, reason):
                return
            self._listed_at = None
        self._stirred.set()

    def _confirmed(self, place: Place, channel: str) -> None:
        """A channel is read at a node, or refused there."""
        with self._account.telling:
            if place in self._nodes and self._homes.home(channel) == place:
                self._account.find([channel])
            self._account.tell_more_of_refusals()

    def _left(self, place: Place, channel: str, reason: str) -> None:
        """A channel is not read any more where it was: its slot is elsewhere, or on its way."""
        if self._homes.home(channel) != place:
            return
        self._account.lose([channel], reason)
        slot = slot_of(encoded(channel))
        if not self._cluster.note_moved(slot, reason):
            self._cluster.slots.unsettled(slot)
        self._homes.cast_off([channel])
        self._stirred.set()


class _AtNode:
    """What the tap of one node tells, with which one that is; see `Listener`."""

    def __init__(self, tap: ShardTap, account: Account, place: Place) -> None:
        self._tap, self._account, self._place = tap, account, place

    def on_batch(self, _at: float, batch: Batch) -> None:
        self._tap.on_batch(self._place, batch)

    def on_up(self, _at: float) -> None:
        self._tap.on_up(self._place)

    def on_down(self, _at: float, reason: str) -> None:
        self._tap.on_down(self._place, reason)

    def on_idle(self, at: float) -> None:
        pass

    def on_refused(self, _at: float, _reason: str) -> None:
        self._account.node_refuses(self._place, refuses=True)

    def on_whole(self, _at: float) -> None:
        self._account.node_refuses(self._place, refuses=False)

    def on_cause(self, _at: float, cause: str) -> None:
        self._account.cause(cause)

    def on_part_lost(self, at: float, reason: str) -> None:
        pass

    def on_part_back(self, at: float) -> None:
        pass
