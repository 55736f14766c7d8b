"""Publishing several messages of sharded Pub/Sub at once, each at the node that has its slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.route import Place
from daebus.wire.resp import ErrorReply
from daebus.wire.sharded import slot_of, spublish


def spread(cluster: ClusterLookout, messages: Sequence[tuple[bytes, bytes]], within: float) -> list[tuple[bytes, Any]]:
    """What the nodes replied to the messages (channel, data) that they took or refused, each with its channel.

    None is sent twice. One whose slot is just on its way, or whose node does not answer, is not sent at all.
    """
    by_place: dict[Place, list[tuple[bytes, bytes]]] = {}
    for channel, data in messages:
        place = cluster.slots.owner(slot_of(channel))
        if place is not None:
            by_place.setdefault(place, []).append((channel, data))
    found: list[tuple[bytes, Any]] = []
    for place, some in by_place.items():
        told = cluster.links.ask([place], b"".join(spublish(*one) for one in some), len(some), within)[place]
        if not isinstance(told, list):
            continue
        for (channel, _data), reply in zip(some, told, strict=True):
            if not (isinstance(reply, ErrorReply) and cluster.note_moved(slot_of(channel), str(reply))):
                found.append((channel, reply))
    return found
