"""The reply channel of a caller: who waits for an answer reads, for all who wait (see `transport/sockets/leader.py`).

Between calls a thread of its own, the keeper, reads: it connects, and notices a loss. It stands back as soon as calls
come, so that an answer need not be passed from thread to thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from daebus.errors import RedisUnavailable
from daebus.transport.listener import Listener
from daebus.transport.sockets.waiter import Waiter
from daebus.transport.threads import begin, is_ending

LINGER = 0.1
"""Seconds without a call after which the keeper reads."""
ENDS_WITHIN = 2.0
"""Seconds that the keeper may take to end."""


class Replies:
    """Keeps the reply channel subscribed. What comes in goes to `take(data)`, which must be quick and not raise.

    `spent()` tells whether nothing is to come any more; then `end()`, called on the keeper, may close it.
    """

    def __init__(
        self,
        listener: Listener,
        take: Callable[[bytes], None],
        spent: Callable[[], bool] = lambda: False,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.listener = listener
        """What hears the channel."""
        self._take = take
        self._spent = spent
        self._end = end
        self._starting = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._keeper_waits = Waiter()
        self._doubted = False

    def ensure(self, deadline: float) -> None:
        """Return once the channel is subscribed; raise what the next attempt to connect ran into.

        Where the interpreter is ending there are no more threads: then it connects on this one, and whoever waits for
        an answer reads it. Raises RedisUnavailable where there is no thread for another reason.
        """
        listener = self.listener
        if self._doubted:
            self._doubted = False
            self._look()
        if listener.connected:
            return
        try:
            self._start()
        except RuntimeError as error:
            if not is_ending():
                where = f"Redis at {listener.address}"
                raise RedisUnavailable(f"cannot read from {where}: {error}; nothing was sent") from error
            failed = self._connect_alone(deadline)
            if failed is not None:
                raise failed from None
        self._keeper_waits.wake()
        listener.ensure(deadline)

    def _start(self) -> None:
        with self._starting:
            if self._keeper is None or not self._keeper.is_alive():
                keeper = threading.Thread(target=self._keep, name=f"daebus-{self.listener.name}", daemon=True)
                begin(keeper)
                self._keeper = keeper

    def _connect_alone(self, deadline: float) -> RedisUnavailable | None:
        waiter = Waiter()
        try:
            if self.listener.leadership.join(waiter, lambda: self.listener.connected, deadline):
                return self.listener.connect()
            return None
        finally:
            self.listener.leave(waiter)

    def attend(self, waiter: Waiter, ready: Callable[[], int], deadline: float) -> None:
        """Wait until `ready()` or the deadline, or for no reason. Whoever makes `ready()` true wakes the waiter."""
        listener = self.listener
        left = False
        try:
            if not listener.connected:
                self._keeper_waits.wake()
                waiter.sleep(deadline - time.monotonic())
            elif listener.leadership.join(waiter, ready, deadline):
                self._read(ready, deadline)
        finally:
            try:
                listener.leave(waiter)
                left = True
            finally:
                if not left:
                    listener.leave(waiter)

    def _read(self, ready: Callable[[], int], deadline: float) -> None:
        listener = self.listener
        try:
            while listener.connected:
                message = listener.next_message(deadline)
                if message is not None:
                    self._take(message[1])
                    listener.handed()
                if ready():
                    # What has come besides is for others: let them not wait until one of them reads on.
                    while listener.has_more and (message := listener.received()) is not None:
                        self._take(message[1])
                        listener.handed()
                    return
                if message is None and time.monotonic() >= deadline:
                    return
        except RedisUnavailable as error:
            listener.lose(error)
            self._keeper_waits.wake()

    def doubt(self) -> None:
        """There is reason to think that the connection is lost: look before it is relied on."""
        self._doubted = True

    def _look(self) -> None:
        """Take in what has come, without waiting, unless another thread reads."""
        waiter = Waiter()
        try:
            if self.listener.leadership.take(waiter):
                self.listener.look()
        finally:
            try:
                self.listener.leave(waiter)
            finally:
                self.listener.leave(waiter)

    def nudge(self) -> None:
        """Make whoever reads look up."""
        self.listener.nudge()

    def let_go(self) -> None:
        """Hand on nothing more: another connection may hear the channel before this one is closed."""
        self._take = lambda _data: None

    def close(self, *, wait: bool = True) -> None:
        """Give the connection up and end the keeper, which is waited for unless it is about to connect.

        What it connects to then is given up as soon as it is there.
        """
        self.listener.close()
        self._keeper_waits.wake()
        keeper = self._keeper
        if not wait or keeper is None or keeper is threading.current_thread():
            return
        until = time.monotonic() + ENDS_WITHIN
        while keeper.is_alive() and not self.listener.connecting and time.monotonic() < until:
            keeper.join(LINGER)

    def _keep(self) -> None:
        waiter = Waiter()
        listener = self.listener
        while not listener.finished:
            try:
                if listener.leadership.take(waiter, LINGER if listener.connected else 0.0):
                    listener.lead(lambda _channel, data: self._take(data), self._stands_back)
            finally:
                listener.leave(waiter)
            if self._spent():
                self._end()
            self._keeper_waits.sleep(LINGER)

    def _stands_back(self) -> bool:
        """Whether the keeper is to read no more: there are calls, or nothing is to come."""
        return self.listener.leadership.wanted or self._spent()
