"""A cluster: which of its nodes to be at, who subscribes anywhere in it, and which node has a key."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Sequence
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.proof import Greeting
from daebus.wire.names import encoded
from daebus.wire.protocol import MOVED_AWAY
from daebus.wire.resp import ErrorReply, ProtocolError, pack
from daebus.wire.sharded import ANNOUNCED, announcement, shardnumsub, slot_of, spublish, watched

from .links import Links
from .lookout import SETTLES_WITHIN, Lookout
from .nodes import Node, View, agreed, view
from .route import Place, Route
from .slots import Slots

ASK_WITHIN = 0.5
"""Seconds that a node may take for an answer."""
COUNTS_WITHIN = 1.0
"""The same where it is asked who subscribes."""
COUNTED_WITHIN = 3.0
"""Seconds that all of that may take, where some do not answer."""
DOUBTED_FOR = 1.0
"""Seconds for which others may not reach a node before it is held to be no place to be."""
WATCHED_WITHIN = 0.05
"""Seconds for which a caller waits until whoever watches the bus reads its answers, too."""
_ASK_AGAIN_AFTER = 0.002
_SOME = 3
_ANNOUNCED = encoded(ANNOUNCED)
_AT_ONCE = 100
"""Channels that are announced with one message."""
_MOST_WAITING = 10_000
_ATTEMPTS = 3
_QUESTION = pack(b"CLUSTER", b"NODES")
_chance = random.Random()
"""Of our own: what a program has seeded is not to depend on where it connects."""


class ClusterLookout(Lookout):
    """All nodes, masters and replicas, as most of those see them that answer."""

    def __init__(self, where: str, route: Route, *, prefer_seeds: bool = False) -> None:
        super().__init__(where, Links(lambda place: RedisAddress(route.node(place)), "lookout"))
        self._route = route
        self.seeds = route.seeds
        """Those that the URL names."""
        self._prefer_seeds = prefer_seeds
        self._view: View | None = None
        self.slots = Slots(self.place_of)
        """Which node has which slot."""
        self._ids: dict[Place, str] = {}
        self._reached: dict[str, Place] = {}
        self._bad_since: dict[str, float] = {}
        self._lost_at: dict[Place, float] = {}

    def _begin(self) -> None:
        super()._begin()
        self._to_announce: dict[str, None] = {}
        self._may_announce = True

    def address(self, place: Place) -> RedisAddress:
        """The address of a node there."""
        return RedisAddress(self._route.node(place))

    # Where to be

    def candidates(self) -> list[tuple[Place, RedisAddress]]:
        """See `Lookout`: those that are reached by the others, in any order; then all others."""
        if self._view is None or self._thread is None:
            self.look()
        good = [place for place in self._places() if self.wrong_with(place) is None]
        _chance.shuffle(good)
        seeds = list(self._route.seeds)
        first = [place for place in seeds if self.wrong_with(place) is None] if self._prefer_seeds else []
        lost = set(self._lost_at)
        ordered = sorted(dict.fromkeys([*first, *good, *seeds]), key=lambda place: place in lost)
        return [(place, self.address(place)) for place in ordered]

    def misfit(self, greeting: Greeting) -> str | None:
        """See `Lookout`: it is to be a node of a cluster."""
        if greeting.mode in ("", "cluster"):
            return None
        return "it is no node of a cluster (the URL of one server begins with redis:// or rediss://)"

    def wrong_with(self, place: Place) -> str | None:
        """See `Lookout`."""
        seen, number = self._view, self._ids.get(place)
        if seen is None or number is None:
            return None
        node = seen.find(number)
        if node is None:
            return "it is no node of the cluster any more"
        if node.is_failed:
            return "the cluster holds it to have failed"
        since = self._bad_since.get(number)
        if since is not None and time.monotonic() > since + DOUBTED_FOR:
            return "the other nodes do not reach it"
        return None

    def _places(self) -> list[Place]:
        """Where each node is: as it was reached, else as the others tell."""
        seen = self._view
        if seen is None:
            return list(self._route.seeds)
        return [self._reached.get(node.id, node.place) for node in seen.nodes if node.place.host and node.place.port]

    # How things stand

    def look(self) -> None:
        """See `Lookout`: some nodes are asked, and all where those see anything else than was seen before."""
        places = self._places()
        some = places if len(places) <= _SOME else _chance.sample(places, _SOME)
        seen = self._seen_by(some)
        before = self._view
        if before is None or seen is None or seen.good != before.good or len(seen.nodes) != len(before.nodes):
            known = dict.fromkeys([*places, *self._route.seeds])
            told = (self._reached.get(node.id, node.place) for node in (seen.nodes if seen else ()))
            seen = self._seen_by([*known, *(place for place in told if place not in known and place.host)]) or seen
        if seen is not None:
            self._take(seen)

    def _seen_by(self, places: Sequence[Place]) -> View | None:
        """What most of them see."""
        views: dict[Place, View] = {}
        told_by = self.links.ask(places, _QUESTION, 1, ASK_WITHIN, patient=self._view is None)
        for place, reply in told_by.items():
            if isinstance(reply, RedisUnavailable):
                self._lost(place)
                continue
            self._lost_at.pop(place, None)
            told: Any = reply[0]
            if not isinstance(told, bytes):
                continue
            try:
                views[place] = one = view(told.decode("utf-8", "replace"), place)
            except ProtocolError:
                continue
            if one.myself is not None:
                self._ids[place] = one.myself.id
                self._reached[one.myself.id] = place
        return agreed(views.values())

    def _take(self, seen: View) -> None:
        now, before = time.monotonic(), self._view
        for node in seen.nodes:
            self._ids.setdefault(node.place, node.id)
            if node.is_good:
                self._bad_since.pop(node.id, None)
            else:
                self._bad_since.setdefault(node.id, now)
        if before is not None and before.good - seen.good:
            self.changed_at = now
        self._view = seen
        self.slots.take(seen)

    def _lost(self, place: Place) -> None:
        """A node does not answer us."""
        if place not in self._lost_at:
            self._lost_at[place] = self.changed_at = time.monotonic()

    # Who is there

    def count(
        self, channels: Sequence[bytes], within: float = COUNTS_WITHIN, kind: bytes = b"NUMSUB", *, all_of: bool = True
    ) -> list[int | None]:
        """How many subscribe to each, anywhere; None where that is not known, and there may be somebody.

        Where it need not be `all_of` them, since it is asked only if there is anybody, a node that has not answered
        lately is waited for only where nobody is at the others.
        """
        lost = set(self._lost_at)
        if lost and not all_of:
            found = self._count([place for place in self._places() if place not in lost], channels, within, kind)
            if all(found):
                return found
        found = self._count(self._places(), channels, within, kind)
        if 0 in found:
            # A node that has just been added is known to the others already.
            known = set(self._places())
            self.look()
            if set(self._places()) - known:
                found = self._count(self._places(), channels, within, kind)
        return found

    def _count(
        self, places: Sequence[Place], channels: Sequence[bytes], within: float, kind: bytes
    ) -> list[int | None]:
        told = self.links.ask(places, pack(b"PUBSUB", kind, *channels), 1, within)
        sums, certain = [0] * len(channels), bool(told) and self._view is not None
        for place, replies in told.items():
            reply: Any = None if isinstance(replies, RedisUnavailable) else replies[0]
            if isinstance(reply, list):
                self._lost_at.pop(place, None)
                sums = [total + int(one) for total, one in zip(sums, reply[1::2], strict=True)]
            elif isinstance(reply, ErrorReply) or not self._is_long_gone(place):
                certain = False
        return [total if total or certain else None for total in sums]

    def ask_all(self, data: bytes, within: float) -> tuple[list[Any], RedisUnavailable | None]:
        """The replies of all nodes to one packed command, and why that of one is missing that may have one.

        Raises RedisUnavailable where none answers.
        """
        told = self.links.ask(self._places(), data, 1, within)
        found = [replies[0] for replies in told.values() if not isinstance(replies, RedisUnavailable)]
        if not found:
            raise next(
                (one for one in told.values() if isinstance(one, RedisUnavailable)),
                RedisUnavailable(f"no node of {self.where} is known"),
            )
        away = {place: replies for place, replies in told.items() if isinstance(replies, RedisUnavailable)}
        return found, next((error for place, error in away.items() if not self._is_long_gone(place)), None)

    def _is_long_gone(self, place: Place) -> bool:
        """Whether a node that does not answer has been away for so long that whoever was there is elsewhere."""
        self._lost(place)
        away = time.monotonic() > self._lost_at[place] + SETTLES_WITHIN
        return away and self.wrong_with(place) is not None

    def misses(self, place: Place, slot: int) -> str | None:
        """See `Lookout`."""
        # The node says so itself, as a rule, and before it does it is where the others are, too. One that has become a
        # replica may keep its subscribers, and lets them hear what its master is told, or does not.
        if self.slots.has_long_left(slot, place) or self._replicates_owner(slot, place):
            return MOVED_AWAY
        return self.wrong_with(place)

    def _replicates_owner(self, slot: int, place: Place) -> bool:
        """Whether a node is a replica, as far as is known, and another one has the slot."""
        seen, number, owner = self._view, self._ids.get(place), self.slots.owner(slot)
        node = None if seen is None or number is None else seen.find(number)
        return node is not None and not node.is_master and owner not in (None, place)

    def owner(self, slot: int) -> Node | None:
        """The master that has a slot, as far as is known."""
        return None if self._view is None else self._view.owner(slot)

    def place_named(self, text: str) -> Place:
        """The place that a node names as HOST:PORT; where it says no host, it is the one of the URL."""
        host, _colon, port = text.rpartition(":")
        return Place(host.strip("[]") or self.seeds[0].host, int(port))

    def note_moved(self, slot: int, text: str) -> bool:
        """Heed what a node has said where a slot is, if it did: `MOVED 3999 127.0.0.1:6381` at the end of a text."""
        words = text[text.find("MOVED ") :].split()
        if len(words) != 3 or words[0] != "MOVED":
            return False
        try:
            self.slots.moved(slot, self.place_named(words[2]))
        except ValueError:
            return False
        return True

    # Telling who watches the bus

    def announce(self, channels: Iterable[str]) -> None:
        """Say soon that these channels of sharded Pub/Sub have been subscribed to, to whom it may concern.

        It is said by the thread that looks, so that nobody waits for that. Nothing depends on it: where it is not
        allowed, or a node fails, nobody is told.
        """
        if self._may_announce and len(self._to_announce) < _MOST_WAITING:
            self._to_announce.update(dict.fromkeys(channels))
            self._stirred.set()

    def introduce(self, channel: str) -> None:
        """Say now that somebody has subscribed to a channel, and give whoever watches the bus a moment to read it, too.

        So the first message there is seen. Nobody is waited for where nobody watches, or nodes are being replaced.
        """
        if time.monotonic() < self.changed_at + SETTLES_WITHIN:
            self.announce([channel])
            return
        if not self._may_announce or not self._announce([channel]):
            return
        raw, until = encoded(channel), time.monotonic() + WATCHED_WITHIN
        slot, question = slot_of(raw), shardnumsub([watched(raw)])
        while (left := until - time.monotonic()) > 0:
            counted = self._owner_says(slot, question, left)
            if not isinstance(counted, list) or counted[1]:
                return
            time.sleep(_ASK_AGAIN_AFTER)

    def _attend(self) -> None:
        waiting, self._to_announce = self._to_announce, {}
        names = list(waiting)
        for start in range(0, len(names), _AT_ONCE):
            if self._may_announce:
                self._announce(names[start : start + _AT_ONCE])

    def _announce(self, channels: Iterable[str]) -> bool:
        """Say it now; whether somebody has heard it."""
        slot, command = slot_of(_ANNOUNCED), spublish(_ANNOUNCED, announcement(channels))
        for _ in range(_ATTEMPTS):
            reply = self._owner_says(slot, command, ASK_WITHIN)
            if not isinstance(reply, ErrorReply):
                return bool(reply)
            # Each refusal is a line in the server's ACL LOG.
            self._may_announce = reply.code != "NOPERM"
            if not self.note_moved(slot, str(reply)):
                break
        return False

    def _owner_says(self, slot: int, command: bytes, within: float) -> Any:
        """What the owner of a slot replies to a command; None where it does not."""
        place = self.slots.owner(slot)
        told = None if place is None else self.links.ask([place], command, 1, within)[place]
        return told[0] if isinstance(told, list) else None

    def place_of(self, node: Node) -> Place:
        """Where to connect to a node."""
        return self._reached.get(node.id, node.place)
