"""Publishing bytes as they are, and hearing the answers on a reply channel of our own; also who is subscribed.

Nothing is ever sent again by itself. The connections are the framework's; this knows nothing of requests and answers.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable

from daebus.errors import PermissionDenied, RedisUnavailable
from daebus.transport.address import RedisAddress, client_label
from daebus.transport.bus import redis_at
from daebus.transport.commands import at_replica
from daebus.transport.places import clients as places
from daebus.transport.places.dialing import link_to
from daebus.transport.places.route import is_sharded
from daebus.transport.subscription import Subscription
from daebus.wire.resp import pack
from daebus_console import naming
from daebus_console.engine.listeners import listeners_in
from daebus_console.engine.message.envelope import CALLER_PREFIX

NAME = "daebus-console"
_CONNECT_WITHIN = 5.0
MOST_CHANNELS = 64
"""Channels on which answers are heard at once, each by a connection; ours is one of them."""
_LOOKS_ON = client_label("console")
_TRUST = 1.0
"""Seconds for which a channel that was served is taken to be served."""


class Crowded(Exception):
    """Answers would come on too many channels."""


class Wire:
    """`on_reply(channel, data)` is called on a thread of its own for each answer, `on_lost(error)` when answers may be
    missed. `own(channel)` is how many of those that get what is published on a channel only look on for us.

    Connects with `open`; `close` it in the end.
    """

    def __init__(
        self,
        address: RedisAddress,
        on_reply: Callable[[str, bytes], None],
        on_lost: Callable[[RedisUnavailable], None],
        own: Callable[[str], int] = lambda _channel: 0,
    ) -> None:
        self.address = address
        self.reply_to = f"{CALLER_PREFIX}{uuid.uuid4().hex}"
        self._publisher = redis_at(address.url).publisher(NAME)
        self._trusted: dict[str, float] = {}
        self._by_pattern: bool | None = None
        """Whether others may read by patterns, once that was asked."""
        self._on_reply, self._on_lost, self._own = on_reply, on_lost, own
        self._subscriptions: dict[str, Subscription] = {}

    def open(self) -> None:
        """Connect. Raises RedisUnavailable."""
        self.hear(self.reply_to)

    def hear(self, channel: str) -> None:
        """Return once what comes on that channel is heard, also by `on_reply`.

        Raises RedisUnavailable; Crowded where that would be one more than MOST_CHANNELS.
        """
        if channel in self._subscriptions:
            return
        if len(self._subscriptions) >= MOST_CHANNELS:
            raise Crowded(f"the answers of {MOST_CHANNELS} channels are waited for already, which is the most")
        heard = Subscription(self.address, NAME, [channel], self._on_reply, on_lost=self._on_lost, level=logging.DEBUG)
        try:
            heard.ensure(time.monotonic() + _CONNECT_WITHIN)
        except BaseException:
            heard.close()
            raise
        self._subscriptions[channel] = heard

    def publish(self, channel: str, data: bytes, *, by_pattern: bool = False) -> int | None:
        """Publish; returns how many are subscribed to just this channel, None where that was not asked.

        It is asked, and Redis waited for, once a second for each channel: doing so each time would make others late.
        With `by_pattern`, as other frameworks may read, those who got it so count where there are no others.
        Raises RedisUnavailable, also where it reached nobody since the server is a replica; or its ConnectionLost where
        the message may have arrived all the same.
        """
        if by_pattern and self._by_pattern is None:
            self._by_pattern = may_read_by_pattern(self.address, self._own(channel))
        now = time.monotonic()
        if now < self._trusted.get(channel, 0.0):
            self._publisher.post(channel, data)
            return None
        found = self._publisher.deliver(channel, data)
        if found.astray and found.receivers <= self._own(channel):
            raise RedisUnavailable(found.astray)
        count = found.subscribers
        if count == 0 and by_pattern and self._by_pattern:
            count = max(0, found.receivers - self._own(channel))
        if count != 0:
            self._trusted[channel] = now + _TRUST
        return count

    def close(self) -> None:
        """Give the connections back."""
        for heard in self._subscriptions.values():
            heard.close()
        self._publisher.close()


def count_subscribers(address: RedisAddress, channels: Iterable[str]) -> dict[str, int] | None:
    """How many clients are subscribed to just each of these channels; None where Redis does not let us ask.

    Raises RedisUnavailable.
    """
    names = list(dict.fromkeys(channels))
    try:
        counts = places.count_subscribers(address, [naming.to_bytes(name) for name in names], "counting subscribers")
    except PermissionDenied as error:
        if error.code == "NOPERM":
            return None
        raise
    # Where a node of a cluster does not answer, there may be somebody.
    return {name: 1 if count is None else count for name, count in zip(names, counts, strict=True)}


def may_read_by_pattern(address: RedisAddress, ours: int) -> bool:
    """Whether others than we, who are subscribed to so many patterns, may be subscribed to some: NUMSUB counts none of
    those. Raises RedisUnavailable.
    """
    if is_sharded(address.url):
        return False
    within = time.monotonic() + _CONNECT_WITHIN
    link, dialled = link_to(address, NAME, within)
    try:
        count = link.ask(pack(b"PUBSUB", b"NUMPAT"), within)
        if dialled.cluster is not None or not isinstance(count, int) or not count:
            # Each node of a cluster knows its own.
            return dialled.cluster is not None or not isinstance(count, int)
        reply = link.ask(pack(b"CLIENT", b"LIST", b"TYPE", b"PUBSUB"), within)
    finally:
        link.close()
    if not isinstance(reply, bytes):
        # A pattern of ours that others have, too, counts once.
        return count > ours
    # Consoles only look on.
    return any(one.name != _LOOKS_ON for one in listeners_in(reply, _LOOKS_ON))


def is_replica(address: RedisAddress) -> bool:
    """Whether the server is a replica: nobody at its master gets what is published there. Raises RedisUnavailable."""
    link, dialled = link_to(address, NAME, time.monotonic() + _CONNECT_WITHIN)
    link.close()
    return dialled.greeting.is_replica and dialled.cluster is None


def check_no_replica(address: RedisAddress) -> None:
    """Raise RedisUnavailable where the server is a replica: that nobody subscribes there says nothing."""
    if is_replica(address):
        raise RedisUnavailable(at_replica(address))
