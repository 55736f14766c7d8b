"""Clients of redis-py, wherever a URL leads; and who subscribes, asked with no connection of one's own to keep.

redis-py is imported where it is needed; see `by_redis_py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress, refusal
from daebus.transport.url import SENTINEL
from daebus.wire.resp import ErrorReply, pack

from .cluster import ClusterLookout
from .dialing import link_to, lookout_of
from .route import is_sharded, route_of

_CHUNK = 500
"""Channels that are asked about at once."""


def client_of(address: RedisAddress, **options: Any) -> Any:
    """A redis-py client, as `RedisAddress.client` makes it: of the server, the master, or the cluster."""
    lookout, route = lookout_of(address), route_of(address.url)
    if lookout is None:
        return address.client(**options)
    if route is not None and route.kind == SENTINEL:
        return _of_master(address, options)
    from redis.cluster import ClusterNode, RedisCluster

    assert isinstance(lookout, ClusterLookout)
    given = lookout.address(lookout.seeds[0]).settings(**options)
    for name in ("db", "max_connections", "path"):
        given.pop(name, None)
    # redis-py has no annotations there.
    nodes = [ClusterNode(place.host, place.port) for place in lookout.seeds]  # type: ignore[no-untyped-call]
    return RedisCluster(startup_nodes=nodes, **given)


def _of_master(address: RedisAddress, options: dict[str, Any]) -> Any:
    from redis.sentinel import Sentinel

    route = route_of(address.url)
    assert route is not None
    asked = [RedisAddress(route.sentinel(place)) for place in route.seeds]
    sentinels = Sentinel([], sentinel_kwargs={})  # type: ignore[no-untyped-call]
    sentinels.sentinels = [one.client(socket_timeout=1.0, decode_responses=True) for one in asked]
    given = RedisAddress(route.node(route.seeds[0])).settings(**options)
    for name in ("host", "port", "path", "max_connections"):
        given.pop(name, None)
    return sentinels.master_for(route.master, **given)  # type: ignore[no-untyped-call]


def count_subscribers(
    address: RedisAddress, channels: Sequence[bytes], doing: str, within: float = 3.0
) -> list[int | None]:
    """How many subscribe to just each of these channels, in a cluster at any node; None where that is not known.

    Raises RedisUnavailable, PermissionDenied where Redis does not let us ask.
    """
    if is_sharded(address.url):
        return _count_shards(address, channels)
    link, dialled = link_to(address, "console", time.monotonic() + within)
    try:
        found: list[int | None] = []
        for start in range(0, len(channels), _CHUNK):
            some = channels[start : start + _CHUNK]
            if dialled.cluster is not None:
                found += dialled.cluster.count(some, within)
                continue
            reply = link.ask(pack(b"PUBSUB", b"NUMSUB", *some), time.monotonic() + within)
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(address), doing)
            if not isinstance(reply, list):
                raise RedisUnavailable(f"Redis at {address} does not tell who is subscribed")
            found += [int(count) for count in reply[1::2]]
        return found
    finally:
        link.close()


def _count_shards(address: RedisAddress, channels: Sequence[bytes]) -> list[int | None]:
    """The same with sharded Pub/Sub, without those that only watch."""
    from daebus.transport.shards.door import count_everywhere
    from daebus.transport.shards.owner import owner_of

    cluster = lookout_of(address)
    assert isinstance(cluster, ClusterLookout)
    owner_of(cluster, 0, time.monotonic())
    found: list[int | None] = []
    for start in range(0, len(channels), _CHUNK):
        found += count_everywhere(cluster, channels[start : start + _CHUNK])
    return found
