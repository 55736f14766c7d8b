"""Subscribing: one supervised connection that survives whatever Redis and the network do.

A reader thread connects, subscribes, reads, pings a silent link, and after a loss connects again for ever.
Rules of this file: only the reader thread touches the link; others change the wish (`_channels`, `_closing`)
and wake it.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .connection import Link, RedisAddress, refusal
from .errors import ConnectionLost, PermissionDenied, RedisUnavailable
from .resp import INCOMPLETE, ErrorReply, pack

log = logging.getLogger("daebus")

PING_AFTER = 5.0
"""Seconds of silence after which the link is asked whether it lives; as long again without an answer, it is dead."""
LONGEST_DELAY = 1.0
"""Seconds between two attempts to reconnect, at most."""
REFUSED_DELAY = 5.0
"""Seconds between two attempts where Redis refused us for want of rights."""
_PING = pack(b"PING")


class Subscription:
    """Keeps a set of channels subscribed and hands each message to `on_message(channel, data)`.

    `on_message` runs on the reader thread and must be quick. `on_lost(error)` and `on_back()` are called
    there too, after a link that had been up is gone, and when it is up again. Channels of `optional` are
    left out where an ACL forbids them. `level` is the level of the one line logged for a loss and a return.
    """

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        on_message: Callable[[str, bytes], None],
        *,
        on_lost: Callable[[RedisUnavailable], None] | None = None,
        on_back: Callable[[], None] | None = None,
        optional: Iterable[str] = (),
        level: int = logging.WARNING,
    ) -> None:
        self.address = address
        self.name = name
        self._channels = {channel.encode(): channel for channel in channels}
        self._optional = {channel.encode() for channel in optional}
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_back = on_back
        self._level = level
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = -1, -1
        self._signalled = False
        self._draining = False
        self._closing = False
        self._nudged = False
        self._failed_at = 0.0
        self._error: RedisUnavailable | None = None
        self._wanted: set[bytes] = set()
        self._unconfirmed = 0
        self.connected = False
        self.connections = 0
        """How often the channels have been subscribed."""

    def ensure(self, deadline: float) -> None:
        """Return once every channel is subscribed; raise what the next attempt to connect ran into.

        Starts the reader thread on first use, and cuts short a pause between two attempts.
        """
        if self.connected:
            return
        begun = time.monotonic()
        with self._changed:
            self._start()
            self._nudged = True
            self._signal()
            while not self.connected:
                if self._closing:
                    raise RedisUnavailable(f"the connection to Redis at {self.address} was closed")
                if self._error is not None and self._failed_at >= begun:
                    raise type(self._error)(str(self._error))
                if not self._changed.wait(deadline - time.monotonic()):
                    raise RedisUnavailable(f"Redis at {self.address} does not answer; nothing was sent")

    def drain(self, deadline: float) -> bool:
        """Unsubscribe from everything and hand over what had arrived by then; False where that took too long."""
        with self._changed:
            self._draining = True
            self._signal()
            while self.connected and not self._closing:
                if not self._changed.wait(deadline - time.monotonic()):
                    return False
        return True

    def close(self, timeout: float = 2.0) -> None:
        """Give the connection up and end the reader thread (unless called from it)."""
        with self._changed:
            self._closing = True
            self._signal()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self._thread = threading.Thread(target=self._run, name=f"daebus-reader-{self.name}", daemon=True)
            self._thread.start()

    def _signal(self) -> None:
        """Wake the reader from whatever it waits in. Called with `_changed` held."""
        if not self._signalled and self._wake_write >= 0:
            self._signalled = True
            os.write(self._wake_write, b"!")

    def _heed(self) -> None:
        """Clear the wake-up call, so that the next one is noticed."""
        with self._changed:
            if self._signalled:
                self._signalled = False
                os.read(self._wake_read, 16)

    def _run(self) -> None:
        attempts = 0
        lost_at: float | None = None
        try:
            while not self._closing and not self._draining:
                try:
                    link = self._open()
                except RedisUnavailable as error:
                    self._failed(error, lost_at, attempts)
                    attempts += 1
                    self._pause(_delay(attempts, error))
                    continue
                attempts = 0
                lost_at = self._serve(link, lost_at)
        finally:
            with self._changed:
                self.connected = False
                self._closing = True
                wake_read, wake_write = self._wake_read, self._wake_write
                self._wake_read = self._wake_write = -1
                self._changed.notify_all()
            os.close(wake_read)
            os.close(wake_write)

    def _serve(self, link: Link, lost_at: float | None) -> float:
        """Read until the link breaks or we are to stop; returns when that was."""
        try:
            self._up(lost_at)
            self._read(link)
        except RedisUnavailable as error:
            self._down(error)
        finally:
            with self._changed:
                self.connected = False
                self._changed.notify_all()
            link.dispose()
        return time.monotonic()

    def _open(self) -> Link:
        """Connect and subscribe to every channel, each confirmed."""
        with self._changed:
            self._nudged = False
        link = self.address.connect(self.name)
        try:
            link.watch(self._wake_read)
            wanted = list(self._channels)
            deadline = time.monotonic() + PING_AFTER
            link.send(b"".join(pack(b"SUBSCRIBE", channel) for channel in wanted), deadline)
            for channel in wanted:
                self._confirm(link, channel, deadline)
        except RedisUnavailable:
            link.dispose()
            raise
        return link

    def _confirm(self, link: Link, channel: bytes, deadline: float) -> None:
        while True:
            reply = link.next_reply(deadline)
            if isinstance(reply, ErrorReply):
                if channel not in self._optional:
                    raise refusal(reply, str(self.address), f"subscribing to {self._channels[channel]!r}")
                log.warning("Redis does not allow %s to subscribe to %r: %s", self.name, channel.decode(), reply)
                del self._channels[channel]
                return
            if reply[0] == b"subscribe":
                return
            self._take(reply)

    def _up(self, lost_at: float | None) -> None:
        with self._changed:
            self.connected = True
            self.connections += 1
            self._error = None
            self._changed.notify_all()
        if lost_at is not None:
            away = time.monotonic() - lost_at
            log.log(
                self._level, "%s: Redis at %s is back after %.1f s, subscribed again", self.name, self.address, away
            )
            if self._on_back is not None:
                self._on_back()

    def _down(self, error: RedisUnavailable) -> None:
        with self._changed:
            self.connected = False
        if self._closing:
            return
        log.log(self._level, "%s: %s; reconnecting until it is back", self.name, error)
        if self._on_lost is not None:
            self._on_lost(error)

    def _failed(self, error: RedisUnavailable, lost_at: float | None, attempts: int) -> None:
        with self._changed:
            self._error = error
            self._failed_at = time.monotonic()
            self._changed.notify_all()
        if isinstance(error, PermissionDenied) and (lost_at is not None or attempts):
            log.error("%s: %s; trying again every %g s", self.name, error, REFUSED_DELAY)

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt, unless somebody needs it now."""
        until = time.monotonic() + seconds
        with self._changed:
            while not (self._nudged or self._closing or self._draining) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def _read(self, link: Link) -> None:
        pinged = False
        draining = False
        while not self._closing:
            if self._signalled:
                self._heed()
                if self._draining and not draining:
                    draining = True
                    link.send(pack(b"UNSUBSCRIBE"), time.monotonic() + PING_AFTER)
            if not link.wait(PING_AFTER):
                if pinged:
                    raise link.lost(f"no sign of life for {2 * PING_AFTER:g} s")
                pinged = True
                link.send(_PING, time.monotonic() + PING_AFTER)
            elif link.receive():
                pinged = False
                while (reply := link.reply()) is not INCOMPLETE:
                    if self._take(reply) and draining:
                        return

    def _take(self, reply: Any) -> bool:
        """Deal with one reply; True when it says that nothing is subscribed any more."""
        if isinstance(reply, ErrorReply):
            raise refusal(reply, str(self.address), "reading messages")
        if not isinstance(reply, list) or not reply:
            raise ConnectionLost(f"Redis at {self.address} sent something unexpected")
        if reply[0] == b"message":
            channel = self._channels.get(reply[1])
            if channel is not None:
                try:
                    self._on_message(channel, reply[2])
                except Exception:
                    log.exception("%s: cannot take a message on %r", self.name, channel)
            return False
        return bool(reply[0] == b"unsubscribe" and reply[2] == 0)


def _delay(attempts: int, error: RedisUnavailable) -> float:
    """Seconds to wait after so many failed attempts: quick at first, never long, never in step with others."""
    if isinstance(error, PermissionDenied):
        return REFUSED_DELAY
    jitter = random.uniform(0.5, 1.0)
    return float(min(LONGEST_DELAY, 0.05 * 2 ** min(attempts, 10)) * jitter)
