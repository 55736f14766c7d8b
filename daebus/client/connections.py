"""The connections of a requester: made when they are first needed, again after a loss or a `close`, given up when idle.
Calls wait on them.

Rule of this file: `_lock` guards which connections there are and how many use them, and is held for moments only.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

from daebus import context
from daebus.errors import ConnectionLost, DaebusError
from daebus.transport.bus import Bus, bus_at, chosen_url
from daebus.transport.commands import Pending
from daebus.transport.fork import mind_the_end
from daebus.transport.publisher import Publisher
from daebus.wire.names import REPLIES

from .call import Call
from .lanes import Lanes
from .pending import PendingCalls
from .replies import Replies

QUIET = 0.05
"""Seconds without an answer after which a call looks at what became of its request, where others send meanwhile.

They look at what Redis replies as well, so that this is for when they have come to rest. Where many threads call, an
answer often takes 10 ms, and to have them all woken before it costs a tenth of what they get done.
"""


class Connections:
    """Both connections, and the calls that wait for something to come in on them.

    `_take` is given what comes in on `reply_channel`, `_lost` why a connection is gone.
    """

    _url: str | None
    _name: str | None
    _sharded: bool
    _given_bus: Bus | None
    _lanes: Lanes[Any] | None
    """What asks in its place, where nobody has said where to ask."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """How many calls wait for an answer."""
        return len(self._pending) if self._lanes is None else self._lanes.pending

    def _begin(self) -> None:
        self.reply_channel = f"{REPLIES}{uuid.uuid4().hex}"
        """The channel on which answers come in."""
        self._lock = threading.Lock()
        self._pending = PendingCalls()
        self._sending: dict[object, None] = {}
        self._left = False
        self._close_when_idle = False
        self._bus: Bus | None = None
        self._publisher: Publisher | None = None
        self._replies: Replies | None = None

    def after_fork(self) -> None:
        """Where the threads are gone that there were: a reply channel and connections of its own."""
        self._begin()
        if self._lanes is not None:
            self._lanes.begin()

    def leave_bus(self) -> None:
        """See `Passenger`."""
        self.close()

    def close(self, *, now: bool = True) -> None:
        """Close the connections; the next call connects again.

        Calls that wait in other threads fail with ConnectionLost; with `now=False` they get their answers, and
        the last of them closes.
        """
        mind_the_end()
        if self._lanes is not None:
            self._lanes.close(now=now)
        with self._lock:
            self._close_when_idle = True
        if now:
            self._pending.fail(ConnectionLost("the caller was closed while waiting for the answer"))
        else:
            self._pending.sweep()
        self._close_if_idle(force=now)

    def leave(self, *, now: bool) -> None:
        """Close for good, as `close` does, and wait for no thread: whoever is just about to ask is the last."""
        self._left = True
        self.close(now=now)

    def _close_if_idle(self, force: bool = False) -> None:
        with self._lock:
            if not force and (not self._close_when_idle or self._pending or self._sending):
                return
            self._close_when_idle = self._left
            publisher, replies = self._publisher, self._replies
            self._publisher = self._replies = self._bus = None
            if replies is not None:
                replies.let_go()
        if replies is not None:
            replies.close(wait=not self._left)
        if publisher is not None:
            publisher.close()

    def _is_spent(self) -> bool:
        """Whether it was closed, and the last that was waited for then has come, or its time is over.

        Nobody may have taken it: a stream, say, that nobody went through.
        """
        if not self._close_when_idle:
            return False
        self._pending.sweep()
        return not (self._pending or self._sending)

    def _begin_use(self, use: object) -> None:
        """Something is being sent: a `close` of another thread waits for the end of it."""
        with self._lock:
            self._sending[use] = None
            self._close_when_idle = self._left

    def _end_use(self, use: object) -> None:
        self._sending.pop(use, None)
        if self._close_when_idle:
            self._close_if_idle()

    def _open(self) -> tuple[Publisher, Replies]:
        publisher, replies = self._publisher, self._replies
        if publisher is not None and replies is not None:
            return publisher, replies
        with self._lock:
            if self._publisher is None or self._replies is None:
                self._bus = self._choose_bus()
                name = context.asking_name(self._name)
                self._publisher = self._bus.publisher(name)
                listener = self._bus.listener(name, [self.reply_channel], on_lost=self._lost, level=logging.DEBUG)
                listener.heart = self._bus.heart(self._publisher, listener, self.reply_channel)
                self._replies = Replies(listener, self._take, self._is_spent, self._close_if_idle)
            return self._publisher, self._replies

    def _choose_bus(self) -> Bus:
        if self._given_bus is not None:
            return self._given_bus
        # Without either it is asked by others, in the `Lanes`.
        assert self._url is not None
        return bus_at(chosen_url(self._url, self._sharded))

    def _where(self) -> str:
        return str(self._bus) if self._bus is not None else "Redis"

    def call_ended(self) -> None:
        """A call has come to its end, on the thread that made it."""
        if self._close_when_idle:
            self._close_if_idle()

    # What a call does while it waits

    def attend(self, call: Call) -> None:
        """Wait until the call has a reply, or for its deadline; or return for no reason."""
        replies = self._replies
        if replies is None:
            call.waiter.sleep(call.deadline - time.monotonic())
        elif (command := call.command) is None or call.is_told() or self._is_told_first(call, command):
            replies.attend(call.waiter, call.ready, call.deadline)
        else:
            # An answer tells that the request got there; where none comes soon, Redis' own reply may tell why.
            replies.attend(call.waiter, call.ready, min(call.deadline, time.monotonic() + QUIET))
            if not call.ready():
                self._await_told(call, call.is_told)

    def _is_told_first(self, call: Call, command: Pending) -> bool:
        """Where it is the only one, wait for Redis' own reply, which comes while the service works; whether it did.

        Not where it is known who subscribes: then it tells nothing new, and is read together with others.
        """
        if command.expected is not None:
            return False
        publisher = self._publisher
        if publisher is None or publisher.in_flight > 1:
            return False
        publisher.await_told(command, call.waiter, call.is_told, min(call.deadline, time.monotonic() + QUIET))
        return call.is_told()

    def _await_told(self, call: Call, over: Callable[[], bool]) -> None:
        """Wait until `over()`: until Redis has said what became of the request of a call, say."""
        publisher, command = self._publisher, call.command
        if publisher is not None and command is not None:
            publisher.await_told(command, call.waiter, over, call.deadline)

    def forget(self, call: Call) -> None:
        """Used by a call that is not waited for any more."""
        self._pending.remove(call)
        self.call_ended()

    def withdraw(self, call: Call) -> bool:
        """Used by a call whose time is over; True where its request has not been sent, which then it never is."""
        return call.command is not None and call.command.withdraw()

    def interrupt(self) -> None:
        """Used by a call that another thread has cancelled."""
        replies = self._replies
        if replies is not None:
            replies.nudge()

    def _take(self, data: bytes) -> None:
        raise NotImplementedError

    def _lost(self, error: DaebusError) -> None:
        raise NotImplementedError
