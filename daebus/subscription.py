"""Subscribing: one supervised connection that survives whatever Redis and the network do.

One thread at a time has the turn: it connects, subscribes, reads, pings a silent link, and connects again for
ever after a loss. It may `hand_over` its turn to deal with a message itself, without waking a worker for it.
Rules of this file: only the thread whose turn it is touches the link; others change the wish (`_draining`,
`_closing`) and wake it.
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
from .turns import Turns

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

    `on_message` runs on a reading thread and must be quick, or call `hand_over` first, which it may where
    there are several `threads`. `on_lost(error)` is called after a link that had been up is gone. Channels of
    `optional` are left out where an ACL forbids them. `level` is that of the one line logged for a loss and
    the one for a return.
    """

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        on_message: Callable[[str, bytes], None],
        *,
        on_lost: Callable[[RedisUnavailable], None] | None = None,
        optional: Iterable[str] = (),
        level: int = logging.WARNING,
        threads: int = 1,
    ) -> None:
        self.address = address
        self.name = name
        self._channels = {channel.encode(): channel for channel in channels}
        self._optional = {channel.encode() for channel in optional}
        self._on_message = on_message
        self._on_lost = on_lost
        self._level = level
        self._turns = Turns(threads)
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._wake_read, self._wake_write = -1, -1
        self._signalled = False
        self._draining = False
        self._closing = False
        self._nudged = False
        self._failed_at = 0.0
        self._error: RedisUnavailable | None = None
        self._link: Link | None = None
        self._pinged = False
        self._unsubscribed = False
        self._lost_at: float | None = None
        self._attempts = 0
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

    def hand_over(self) -> None:
        """Called from `on_message`: let another thread read on. With one thread only, nobody reads until it returns."""
        self._turns.pass_on()

    def close(self, timeout: float = 2.0) -> None:
        """Give the connection up and end the threads; those that deal with a message end when they are done."""
        with self._changed:
            self._closing = True
            self._signal()
            self._changed.notify_all()
        self._turns.end()
        until = time.monotonic() + timeout
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        if self._threads or self._closing:
            return
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in range(self._turns.threads):
            name = f"daebus-{self.name}-{number}"
            self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
            self._threads[-1].start()

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
        for turn in self._turns:
            try:
                self._lead(turn)
            except BaseException:
                log.exception("%s: the subscription failed in a way it should not; going on", self.name)
                self._drop(ConnectionLost("an error of our own"))
            if self._turns.is_over(turn):
                continue
            self._finish()

    def _lead(self, turn: int) -> None:
        """Connect and read until the turn goes to another thread, or we are to stop."""
        while not (self._closing or self._unsubscribed or self._turns.is_over(turn)):
            if self._link is not None:
                try:
                    self._read(self._link, turn)
                except RedisUnavailable as error:
                    self._drop(error)
            elif self._draining:
                return
            else:
                self._connect()

    def _connect(self) -> None:
        """One attempt, and after a failed one the pause before the next."""
        try:
            self._link = self._open()
        except RedisUnavailable as error:
            self._failed(error)
            self._attempts += 1
            self._pause(_delay(self._attempts, error))
        else:
            self._attempts = 0
            self._up()

    def _finish(self) -> None:
        """The end, come to by the last thread that had the turn."""
        link, self._link = self._link, None
        if link is not None:
            link.dispose()
        with self._changed:
            self.connected = False
            self._closing = True
            wake_read, wake_write = self._wake_read, self._wake_write
            self._wake_read = self._wake_write = -1
            self._changed.notify_all()
        os.close(wake_read)
        os.close(wake_write)
        self._turns.end()

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

    def _up(self) -> None:
        self._pinged = False
        with self._changed:
            self.connected = True
            self.connections += 1
            self._error = None
            self._changed.notify_all()
        if self._lost_at is not None:
            away = time.monotonic() - self._lost_at
            self._lost_at = None
            log.log(
                self._level, "%s: Redis at %s is back after %.1f s; subscribed again", self.name, self.address, away
            )

    def _drop(self, error: RedisUnavailable) -> None:
        """The link is gone: tell, once, and let the next step connect again."""
        link, self._link = self._link, None
        with self._changed:
            self.connected = False
        if link is not None:
            link.dispose()
        if self._closing:
            return
        self._lost_at = time.monotonic()
        log.log(self._level, "%s: %s; reconnecting until it is back", self.name, error)
        if self._on_lost is not None:
            self._on_lost(error)

    def _failed(self, error: RedisUnavailable) -> None:
        with self._changed:
            self._error = error
            self._failed_at = time.monotonic()
            self._changed.notify_all()
        if isinstance(error, PermissionDenied) and self.connections:
            log.error("%s: %s; trying again every %g s", self.name, error, REFUSED_DELAY)

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt, unless somebody needs it now."""
        until = time.monotonic() + seconds
        with self._changed:
            while not (self._nudged or self._closing or self._draining) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def _read(self, link: Link, turn: int) -> None:
        while True:
            # First what another thread has received but left unread when it handed over.
            while (reply := link.reply()) is not INCOMPLETE:
                self._take(reply)
                if self._turns.is_over(turn) or self._unsubscribed:
                    return
            if self._signalled:
                self._heed()
                if self._closing:
                    return
                if self._draining:
                    link.send(pack(b"UNSUBSCRIBE"), time.monotonic() + PING_AFTER)
            if not link.wait(PING_AFTER):
                if self._pinged:
                    raise link.lost(f"no sign of life for {2 * PING_AFTER:g} s")
                self._pinged = True
                link.send(_PING, time.monotonic() + PING_AFTER)
            elif link.receive():
                self._pinged = False

    def _take(self, reply: Any) -> None:
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
        elif reply[0] == b"unsubscribe" and reply[2] == 0:
            self._unsubscribed = True


def _delay(attempts: int, error: RedisUnavailable) -> float:
    """Seconds to wait after so many failed attempts: quick at first, never long, never in step with others."""
    if isinstance(error, PermissionDenied):
        return REFUSED_DELAY
    jitter = random.uniform(0.5, 1.0)
    return float(min(LONGEST_DELAY, 0.05 * 2 ** min(attempts, 10)) * jitter)
