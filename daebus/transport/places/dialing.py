"""Connecting: the one place where a connection to a Redis is made, wherever its URL leads."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from daebus.errors import PermissionDenied, RedisRefused, RedisUnavailable, TooLate, again
from daebus.transport.address import CONNECT_TIMEOUT, RedisAddress
from daebus.transport.link import Link
from daebus.transport.proof import Greeting
from daebus.transport.threads import in_time
from daebus.transport.url import SENTINEL

from .cluster import ClusterLookout
from .lookout import PATIENCE as PATIENCE
from .lookout import Lookout
from .route import Place, form_of, route_from, route_of
from .sentinels import SentinelLookout

_AGAIN_AFTER = 0.1
_TOLD_WITHIN = 2.5
"""Seconds in which it is found out where the servers are, where those that know do not answer."""
_lookouts: dict[str, Lookout] = {}


class Dialled(NamedTuple):
    """A connected socket, and what it is connected to. `lookout` is for a server that is one of several."""

    sock: socket.socket
    node: RedisAddress
    greeting: Greeting
    lookout: Lookout | None = None
    place: Place | None = None

    def guard(self, end: Callable[[str], object]) -> None:
        """Have the method `end(reason)` called when the server is no place to be any more; see `Lookout.guard`."""
        if self.lookout is not None and self.place is not None:
            self.lookout.guard(self.place, end)

    @property
    def cluster(self) -> ClusterLookout | None:
        """The cluster that it is a node of."""
        return self.lookout if isinstance(self.lookout, ClusterLookout) else None


def lookout_of(address: RedisAddress) -> Lookout | None:
    """What keeps watch over the servers behind an address; None where it is one server, as far as is known."""
    found = _lookouts.get(address.url)
    if found is None and (route := route_of(address.url)) is not None:
        made = SentinelLookout if route.kind == SENTINEL else ClusterLookout
        # Of two threads at once both have what one of them made.
        found = _lookouts.setdefault(address.url, made(str(address), route))
    return found


def found_cluster(address: RedisAddress) -> ClusterLookout | None:
    """The same for an address of one server that turned out to be a node of a cluster."""
    found = _lookouts.get(address.url)
    if found is None and (route := route_from(address.url)) is not None:
        found = _lookouts.setdefault(address.url, ClusterLookout(str(address), route, prefer_seeds=True))
    return found if isinstance(found, ClusterLookout) else None


def no_cluster(address: RedisAddress) -> None:
    """The server at an address is a node of a cluster no more."""
    found = _lookouts.pop(address.url, None)
    if found is not None:
        # Whoever has it still asks by new ones.
        found.links.close()


def refused_as_sentinel(address: RedisAddress, greeting: Greeting) -> RedisRefused | None:
    """The error for an address of one server that turns out to be a sentinel: it lets one subscribe to anything, and
    passes on nothing."""
    if greeting.mode != SENTINEL:
        return None
    return RedisRefused(
        f"cannot connect to Redis at {address}: it is a sentinel, which passes no messages on; "
        f"the master that it looks after has the URL {form_of(SENTINEL)}"
    )


def dial(address: RedisAddress, name: str, deadline: float | None = None, *, patient: bool = False) -> Dialled:
    """Connect; Redis lists the connection as `name`. `deadline` and errors are as for `RedisAddress.open`.

    Where one of several servers is to be had, the others are tried too; where none is, `patient` has it wait for one
    as long as connecting may take.
    """
    lookout = lookout_of(address)
    if lookout is not None:
        return _one_of(lookout, address, name, deadline, patient)
    sock, greeting = address.open(name, deadline)
    if (refused := refused_as_sentinel(address, greeting)) is not None:
        sock.close()
        raise refused
    if greeting.mode == "cluster" and (cluster := found_cluster(address)) is not None:
        return Dialled(sock, address, greeting, cluster, cluster.seeds[0])
    return Dialled(sock, address, greeting)


def link_to(address: RedisAddress, name: str, deadline: float | None = None) -> tuple[Link, Dialled]:
    """The same, to talk to."""
    dialled = dial(address, name, deadline)
    return Link(dialled.sock, str(dialled.node)), dialled


def dial_place(cluster: ClusterLookout, place: Place, name: str, deadline: float) -> Dialled:
    """Connect to just that node of a cluster, which is waited for a moment only: another may take its place.

    Not at all where the others hold it to have failed.
    """
    node = cluster.address(place)
    if cluster.wrong_with(place) is not None:
        # That may have been long ago.
        cluster.look_after(time.monotonic(), deadline)
        if (wrong := cluster.wrong_with(place)) is not None:
            raise RedisUnavailable(f"cannot connect to Redis at {node}: {wrong}")
    begun = time.monotonic()
    soon = min(deadline, begun + cluster.patience)
    try:
        sock, told = node.open(name, soon)
        cluster.took(time.monotonic() - begun)
    except TooLate as error:
        if soon < deadline:
            cluster.was_late(soon - begun)
            raise RedisUnavailable(str(error)) from None
        raise
    return Dialled(sock, node, told, cluster, place)


def _one_of(lookout: Lookout, address: RedisAddress, name: str, deadline: float | None, patient: bool) -> Dialled:
    until = time.monotonic() + CONNECT_TIMEOUT
    if deadline is not None:
        until = min(until, deadline)
    why: RedisUnavailable | None = None
    while True:
        found, more = _round(lookout, address, name, until, math.inf if deadline is None else deadline)
        if isinstance(found, Dialled):
            return found
        if why is None or not isinstance(found, TooLate):
            # A round that its time cut short tells less than one before it.
            why = found
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            raise TooLate(str(why))
        if not (more or patient) or isinstance(found, PermissionDenied) or now + _AGAIN_AFTER >= until:
            raise as_told(why)
        time.sleep(_AGAIN_AFTER)


def as_told(error: RedisUnavailable) -> RedisUnavailable:
    """The same of one of several servers: what it has refused, and else that it is not to be had, in time or at all."""
    return again(error) if isinstance(error, RedisRefused) else RedisUnavailable(str(error))


def _round(
    lookout: Lookout, address: RedisAddress, name: str, until: float, deadline: float
) -> tuple[Dialled | RedisUnavailable, bool]:
    """Try each server once; or why there is none, and whether one is to have more time now."""
    failed: RedisUnavailable | None = None
    late = 0.0
    # It may take longer than it should by what connecting takes, but not longer than whoever wants it has.
    end = deadline if until - time.monotonic() >= _TOLD_WITHIN + lookout.longer else until
    try:
        candidates = in_time(lookout.candidates, end, math.inf, f"where the servers of {address} are")
    except RedisUnavailable as error:
        return error, False
    # Where the way is long, to be told where they are has taken a good part of it.
    until = min(until + lookout.longer, deadline)
    for place, node in candidates:
        begun = time.monotonic()
        given = min(until - begun, lookout.patience)
        if given <= 0:
            # Those that know of them, or those before this one, took all of it.
            return failed or TooLate(f"no server of {address} answers in time"), False
        try:
            sock, greeting = node.open(name, begun + given)
        except PermissionDenied as error:
            return error, False
        except RedisUnavailable as error:
            failed, late = error, given if isinstance(error, TooLate) else 0.0
            continue
        wrong = lookout.misfit(greeting)
        if wrong is None:
            lookout.took(time.monotonic() - begun)
            return Dialled(sock, node, greeting, lookout, place), False
        if route_of(address.url) is None:
            no_cluster(address)
            return Dialled(sock, node, greeting), False
        sock.close()
        failed, late = RedisUnavailable(f"cannot connect to Redis at {node}: {wrong}"), 0.0
    more = late > 0 and lookout.was_late(late)
    return failed or RedisUnavailable(f"no server of {address} is known"), more
