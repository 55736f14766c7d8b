"""One connection that is subscribed to some channels: made, read, pinged when silent, and given up when dead.

For one thread at a time; `Subscription` sees to that, and to when a lost feed connects again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .connection import Link, RedisAddress, refusal
from .errors import ConnectionLost, PermissionDenied, RedisUnavailable
from .resp import INCOMPLETE, ErrorReply, pack
from .turns import Relay
from .wakeup import WakeUp

log = logging.getLogger("daebus")

PING_AFTER = 5.0
"""Seconds of silence after which the link is asked whether it lives; as long again without an answer, it is dead."""
QUIET = 0.01
"""Seconds without a message after which what comes in beside is waited for as well. A shorter timer would cost more
than it brings: the kernel has to set its clock for it."""
RELAYED_WITHIN = 0.001
"""Seconds after which those that have not been woken one by one are woken all."""
LOOK_EVERY = 0.001
"""Seconds between two looks at what came in beside, while messages come."""
_PING = pack(b"PING")


class Beside(Protocol):
    """What else is seen to by the thread that waits for messages; see `Publisher`."""

    opened: Callable[[], None]

    def look(self, after: float) -> bool: ...

    def wait_with(self, link: Link, until: float) -> bool: ...


class Feed:
    """Messages of the channels from one Redis. Channels of `optional` are left out where an ACL forbids them.

    The thread that waits for a message sees to `beside` meanwhile, and to the `relay` of those for whom some came.
    """

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        optional: Iterable[str] = (),
        beside: Beside | None = None,
        relay: Relay | None = None,
    ) -> None:
        self.address = address
        self.name = name
        self._channels = {channel.encode("utf-8", "surrogateescape"): channel for channel in channels}
        self._optional = {channel.encode("utf-8", "surrogateescape") for channel in optional}
        self._link: Link | None = None
        self._early: deque[Any] = deque()
        self._beside = beside
        self._relay = relay or Relay()
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._pings = 0
        self.finished = False
        """Whether Redis has confirmed that nothing is subscribed any more; see `unsubscribe`."""

    @property
    def open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._link is not None

    def connect(self, wake_up: WakeUp | None = None) -> None:
        """Connect and subscribe to every channel, each confirmed. `wake_up` ends a wait in `next`.

        Raises RedisUnavailable, or PermissionDenied where Redis refuses us or a channel.
        """
        link = self.address.connect(self.name)
        try:
            if wake_up is not None:
                link.watch(wake_up.descriptor)
            wanted = list(self._channels)
            deadline = time.monotonic() + PING_AFTER
            link.send(b"".join(pack(b"SUBSCRIBE", channel) for channel in wanted), deadline)
            for channel in wanted:
                self._confirm(link, channel, deadline)
        except RedisUnavailable as error:
            self._early.clear()
            link.dispose()
            raise self.address.not_connected(error) from None
        self._heard_at = time.monotonic()
        self._pinged_at = None
        self._pings = 0
        self._link = link

    def _confirm(self, link: Link, channel: bytes, deadline: float) -> None:
        while True:
            reply = link.next_reply(deadline)
            if isinstance(reply, ErrorReply):
                refused = refusal(reply, str(self.address), f"subscribing to {self._channels[channel]!r}")
                if channel not in self._optional or not isinstance(refused, PermissionDenied):
                    raise refused
                log.warning("Redis does not allow %s to subscribe to %r: %s", self.name, self._channels[channel], reply)
                del self._channels[channel]
                return
            if isinstance(reply, list) and reply[0] == b"subscribe":
                return
            # A message of a channel that is subscribed already; its turn comes when all of them are.
            self._early.append(reply)

    def next(self, deadline: float | None = None) -> tuple[str, bytes] | None:
        """The next message as channel and data; None after `deadline` (monotonic), at the end, or for no reason.

        Raises ConnectionLost where the link broke or shows no sign of life.
        """
        link = self._link
        if link is None:
            raise ConnectionLost(f"not connected to Redis at {self.address}")
        while True:
            message = self.received()
            if message is not None or self.finished:
                return message
            due = PING_AFTER + (self._heard_at if self._pinged_at is None else self._pinged_at)
            if not self._wait(link, due if deadline is None or due < deadline else deadline):
                now = time.monotonic()
                if now >= due:
                    self._ask_for_life(link, now)
                if deadline is not None and now >= deadline:
                    return None
            elif link.receive():
                self._heard_at = time.monotonic()
                self._pinged_at = None
            else:
                return None

    def received(self) -> tuple[str, bytes] | None:
        """The next message among those that have arrived, if there is one; see `next`."""
        link = self._link
        while link is not None:
            reply = self._early.popleft() if self._early else link.reply()
            if reply is INCOMPLETE:
                break
            message = self._read(reply)
            if message is not None or self.finished:
                return message
        return None

    @property
    def has_more(self) -> bool:
        """Whether more has arrived than the messages that were returned."""
        link = self._link
        return bool(self._early) or (link is not None and link.has_more)

    def _wait(self, link: Link, until: float) -> bool:
        """Wait until there is something to read; False at `until`."""
        beside = self._beside
        if beside is not None and beside.look(LOOK_EVERY):
            return True
        if self._relay.step() and self._relay.rush(RELAYED_WITHIN):
            if link.wait(min(RELAYED_WITHIN, until - time.monotonic())):
                return True
            self._relay.rush()
        if beside is None:
            return link.wait(until - time.monotonic())
        return link.wait(min(QUIET, until - time.monotonic())) or beside.wait_with(link, until)

    def _ask_for_life(self, link: Link, now: float) -> None:
        # Counted from the ping: if it was us who slept, the answer is yet to come.
        if self._pinged_at is not None:
            raise link.lost(f"no sign of life for {2 * PING_AFTER:g} s")
        self._pinged_at = now
        self._pings += 1
        link.send(_PING, now + PING_AFTER)

    def _read(self, reply: Any) -> tuple[str, bytes] | None:
        if isinstance(reply, ErrorReply):
            self._refused(reply)
            return None
        if not isinstance(reply, list) or not reply:
            raise ConnectionLost(f"Redis at {self.address} sent something unexpected")
        if reply[0] == b"message":
            channel = self._channels.get(reply[1])
            return None if channel is None else (channel, reply[2])
        if reply[0] == b"pong":
            self._pings -= 1
        elif reply[0] == b"unsubscribe" and reply[2] == 0:
            self.finished = True
        return None

    def _refused(self, reply: ErrorReply) -> None:
        """Whoever refuses lives: in many a state Redis refuses PING, and messages come all the same."""
        if self._pings:
            self._pings -= 1
            log.debug("%s: Redis at %s refuses PING: %s", self.name, self.address, reply)
        else:
            # That was UNSUBSCRIBE; what had been published before it has come.
            raise refusal(reply, str(self.address), "unsubscribing")

    def unsubscribe(self) -> None:
        """Ask for the end; what had been published before it still comes, then `finished` is true."""
        if self._link is not None:
            self._link.send(pack(b"UNSUBSCRIBE"), time.monotonic() + PING_AFTER)

    def disconnect(self) -> None:
        """Free the connection, if there is one."""
        link, self._link = self._link, None
        self._early.clear()
        if link is not None:
            link.dispose()
