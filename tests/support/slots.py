"""Slots of a cluster in tests: who has them, and moving them."""

from __future__ import annotations

from collections.abc import Iterator

from daebus.wire.sharded import slot_of
from tests.support.several import SLOTS, Cluster, ClusterServer, order


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


def move(cluster: Cluster, slot: int, source: ClusterServer, target: ClusterServer) -> None:
    """Move a slot as the tools for that do."""
    order(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
    order(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
    while keys := order(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
        order(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
    for node in (target, source, *masters(cluster)):
        order(node, "CLUSTER", "SETSLOT", slot, "NODE", target.id)
