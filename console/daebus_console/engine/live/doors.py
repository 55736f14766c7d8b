"""Whom Redis lets in: who is connected for a service, and which of its users may not publish or subscribe to it.

Asked for one service when somebody wants to know why nothing comes of it. It takes rights (`CLIENT LIST`, `ACL USERS`,
`ACL DRYRUN`, the last since Redis 7) that a user need not have: what is not told is not known, and nothing is said.
"""

from __future__ import annotations

import time

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress, client_label
from daebus.transport.link import Link
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import link_to
from daebus.transport.places.route import is_sharded
from daebus.wire.resp import pack
from daebus_console import naming
from daebus_console.engine.doors import Doors, callers_in, users_in

_WITHIN = 3.0
_MOST_USERS = 50


def doors_of(address: RedisAddress, service: str, reply_to: str = "") -> Doors:
    """What Redis tells of the doors to that service, and of those through which it answers on `reply_to`.

    Nothing where it does not, or cannot be reached.
    """
    try:
        link, dialled = link_to(address, "console", time.monotonic() + _WITHIN)
    except RedisUnavailable:
        return Doors()
    try:
        until = time.monotonic() + _WITHIN
        return _asked(link, dialled.cluster, service, reply_to, is_sharded(address.url), until)
    except RedisUnavailable:
        return Doors()
    finally:
        link.close()


def _asked(
    link: Link, cluster: ClusterLookout | None, service: str, reply_to: str, sharded: bool, until: float
) -> Doors:
    users = users_in(link.ask(pack(b"ACL", b"USERS"), until))
    listing = pack(b"CLIENT", b"LIST")
    # Each node of a cluster knows its own, and the rights are to be the same at each.
    lists = [link.ask(listing, until)] if cluster is None else cluster.ask_all(listing, _WITHIN)[0]
    connected = frozenset[str]().union(*(callers_in(one, client_label(service)) for one in lists))
    channel = naming.to_bytes(service)
    publish, subscribe = (b"SPUBLISH", b"SSUBSCRIBE") if sharded else (b"PUBLISH", b"SUBSCRIBE")
    may_not_publish: dict[str, str] = {}
    may_not_subscribe: dict[str, str] = {}
    may_not_answer: dict[str, str] = {}
    doors = [([publish, channel, b""], may_not_publish), ([subscribe, channel], may_not_subscribe)]
    if reply_to:
        doors.append(([publish, naming.to_bytes(reply_to), b""], may_not_answer))
    for user in sorted({*connected, *users})[:_MOST_USERS]:
        for words, refused in doors:
            reply = link.ask(pack(b"ACL", b"DRYRUN", naming.to_bytes(user), *words), until)
            if isinstance(reply, bytes) and reply != b"OK":
                refused[user] = reply.decode("utf-8", "replace")
    return Doors(connected, may_not_publish, may_not_subscribe, may_not_answer, reply_to)
