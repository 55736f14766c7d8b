"""Subscribing: one supervised connection that survives whatever Redis and the network do.

One thread at a time has the turn: it connects, reads, and connects again for ever after a loss. A service's
thread hands its turn over to deal with a message itself; a thread that waits for an answer takes the turn.
Either way nobody need be woken for a message. Rules of this file: only the thread whose turn it is touches
the feed; others change the wish (`_draining`, `_closing`) and wake it.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterable

from .connection import RedisAddress
from .errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate, again
from .feed import Beside, Feed
from .threads import begin, is_ending
from .turns import Relay, Turns, Visitor
from .waiting import bounded
from .wakeup import WakeUp

log = logging.getLogger("daebus")

LONGEST_DELAY = 1.0
"""Seconds between two attempts to reconnect, at most."""
REFUSED_DELAY = 5.0
"""Seconds between two attempts where Redis refused us for want of rights."""


class Subscription:
    """Keeps a set of channels subscribed and hands each message to `on_message(channel, data, turn)`.

    `on_message` runs on a reading thread. Where there are several `threads` it may take its time: it calls
    `hand_over` where that is likely, and where it is not, another thread takes over a little later.
    `on_lost(error)` is called after a link that had been up is gone, and `on_back()`, before a message is read,
    when there is a new one; what it returns is added to the line logged for the return. Channels of `optional`
    are left out where an ACL forbids them. `level` is that of the one line logged for a loss and the one for a
    return. The thread that reads sees to `beside`, too.
    """

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        on_message: Callable[[str, bytes, int], None],
        *,
        on_lost: Callable[[RedisUnavailable], None] | None = None,
        on_back: Callable[[], str] = lambda: "",
        optional: Iterable[str] = (),
        level: int = logging.WARNING,
        threads: int = 1,
        beside: Beside | None = None,
    ) -> None:
        self.address = address
        self.name = name
        self._relay = Relay()
        self._feed = Feed(address, name, channels, optional, beside, self._relay)
        self._beside = beside
        if beside is not None:
            beside.opened = self.interrupt
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_back = on_back
        self._level = level
        self._turns = Turns(threads, self.interrupt)
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._wake_up: WakeUp | None = None
        self._signalled = False
        self._draining = False
        self._closing = False
        self._nudged = False
        self._failed_at = 0.0
        self._error: RedisUnavailable | None = None
        self._refusal: str | None = None
        self._lost_at: float | None = None
        self._attempts = 0
        self.connected = False
        self.connections = 0
        """How often the channels have been subscribed."""

    def ensure(self, deadline: float) -> None:
        """Return once every channel is subscribed; raise what the next attempt to connect ran into.

        Starts the reader threads on first use, and cuts short a pause between two attempts. Where the interpreter is
        ending there are no more threads: then it connects on this one, and whoever waits for a message reads it.
        """
        if self.connected:
            return
        begun = time.monotonic()
        with self._changed:
            alone = not self._start()
        if alone:
            self._connect_alone(deadline)
        with self._changed:
            self._nudged = True
            self._changed.notify_all()
            self._turns.rouse()
            while not self.connected:
                if self._closing:
                    raise RedisUnavailable(f"the connection to Redis at {self.address} was closed")
                if self._error is not None and self._failed_at >= begun:
                    raise again(self._error)
                if not self._changed.wait(bounded(deadline - time.monotonic())):
                    raise TooLate(f"Redis at {self.address} does not answer; nothing was sent")

    def drain(self, deadline: float) -> bool:
        """Unsubscribe from everything and hand over what had arrived by then; False where that took too long."""
        with self._changed:
            self._draining = True
            self._signal()
            while self.connected and not self._closing:
                if not self._changed.wait(bounded(deadline - time.monotonic())):
                    return False
        return True

    def hand_over(self, turn: int) -> None:
        """Called from `on_message` with the turn it was given: let another thread read on at once."""
        self._look_beside()
        self._turns.pass_on(turn)

    def goes_on(self, turn: int) -> bool:
        """Whether the thread that has, or had, that turn has more messages to hand over, and then looks at `beside`.

        Until the turn is over that is certain: where it takes long, another thread takes the turn and does it.
        """
        return self._feed.has_more and not self._turns.is_over(turn)

    def attend(self, visitor: Visitor, ready: Callable[[], bool], deadline: float) -> None:
        """Wait until `ready()` or the deadline, reading the messages on this thread where nobody else needs to.

        Whoever makes `ready()` true also wakes the visitor; so does `on_lost`, after a loss.
        """
        self._relay.step()
        if not self.connected:
            visitor.sleep(deadline - time.monotonic())
            return
        turn = self._turns.visit(visitor, ready, deadline)
        if turn is not None:
            try:
                self._read(turn, ready, deadline)
            except RedisUnavailable as error:
                self._lost(error)
            finally:
                self._turns.pass_on(turn, prompt=not self._feed.open)
                self._relay.step()
                self._finish_if_last()

    def wake_in_turn(self, visitor: Visitor) -> None:
        """Called from `on_message`: have a visitor woken for whom something has come."""
        self._relay.add(visitor)

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
        self._finish_if_last()

    def _start(self) -> bool:
        """Start the threads that have not been; False where there are to be none. Called with `_changed` held.

        Raises RedisUnavailable where they are not to be had; the next call tries anew.
        """
        if self._closing:
            return True
        try:
            if self._wake_up is None:
                self._wake_up = WakeUp()
            while len(self._threads) < self._turns.threads:
                name = f"daebus-{self.name}-{len(self._threads)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                begin(thread)
                self._threads.append(thread)
        except (RuntimeError, OSError) as error:
            if not self._threads and is_ending():
                return False
            raise RedisUnavailable(f"cannot read from Redis at {self.address}: {error}; nothing was sent") from error
        return True

    def _connect_alone(self, deadline: float) -> None:
        """Connect on the thread at hand. What that runs into is raised by `ensure`, as always."""
        turn = self._turns.visit(Visitor(), lambda: self.connected, deadline)
        if turn is None:
            return
        begun = time.monotonic()
        try:
            self._feed.connect(self._wake_up)
        except RedisUnavailable as error:
            self._failed(error, begun)
        else:
            self._back()
        finally:
            self._turns.pass_on(turn, prompt=False)

    def _signal(self) -> None:
        """Wake the reader from whatever it waits in. Called with `_changed` held."""
        if not self._signalled and self._wake_up is not None:
            self._signalled = True
            self._wake_up.call()

    def interrupt(self) -> None:
        """Make the thread that has the turn look up: at what it waits for, and at who wants the turn."""
        with self._changed:
            self._signal()

    def _heed(self) -> None:
        """Clear the wake-up call, so that the next one is noticed."""
        with self._changed:
            if self._signalled and self._wake_up is not None:
                self._signalled = False
                self._wake_up.heed()

    def _run(self) -> None:
        for turn in self._turns:
            while not self._lead_safely(turn):
                self._pause(LONGEST_DELAY)
            if not self._turns.is_over(turn):
                self._finish()

    def _lead_safely(self, turn: int) -> bool:
        """Lead; False where that ended in an error that is a mistake of ours, and is to go on."""
        try:
            self._lead(turn)
        except Exception as error:
            log.exception("%s: the subscription failed in a way it should not; going on", self.name)
            self._lost(ConnectionLost(f"an error of our own: {error!r}"))
            return False
        return True

    def _lead(self, turn: int) -> None:
        """Connect and read until the turn goes to another thread, or we are to stop."""
        while not (self._closing or self._feed.finished or self._turns.is_over(turn)):
            if self._feed.open:
                try:
                    self._read(turn)
                except RedisUnavailable as error:
                    self._lost(error)
                if self._turns.wanted and self._feed.open and not self._turns.is_over(turn):
                    self._turns.pass_on(turn)
            elif self._draining:
                return
            else:
                self._connect()

    def _read(self, turn: int, ready: Callable[[], bool] | None = None, deadline: float | None = None) -> None:
        """Hand messages over until the turn is over, somebody else wants it, or what a visitor waits for is there."""
        while True:
            message = self._feed.next(deadline)
            if message is not None:
                if not self._hand_out(turn, *message):
                    return
            elif self._signalled:
                self._heed()
                if self._draining and not self._closing:
                    self._feed.unsubscribe()
            if self._closing or self._feed.finished:
                return
            if ready is None:
                if self._turns.wanted:
                    return
            elif ready() or (deadline is not None and time.monotonic() >= deadline):
                self._hand_out_received(turn)
                return

    def _hand_out_received(self, turn: int) -> None:
        """What has arrived is for other visitors: let them not wait until one of them reads on."""
        while (message := self._feed.received()) is not None and self._hand_out(turn, *message):
            pass

    def _hand_out(self, turn: int, channel: str, data: bytes) -> bool:
        """Give a message to who it is for; False where the turn went to another thread meanwhile."""
        if self._turns.threads > 1:
            self._turns.step_out()
        try:
            self._on_message(channel, data, turn)
        except Exception:
            log.exception("%s: cannot take a message on %r", self.name, channel)
        if self._turns.step_in(turn):
            return True
        self._look_beside()
        return False

    def _look_beside(self) -> None:
        """Let nothing lie that was left to a look, where this thread does not come to it by reading on."""
        if self._beside is not None:
            self._beside.look(math.inf)

    def _connect(self) -> None:
        """One attempt, and after a failed one the pause before the next."""
        with self._changed:
            self._nudged = False
        begun = time.monotonic()
        try:
            self._feed.connect(self._wake_up)
        except RedisUnavailable as error:
            self._failed(error, begun)
            self._attempts += 1
            self._pause(_delay(self._attempts, error))
        else:
            self._attempts = 0
            self._back()

    def _back(self) -> None:
        if self._lost_at is not None:
            away = time.monotonic() - self._lost_at
            self._lost_at = None
            more = self._on_back()
            log.log(self._level, "%s: Redis at %s is back after %.1f s%s", self.name, self.address, away, more)
        with self._changed:
            self.connected = True
            self.connections += 1
            self._error = self._refusal = None
            self._changed.notify_all()

    def _lost(self, error: RedisUnavailable) -> None:
        """The connection is gone: tell, once, and let the next step connect again."""
        with self._changed:
            self.connected = False
        self._feed.disconnect()
        self._relay.rush()
        if self._closing:
            return
        self._lost_at = time.monotonic()
        log.log(self._level, "%s: %s; reconnecting until it is back", self.name, error)
        if self._on_lost is not None:
            self._on_lost(error)

    def _failed(self, error: RedisUnavailable, begun: float) -> None:
        with self._changed:
            self._error = error
            # A refusal is the answer to what was asked when it began, and says nothing to who asks since.
            self._failed_at = begun if isinstance(error, RedisRefused) else time.monotonic()
            self._changed.notify_all()
        if isinstance(error, RedisRefused) and self.connections and str(error) != self._refusal:
            self._refusal = str(error)
            log.error("%s: %s; trying again until it is allowed", self.name, error)

    def _finish_if_last(self) -> None:
        if self._closing and self._turns.claim():
            self._finish()

    def _finish(self) -> None:
        """The end, come to by whoever had the turn last."""
        self._feed.disconnect()
        self._relay.rush()
        with self._changed:
            self.connected = False
            self._closing = True
            wake_up, self._wake_up = self._wake_up, None
            self._changed.notify_all()
        if wake_up is not None:
            wake_up.close()
        self._turns.end()

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt, unless somebody needs it now."""
        until = time.monotonic() + seconds
        with self._changed:
            while not (self._nudged or self._closing or self._draining) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)


def _delay(attempts: int, error: RedisUnavailable) -> float:
    """Seconds to wait after so many failed attempts: quick at first, never long, never in step with others."""
    if isinstance(error, PermissionDenied):
        return REFUSED_DELAY
    jitter = random.uniform(0.5, 1.0)
    return float(min(LONGEST_DELAY, 0.05 * 2 ** min(attempts, 10)) * jitter)
