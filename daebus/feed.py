"""One connection that is subscribed to some channels: made, read, pinged when silent, and given up when dead.

For one thread at a time; `Subscription` sees to that, and to when a lost feed connects again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from .connection import Link, RedisAddress, refusal
from .errors import ConnectionLost, RedisUnavailable
from .resp import INCOMPLETE, ErrorReply, pack
from .wakeup import WakeUp

log = logging.getLogger("daebus")

PING_AFTER = 5.0
"""Seconds of silence after which the link is asked whether it lives; as long again without an answer, it is dead."""
_PING = pack(b"PING")


class Feed:
    """Messages of the channels from one Redis. Channels of `optional` are left out where an ACL forbids them."""

    def __init__(self, address: RedisAddress, name: str, channels: Iterable[str], optional: Iterable[str] = ()) -> None:
        self.address = address
        self.name = name
        self._channels = {channel.encode(): channel for channel in channels}
        self._optional = {channel.encode() for channel in optional}
        self._link: Link | None = None
        self._early: deque[Any] = deque()
        self._heard_at = 0.0
        self._pinged = False
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
        self._pinged = False
        self._link = link

    def _confirm(self, link: Link, channel: bytes, deadline: float) -> None:
        while True:
            reply = link.next_reply(deadline)
            if isinstance(reply, ErrorReply):
                if channel not in self._optional:
                    raise refusal(reply, str(self.address), f"subscribing to {self._channels[channel]!r}")
                log.warning("Redis does not allow %s to subscribe to %r: %s", self.name, channel.decode(), reply)
                del self._channels[channel]
                return
            if isinstance(reply, list) and reply[0] == b"subscribe":
                return
            # A message of a channel that is subscribed already; its turn comes when all of them are.
            self._early.append(reply)

    def next(self, deadline: float | None = None) -> tuple[str, bytes] | None:
        """The next message as channel and data; None after `deadline` (monotonic), a wake-up call, or the end.

        Raises ConnectionLost where the link broke or shows no sign of life.
        """
        link = self._link
        if link is None:
            raise ConnectionLost(f"not connected to Redis at {self.address}")
        while True:
            while (reply := self._early.popleft() if self._early else link.reply()) is not INCOMPLETE:
                message = self._read(reply)
                if message is not None:
                    return message
                if self.finished:
                    return None
            now = time.monotonic()
            due = self._heard_at + (2 * PING_AFTER if self._pinged else PING_AFTER)
            if not link.wait((due if deadline is None or due < deadline else deadline) - now):
                now = time.monotonic()
                if now >= due:
                    self._ask_for_life(link)
                if deadline is not None and now >= deadline:
                    return None
            elif link.receive():
                self._heard_at = time.monotonic()
                self._pinged = False
            else:
                return None

    def _ask_for_life(self, link: Link) -> None:
        if self._pinged:
            raise link.lost(f"no sign of life for {2 * PING_AFTER:g} s")
        self._pinged = True
        link.send(_PING, time.monotonic() + PING_AFTER)

    def _read(self, reply: Any) -> tuple[str, bytes] | None:
        if isinstance(reply, ErrorReply):
            raise refusal(reply, str(self.address), "reading messages")
        if not isinstance(reply, list) or not reply:
            raise ConnectionLost(f"Redis at {self.address} sent something unexpected")
        if reply[0] == b"message":
            channel = self._channels.get(reply[1])
            return None if channel is None else (channel, reply[2])
        if reply[0] == b"unsubscribe" and reply[2] == 0:
            self.finished = True
        return None

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
