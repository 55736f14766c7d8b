"""Connecting to the node that has a slot, wherever that moves; and what its refusals mean."""

from __future__ import annotations

import time

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate
from daebus.transport.address import refusal
from daebus.transport.commands import Pending
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import Dialled, dial_place
from daebus.transport.places.route import Place
from daebus.wire.resp import ErrorReply, pack
from daebus.wire.sharded import ELSEWHERE, slot_of

FOUND_WITHIN = 3.0
"""Seconds for which a slot without an owner is waited for: another node takes it over."""
AGAIN_AFTER = 0.1
_ONE_WITHIN = 1.0
NEEDS = "sharded Pub/Sub needs a cluster of Redis 7 or later, or of Valkey"


def is_elsewhere(reply: object) -> bool:
    """Whether a node says that it has done nothing, since it is for another one to do."""
    return type(reply) is ErrorReply and reply.code in ELSEWHERE


def heed(cluster: ClusterLookout, channel: bytes, command: Pending) -> None:
    """Heed what a node has replied to a command for a channel, where that says that its slot is elsewhere."""
    for reply in command.replies:
        if isinstance(reply, ErrorReply):
            cluster.note_moved(slot_of(channel), str(reply))


def owner_of(cluster: ClusterLookout, slot: int, until: float) -> Place:
    """The node that has a slot, as soon as there is one. Raises RedisUnavailable where there is none by then."""
    place = cluster.slots.owner(slot)
    if place is not None:
        return place
    while True:
        cluster.look()
        place = cluster.slots.owner(slot)
        if place is not None:
            return place
        if not cluster.slots.known:
            raise why_unknown(cluster)
        if time.monotonic() + AGAIN_AFTER >= until:
            raise RedisUnavailable(f"no node of {cluster.where} has the slot {slot}; nothing was sent")
        time.sleep(AGAIN_AFTER)


def dial_owner(cluster: ClusterLookout, slot: int, name: str, until: float) -> Dialled:
    """Connect to the node that has a slot, as soon as that is to be had; where the way is long that may take longer."""
    while True:
        failed: RedisUnavailable | None = None
        place = owner_of(cluster, slot, until)
        try:
            dialled = dial_place(cluster, place, name, until + cluster.longer)
            if dialled.greeting.role != "replica":
                return dialled
            dialled.sock.close()
            failed = RedisUnavailable(f"cannot connect to Redis at {dialled.node}: it has become a replica")
        except PermissionDenied:
            raise
        except RedisUnavailable as error:
            failed = RedisUnavailable(str(error))
        if time.monotonic() + AGAIN_AFTER >= until:
            raise failed
        time.sleep(AGAIN_AFTER)
        cluster.look()


def why_unknown(cluster: ClusterLookout) -> RedisUnavailable:
    """Why it is not known which node has which slot: the error to raise."""
    failed: RedisUnavailable | None = None
    for place, told in cluster.links.ask(cluster.seeds, pack(b"CLUSTER", b"NODES"), 1, _ONE_WITHIN).items():
        if isinstance(told, RedisUnavailable):
            failed = told if isinstance(told, PermissionDenied) else RedisUnavailable(str(told))
        elif isinstance(told[0], ErrorReply):
            refused = refusal(told[0], str(cluster.address(place)), "asking which node has which slot")
            if isinstance(refused, PermissionDenied):
                return PermissionDenied(f"{refused} (sharded Pub/Sub needs the right +cluster|nodes)", refused.code)
            failed = RedisUnavailable(f"{NEEDS}, and Redis at {place} is none ({told[0]}): leave sharded=True out")
        else:
            failed = RedisUnavailable(f"Redis at {place} does not tell which node has which slot")
    return failed or RedisUnavailable(f"no node of {cluster.where} answers")


def explained(error: RedisUnavailable) -> RedisUnavailable:
    """The same error, with what it means where the server does not know the commands."""
    if not isinstance(error, RedisRefused):
        return error
    if "unknown command" in str(error).lower() or "unknown subcommand" in str(error).lower():
        return RedisRefused(f"{error}: {NEEDS}", error.code)
    return error


def unsent(error: RedisUnavailable) -> RedisUnavailable:
    """The error for a question that came to nothing, before anything was sent."""
    if isinstance(error, ConnectionLost) and not isinstance(error, TooLate):
        return RedisUnavailable(f"{error}; nothing was sent")
    return error
