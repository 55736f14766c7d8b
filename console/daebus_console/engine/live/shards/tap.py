"""The tap where each channel belongs to one node of a cluster (sharded Pub/Sub): it reads at all that have slots.

There are no patterns there. Whoever subscribes to a channel says so on another one, which is read from the start, and
what discovery lists is read as well. A channel is read at the owner of its slot, and at the next one when that moves.

Rules of this file: `_telling` is held while the listener is called, and by whatever changes what is missing; so the
listener hears one thing at a time, as from one thread. Those that want something to be read never wait for it:
see `Homes`.
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
from daebus_console.engine.live.shards.homes import Homes
from daebus_console.engine.live.shards.missing import Missing
from daebus_console.engine.live.shards.node import NodeTap
from daebus_console.engine.live.shards.refusals import ShardRefusals
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
        self.node: RedisAddress | None = None
        """See `Tap`: it is none alone."""
        lookout = lookout_of(address)
        assert isinstance(lookout, ClusterLookout)
        self._cluster = lookout
        self._listener = listener
        self._clock = clock or Clock()
        self._longest_wait = longest_wait
        self._user = user_of(address.url)
        self._homes = Homes(self.patterns, lambda channel: lookout.slots.owner(slot_of(encoded(channel))))
        self._nodes: dict[Place, NodeTap] = {}
        self._telling = threading.RLock()
        self._missing = Missing()
        self._refusals = ShardRefusals(self._user)
        self._refusal: str | None = None
        self._reported: set[Place] = set()
        self._up = False
        self._listed_at: float | None = None
        self._heard_at = 0.0
        self._looked_at = self._swept_at = float("-inf")
        self._seen = threading.Condition()
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
        return max((node.silence for place, node in nodes if not self._missing.has(place)), default=0.0)

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
        return bool(self._refusals)

    @property
    def partly(self) -> bool:
        """Whether some of what there is is not read."""
        return self._up and (self._missing.any or self.refused)

    @property
    def missing(self) -> str | None:
        """See `Tap`: a node cannot be read at, or channels are on their way to another."""
        with self._seen:
            return self._missing.first if self._up and self._missing.any else None

    # What is to be read. For any thread ----------------------------------------------------------------------------

    def follow(self, channels: Iterable[str]) -> None:
        """Read these channels, whoever is there."""
        self._homes.follow(channels)
        self._settle()

    def unfollow(self, channels: Iterable[str]) -> None:
        """Read these channels no more."""
        self._forget(self._homes.unfollow(channels))

    def unfollow_shown(self) -> None:
        """See `Tap`: nothing is shown by patterns."""

    def hear_of(self, channels: Iterable[str], *, any_name: bool = False) -> None:
        """Somebody is there, or will be in a moment: read those that the patterns match, or `any_name`."""
        self._homes.hear_of(channels, any_name=any_name)
        self._settle()

    def polled(self, listed: Collection[str], counts: Mapping[str, int]) -> None:
        """These channels are subscribed to by somebody, others by nobody; some have been counted."""
        self._forget(self._homes.polled(listed, counts))
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
        if node is None or self._missing.has(home) or self._missing.has(channel):
            return None
        return node.seen_since(channel)

    def await_seen(self, channel: str, within: float) -> bool:
        """Wait until a channel is read, where all is well; whether it is."""

        def seen() -> bool:
            return self.seen_since(channel) is not None

        with self._seen:
            self._seen.wait_for(lambda: seen() or not self._up or self._missing.any or self.refused, within)
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
                with self._telling:
                    self._listener.on_down(self._clock(), str(error))
            if self._stirred.wait(_TICK):
                self._stirred.clear()
                # Where it is nobody's as yet, to look again at once would help nobody.
                self._stopping.wait(_TICK / 2)
            if time.monotonic() >= self._heard_at + _TICK:
                with self._telling:
                    self._listener.on_idle(self._clock())

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
            self._lose(astray, "slots have moved to another node")
            self._homes.cast_off(astray)
        self._settle()
        with self._telling:
            self._tell_missing()
        if not self._up:
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
            with self._telling:
                node = self._nodes.pop(place)
                self._reported.discard(place)
                # Before they are read elsewhere, or they would be missing for good.
                self._lose(self._homes.at(place), self._missing.reason(place) or f"{place} has no slots any more")
                self._forget([place])
                self._refusals.drop(place)
                self._tell_refused()
            self._homes.drop(place)
            node.stop()

    def _new_node(self, place: Place) -> NodeTap:
        subscriptions = ShardSubscriptions(
            self._user, confirmed=partial(self._confirmed, place), left=partial(self._left, place)
        )
        with self._telling:
            self._refusals.add(place, subscriptions)
        return NodeTap(
            self._cluster,
            place,
            _AtNode(self, place),
            subscriptions,
            clock=self._clock,
            longest_wait=self._longest_wait,
            on_announced=lambda data: self.hear_of(announced(data)),
        )

    def _rise(self, now: float) -> None:
        """Be up, when each node has been tried and all that there is by then is read."""
        with self._telling:
            tried = self._reported >= self._nodes.keys()
            if not tried or self._all_down():
                return
        if self._listed_at is None:
            self._list()
            self._listed_at = now
        if self._is_unsettled() and now < self._listed_at + SETTLED_WITHIN:
            return
        with self._telling:
            if self._all_down():
                return
            self._up = True
            self._listener.on_up(self._clock())
            self._tell_missing()

    def _is_unsettled(self) -> bool:
        """Whether channels are yet to be read, at nodes that are."""
        return not self._refusals and any(
            self.seen_since(channel) is None for channel, home in self._homes.all() if not self._missing.has(home)
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
        with self._telling:
            self._heard_at = time.monotonic()
            self._listener.on_batch(self._clock(), batch)

    def on_up(self, place: Place) -> None:
        """A node is read from, with all channels that it is asked for."""
        with self._telling:
            self._reported.add(place)
            self._found_again([place])
        self._stirred.set()

    def on_down(self, place: Place, reason: str) -> None:
        """A node is not read from, or no longer."""
        with self._telling:
            self._reported.add(place)
            if place not in self._nodes:
                return
            with self._seen:
                self._missing.lose([place], reason)
            if not self._all_down():
                self._tell_missing()
                return
            self._up = self._missing.told = False
            self._listed_at = None
            self._listener.on_down(self._clock(), reason)
        self._stirred.set()

    def on_refused(self, place: Place, *, refuses: bool) -> None:
        """A node refuses channels, or none any more."""
        with self._telling:
            self._refusals.set(place, refuses=refuses)
            self._tell_refused()

    def on_cause(self, cause: str) -> None:
        """Why a node was lost has become known."""
        with self._telling:
            self._listener.on_cause(self._clock(), cause)

    def _confirmed(self, place: Place, channel: str) -> None:
        """A channel is read at a node, or refused there."""
        with self._telling:
            if place in self._nodes and self._homes.home(channel) == place:
                self._found_again([channel])
            if self._refusals.changed:
                self._tell_refused()

    def _left(self, place: Place, channel: str, reason: str) -> None:
        """A channel is not read any more where it was: its slot is elsewhere, or on its way."""
        if self._homes.home(channel) != place:
            return
        self._lose([channel], reason)
        slot = slot_of(encoded(channel))
        if not self._cluster.note_moved(slot, reason):
            self._cluster.slots.unsettled(slot)
        self._homes.cast_off([channel])
        self._stirred.set()

    def _lose(self, what: Iterable[Place | str], reason: str) -> None:
        """These are not read from for now."""
        with self._telling:
            with self._seen:
                self._missing.lose(what, reason)
            self._tell_missing()

    def _forget(self, what: Iterable[Place | str]) -> None:
        with self._seen:
            self._missing.forget(what)

    def _found_again(self, what: Iterable[Place | str]) -> None:
        with self._telling:
            with self._seen:
                self._missing.find(what)
                self._seen.notify_all()
            self._tell_missing()

    def _tell_missing(self) -> None:
        """Tell whether a part is missing, where that has changed."""
        any_missing = self._missing.any
        if not self._up or any_missing == self._missing.told:
            return
        self._missing.told = any_missing
        if any_missing:
            self._listener.on_part_lost(self._clock(), self._missing.first)
        else:
            self._listener.on_part_back(self._clock())

    def _tell_refused(self) -> None:
        """Tell what all nodes refuse, where that has changed."""
        refusal = self._refusals.tell()
        if refusal == self._refusal:
            return
        self._refusal = refusal
        if refusal is not None:
            self._listener.on_refused(self._clock(), refusal)
        else:
            self._listener.on_whole(self._clock())

    def _all_down(self) -> bool:
        return all(self._missing.has(place) for place in list(self._nodes))


class _AtNode:
    """What the tap of one node tells, with which one that is; see `Listener`."""

    def __init__(self, tap: ShardTap, place: Place) -> None:
        self._tap, self._place = tap, place

    def on_batch(self, _at: float, batch: Batch) -> None:
        self._tap.on_batch(self._place, batch)

    def on_up(self, _at: float) -> None:
        self._tap.on_up(self._place)

    def on_down(self, _at: float, reason: str) -> None:
        self._tap.on_down(self._place, reason)

    def on_idle(self, at: float) -> None:
        pass

    def on_refused(self, _at: float, _reason: str) -> None:
        self._tap.on_refused(self._place, refuses=True)

    def on_whole(self, _at: float) -> None:
        self._tap.on_refused(self._place, refuses=False)

    def on_cause(self, _at: float, cause: str) -> None:
        self._tap.on_cause(cause)

    def on_part_lost(self, at: float, reason: str) -> None:
        pass

    def on_part_back(self, at: float) -> None:
        pass
