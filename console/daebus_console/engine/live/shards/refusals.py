"""What the nodes of a cluster refuse to have read there, told as one. For one thread at a time."""

from __future__ import annotations

from daebus.transport.places.route import Place
from daebus.wire.sharded import WATCHED
from daebus_console.engine.live.rights import Refusal, missing_rules, rule_in, together
from daebus_console.engine.live.shards.found import is_ours
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions


class ShardRefusals:
    """Knows the subscriptions at each node that is read at, and which of these refuse some; `user` is who is refused.

    Redis does not say whether a channel is refused or the one that is subscribed to along with it. Where any two were
    granted, it is the channel.
    """

    def __init__(self, user: str) -> None:
        self._user = user
        self._nodes: dict[Place, ShardSubscriptions] = {}
        self._refusing: set[Place] = set()
        self._is_paired = False

    def __bool__(self) -> bool:
        return bool(self._refusing)

    def add(self, place: Place, subscriptions: ShardSubscriptions) -> None:
        """There is another node."""
        self._nodes[place] = subscriptions

    def drop(self, place: Place) -> None:
        """A node is read at no more."""
        self._nodes.pop(place, None)
        self._refusing.discard(place)

    def set(self, place: Place, *, refuses: bool) -> None:
        """A node refuses something, or nothing any more."""
        if refuses and place in self._nodes:
            self._refusing.add(place)
        else:
            self._refusing.discard(place)

    @property
    def changed(self) -> bool:
        """Whether more is known by now than when it was told last."""
        return bool(self) and not self._is_paired and any(one.paired for one in self._nodes.values())

    def tell(self) -> str | None:
        """What is refused, and the rules that are missing; None if nothing."""
        self._is_paired = any(one.paired for one in self._nodes.values())
        told = together(self._nodes[place].refused for place in self._refusing)
        if not self._is_paired:
            told = [_with_companions(one) for one in told]
        return missing_rules(told, self._user) if told else None


def _with_companions(refusal: Refusal) -> Refusal:
    if rule_in(refusal.text) is not None or all(map(is_ours, refusal.names)):
        return refusal
    pattern = f"{WATCHED}*"
    return refusal._replace(also=(f"&{pattern}",), so=f"each along with its {pattern}")
