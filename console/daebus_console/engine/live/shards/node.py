"""Reading at one node of a cluster the channels that belong to its slots: a `Tap` without patterns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.link import Link
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import PATIENCE, Dialled, dial_place
from daebus.transport.places.route import Place
from daebus.wire.names import encoded
from daebus.wire.sharded import ANNOUNCED
from daebus_console.engine.live.shards.subscriptions import ShardSubscriptions
from daebus_console.engine.live.sieve import Batch, Sieve
from daebus_console.engine.live.tap import Listener, Tap

_ANNOUNCED = encoded(ANNOUNCED)


class NodeTap(Tap):
    """Reads at the node of `place` what it is told to `follow`; see `Tap`.

    `on_announced(data)` is called for what those say who have subscribed to something.
    """

    # What is announced is to be read before something is said there.
    tick = 0.02

    def __init__(
        self,
        cluster: ClusterLookout,
        place: Place,
        listener: Listener,
        subscriptions: ShardSubscriptions,
        *,
        clock: Callable[[], float],
        longest_wait: float,
        on_announced: Callable[[bytes], None],
    ) -> None:
        super().__init__(
            cluster.address(place),
            listener,
            patterns=(),
            clock=clock,
            longest_wait=longest_wait,
            sieve=_NodeSieve(subscriptions, on_announced),
        )
        self.place = place
        self._cluster = cluster

    def _connect(self) -> tuple[Link, Dialled]:
        dialled = dial_place(self._cluster, self.place, "console", time.monotonic() + PATIENCE)
        if dialled.greeting.role == "replica":
            dialled.sock.close()
            raise RedisUnavailable(f"{dialled.node} is a replica: another node has its slots, or will")
        return Link(dialled.sock, str(dialled.node)), dialled


class _NodeSieve(Sieve):
    """See `Sieve`: each channel is subscribed to once, so that no message comes twice."""

    def __init__(self, subscriptions: ShardSubscriptions, on_announced: Callable[[bytes], None]) -> None:
        super().__init__(subscriptions)
        self._on_announced = on_announced

    def pick(self, replies: Iterable[Any], at: float) -> Batch:
        """See `Sieve`; what is announced is told."""
        batch: Batch = []
        append, names = batch.append, self._names
        for reply in replies:
            if reply.__class__ is not list or reply[0] != b"smessage":
                self.subscriptions.take(reply, at, time.monotonic())
            elif reply[1] == _ANNOUNCED:
                self._on_announced(reply[2])
            else:
                append((names[reply[1]], reply[2]))
        return batch
