"""Listening: one supervised connection that keeps its channels subscribed, whatever Redis and the network do.

Has no thread of its own. One thread at a time leads: it connects, reads, and connects again for ever after a loss.
Who that is, is agreed upon elsewhere (`sockets/leader.py` among callers, `service/readers.py` in a service). Rule of
this file: only the leader touches the connection; others change what is wished for (`_draining`, `_closed`) and wake
it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from daebus.errors import ConnectionLost, RedisUnavailable, TooLate, again
from daebus.wire.protocol import NEED_DATA, Alive, Message, Unsubscribed

from .proof import PROBE
from .reconnecting import HEARTBEAT_AFTER, Reconnecting, delay
from .sockets.connection import INTERRUPTED, Connection
from .sockets.waiter import Waiter
from .standstill import Standstill

log = logging.getLogger("daebus")


class Listener(Reconnecting):
    """Keeps channels subscribed on one Redis, and reads their messages.

    `on_lost(error)` is called after a connection that had been up is gone, and `on_back()`, before a message is read,
    when there is a new one; what it returns is added to the line logged for the return. Channels of `optional` are left
    out where an ACL forbids them, those of `quietly` without a word. `level` is that of the one line logged for a loss
    and the one for a return; that Redis refuses us to return, and has let us, is told in any case.
    """

    _draining = _unsubscribed = False
    """Whether it is to unsubscribe from everything, and whether it has."""

    # For any thread

    def ensure(self, deadline: float) -> None:
        """Return once every channel is subscribed; raise what the next attempt to connect ran into.

        Cuts short a pause between two attempts; some thread has to lead.
        """
        if self.connected:
            return
        begun = time.monotonic()
        self._wanted = True
        self._changes.tell()

        def told() -> bool:
            failed = self._failure is not None and self._failure[0] >= begun
            return self.connected or self._closed or failed

        waited = self._changes.wait_for(told, deadline - begun)
        failure = self._failure
        if self._is_up():
            return
        if self._closed:
            raise RedisUnavailable(f"the connection to Redis at {self.address} was closed")
        if not waited or failure is None:
            raise TooLate(f"Redis at {self.address} does not answer; nothing was sent")
        raise again(failure[1])

    def _is_up(self) -> bool:
        return self.connected

    def drain(self, deadline: float) -> bool:
        """Unsubscribe from everything and let what had arrived by then be read; False where that took too long."""
        self._draining = True
        self._changes.tell()
        self._say(Connection.unsubscribe)
        return self._changes.wait_for(lambda: not self.connected or self._closed, deadline - time.monotonic())

    def close(self) -> None:
        """Give the connection up, for good; who leads comes to an end."""
        self._closed = True
        self.connected = False
        connection = self._connection
        self._changes.tell()
        if connection is not None:
            connection.fail("it was closed")

    def move(self, reason: str) -> None:
        """Connect anew, for that reason; see `Mover`."""
        connection = self._connection
        if connection is not None and self.connected:
            connection.fail(reason)

    def nudge(self) -> None:
        """Make the thread that reads look up: by a heartbeat, the answer to which it reads."""
        self._say(lambda connection: connection.heartbeat(next(iter(self._channels))))

    def _say(self, what: Callable[[Connection], None]) -> None:
        connection = self._connection
        if connection is not None and self.connected:
            try:
                what(connection)
            except ConnectionLost:
                # Whoever reads comes across it.
                pass

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to read, ever."""
        return self._closed or self._unsubscribed or (self._draining and not self.connected)

    @property
    def lost_at(self) -> float:
        """When a connection was last found lost; what came before that came by one that is gone."""
        connection = self._connection
        return self._ended_at if connection is None else max(self._ended_at, connection.ended_at)

    def heed_standstill(self) -> None:
        """Take note from now on of what `here_since` is to tell."""
        self._standstill = Standstill()

    def here_since(self, at: float) -> float:
        """Since when a message may have been here that was read at that time, as far as heeded; see `Standstill`."""
        return at if self._standstill is None else self._standstill.here_since(at)

    @property
    def has_more(self) -> bool:
        """Whether more has arrived than was taken by `next_message`."""
        connection = self._connection
        return bool(self._early) or (connection is not None and connection.has_data())

    # For the leader

    def lead(
        self,
        take: Callable[[str, bytes], None],
        over: Callable[[], bool],
        idle: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Connect, read, and hand each message to `take`, until `over()`; or until there is nothing more to read.

        `idle()` is called before each wait for more, and says how many seconds that is to last at most.
        """
        # Here and below `finished` and `handed` are written out: they would be called for each message.
        while not (over() or self._closed or self._unsubscribed or (self._draining and not self.connected)):
            if not self.connected:
                error = self.connect()
                if error is not None:
                    self._pause(delay(self._attempts, error))
                continue
            try:
                message = self.next_message(None, idle)
            except RedisUnavailable as lost:
                self.lose(lost)
                continue
            if message is not None:
                connection = self._connection
                if connection is not None:
                    connection.handing = False
                take(*message)

    def next_message(
        self, deadline: float | None, idle: Callable[[], float] = lambda: math.inf
    ) -> tuple[str, bytes] | None:
        """The next message, as channel and data; None after `deadline` (monotonic), at the end, or for no reason.

        Raises ConnectionLost where the connection broke or shows no sign of life.
        """
        connection = self._connection
        if connection is None:
            raise ConnectionLost(f"not connected to Redis at {self.address}")
        if connection.lacks:
            raise connection.fail(INTERRUPTED)
        if self._early or connection.has_data():
            message = self.received()
            if message is not None:
                return message
        if self._unsubscribed:
            return None
        now = time.monotonic()
        due = HEARTBEAT_AFTER + (connection.heard_at if self._pinged_at is None else self._pinged_at)
        if now >= due:
            self._ask_for_life(connection, now)
            due = now + HEARTBEAT_AFTER
        if self.heart is not None:
            if now >= self._beat_at:
                wrong, self._beat_at = self.heart.beat(now, connection)
                if wrong is not None:
                    raise connection.fail(wrong)
            due = min(due, self._beat_at)
        until = due if deadline is None else min(due, deadline)
        if until <= now:
            return None
        came = connection.receive(wait := min(idle(), until - now))
        if self._standstill is not None:
            self._standstill.looked(now, wait, time.monotonic(), came=came)
        if not came:
            return None
        self._pinged_at = None
        return self.received()

    def look(self) -> None:
        """Take in what has come, without waiting: it may be the end."""
        connection = self._connection
        try:
            if connection is not None:
                connection.receive(0)
        except ConnectionLost as error:
            self.lose(error)

    def received(self) -> tuple[str, bytes] | None:
        """The next message among those that have arrived, if there is one; see `handed`."""
        connection = self._connection
        while connection is not None:
            connection.handing = True
            event = self._early.pop(0) if self._early else connection.next_event()
            if isinstance(event, Message):
                if (message := self._heard(event)) is not None:
                    return message
            elif event is NEED_DATA:
                connection.handing = False
                return None
            elif isinstance(event, Unsubscribed):
                connection.handing = False
                self._finish()
                return None
            elif isinstance(event, Alive):
                self._pinged_at = None
                if event.error is not None:
                    log.debug("%s: Redis answers a sign of life with: %s", self.name, event.error)
        return None

    def more(self, most: int) -> list[tuple[str, bytes]]:
        """Further messages that have arrived, at most so many. For who has just been handed one by `lead`."""
        connection, found = self._connection, list[tuple[str, bytes]]()
        try:
            while connection is not None and len(found) < most and not self._early:
                event = connection.next_event()
                if event is NEED_DATA:
                    break
                if not isinstance(event, Message):
                    self._early.append(event)
                elif (message := self._heard(event)) is not None:
                    found.append(message)
        except ConnectionLost:
            # Whoever reads on comes across it, when these have been dealt with.
            pass
        return found

    def _heard(self, event: Message) -> tuple[str, bytes] | None:
        """The message, unless it is nothing to be handed on."""
        heart, seen = self.heart, self._seen
        channel = self._channels.get(event.channel)
        if channel is None or (heart is not None and event.data.startswith(PROBE) and heart.took(event)):
            return None
        data = event.data if seen is None else seen.first(event.channel, event.data, time.monotonic())
        return None if data is None else (channel, data)

    def handed(self) -> None:
        """The message has been dealt with: an interrupt loses it no more. For a thread that may be interrupted."""
        connection = self._connection
        if connection is not None:
            connection.handing = False

    def leave(self, waiter: Waiter) -> None:
        """Lead no more, or follow; whatever had been begun."""
        connection = self._connection
        if connection is not None:
            connection.leave(waiter)
        else:
            self.leadership.leave(waiter)

    def _ask_for_life(self, connection: Connection, now: float) -> None:
        # Counted from the heartbeat: if it was us who slept, the answer is yet to come.
        if self._pinged_at is not None:
            raise connection.fail(f"no sign of life for {2 * HEARTBEAT_AFTER:g} s")
        self._pinged_at = now
        connection.heartbeat(next(iter(self._channels)))

    def _finish(self) -> None:
        """Nothing is subscribed any more."""
        self._unsubscribed = True
        self.connected = False
        self._changes.tell()

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt, unless somebody needs it now."""
        self._changes.wait_for(lambda: self._wanted or self._closed or self._draining, seconds)
