"""Slots of a cluster in tests: who has them, and moving them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from daebus.wire.sharded import slot_of
from tests.support.redis_server import RedisServer
from tests.support.several import SLOTS, Cluster, ClusterServer, lines_of, order
from tests.support.waiting import eventually

_PROMOTED_WITHIN = 5.5
"""Seconds after which a manual failover is given up by the servers, and a little more."""


def names(prefix: str) -> Iterator[str]:
    """A name in the slots of each of three masters."""
    for share in range(3):
        yield next(
            name
            for name in (f"{prefix}{number}" for number in range(10_000))
            if slot_of(name.encode()) * 3 // SLOTS == share
        )


def masters(cluster: Cluster) -> list[ClusterServer]:
    return [node for node in cluster.nodes if order(node, "ROLE")[0] == "master"]


def owner(cluster: Cluster, channel: str) -> ClusterServer:
    """The master at which a channel is subscribed."""
    return next(node for node in masters(cluster) if order(node, "PUBSUB", "SHARDNUMSUB", channel)[1])


def replicates(node: RedisServer) -> int | None:
    """The port of the master whose replica a node is, if it is one."""
    role = order(node, "ROLE")
    return int(role[2]) if role[0] == "slave" else None


def promote(replica: RedisServer) -> None:
    """Have a replica take its master's place, though that lives; returns when it has."""
    ordered_at = -math.inf

    def is_done() -> bool:
        nonlocal ordered_at
        if order(replica, "ROLE")[0] == "master":
            return True
        # One that is not heard by the other masters in time comes to nothing.
        if time.monotonic() > ordered_at + _PROMOTED_WITHIN:
            ordered_at = time.monotonic()
            order(replica, "CLUSTER", "FAILOVER")
        return False

    eventually(is_done, within=30, every=0.02, what="a replica is the master")


def move(cluster: Cluster, slot: int, source: ClusterServer, target: ClusterServer) -> None:
    """Move a slot as the tools for that do."""
    order(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    order(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    while keys := order(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
        order(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source, *masters(cluster)):
        order(node, "CLUSTER", "SETSLOT", slot, "NODE", target.id)


def with_slot(cluster: Cluster, slot: int, *lost: RedisServer) -> ClusterServer | None:
    """The master that says of itself that it has a slot, among those that are not lost; None where there is none."""
    for node in cluster.nodes:
        if node not in lost and any("myself,master" in line and _has(line, slot) for line in lines_of(node)):
            return node
    return None


def _has(line: str, slot: int) -> bool:
    ranges = [word.partition("-") for word in line.split()[8:] if not word.startswith("[")]
    return any(int(low) <= slot <= int(high or low) for low, _dash, high in ranges)


def seen_lost(cluster: Cluster, *lost: RedisServer) -> None:
    """Wait until the nodes that are left have noticed."""
    ports = {f":{node.port}@" for node in lost}

    def seen() -> bool:
        return all(
            "fail" in line
            for node in cluster.nodes
            if node not in lost
            for line in lines_of(node)
            if any(port in line for port in ports)
        )

    eventually(seen, within=30, every=0.02, what="the others have noticed")
