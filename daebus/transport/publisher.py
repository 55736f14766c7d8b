"""Commanding: one connection for any number of threads, each command written once and never again.

It is made where it is needed and made again where it broke; of the threads that need it, one connects for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.wire.resp import ErrorReply, pack

from .address import RedisAddress, refusal
from .commands import Delivery, Pending, counted_command, delivery, publish_command, receivers
from .connection import Connection
from .fork import begins_anew
from .leader import Leadership
from .stream import Stream
from .waiter import Waiter

REPLY_WITHIN = 5.0
"""Seconds after which a reply that has not come means that the connection is dead."""
PUBLISH_TIMEOUT = REPLY_WITHIN
"""Seconds that a publish without a deadline of its own may take."""
FRESH = 0.001
"""Seconds for which a look at the connection is good enough to write to it without another."""
CROWDED = 500
"""Commands in flight beyond which whoever sends one waits for its reply: nobody reads replies if all only send."""
_PING = pack(b"PING")


class Publisher:
    """Publishes to a Redis. Connects on first use, again after a loss, and again after `close`.

    Every method may be called from any thread. Raises RedisUnavailable where nothing was sent,
    ConnectionLost where the message may or may not have arrived, PermissionDenied where Redis forbids it.
    """

    def __init__(self, address: RedisAddress, name: str) -> None:
        self.address = address
        self.name = name
        self._connecting = Leadership()
        self._connection: Connection | None = None
        self._looked_at = 0.0
        begins_anew(self)

    def after_fork(self) -> None:
        """In a forked child: connect again when needed."""
        if self._connection is not None:
            self._connection.abandon()
        self._connecting = Leadership()
        self._connection = None

    def connect(self, deadline: float | None = None) -> None:
        """Connect now, to learn at once whether Redis can be reached."""
        self._usable(_due(deadline))

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Publish and return how many subscribers Redis gave it to (pattern subscribers count too)."""
        command = self._exchange(publish_command(channel, data), 1, _due(deadline))
        return receivers(command, channel, self.address)

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give Redis other commands, all in one round trip, and return their replies.

        `doing` says what for, in the error raised where Redis answers one of them with an error.
        """
        packed = b"".join(pack(*command) for command in commands)
        command = self._exchange(packed, len(commands), _due(deadline))
        for reply in command.replies:
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(self.address), doing)
        return command.replies

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        later: bool = False,
    ) -> None:
        """Publish without waiting for Redis to confirm it.

        Where it is handed in and comes to nothing, `failed` is called with the reason by whichever thread learns of
        it. Without `failed`, what is known at once is raised. With `later` it is sent with the next `flush`.
        """

        def ended(command: Pending) -> None:
            try:
                receivers(command, channel, self.address)
            except RedisUnavailable as error:
                if failed is not None:
                    failed(error)

        command = Pending(publish_command(channel, data), 1, _due(deadline), ended if failed else None)
        connection = self._hand_in(command, later)
        if connection.full:
            connection.write_on(command.due)
        if connection.in_flight > CROWDED:
            self._await(connection, command, Waiter(), lambda: command.done, command.due)
        if failed is None and command.error is not None:
            raise command.error

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """Publish without waiting, and have `told` called with what became of it by whichever thread learns of it.

        Nothing is sent after the deadline. Raises RedisUnavailable where it could not be handed in.
        """

        def ended(command: Pending) -> None:
            try:
                outcome: Delivery | RedisUnavailable = delivery(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            told(outcome)

        command = Pending(counted_command(channel, data), 2, deadline, ended)
        self._hand_in(command)
        return command

    def await_told(self, command: Pending, waiter: Waiter, ready: Callable[[], bool], deadline: float) -> None:
        """Wait until it is known what became of a command, or for `ready()`, whose waiter that is, or the deadline."""
        connection = command.connection
        if connection is not None:
            self._await(connection, command, waiter, lambda: command.done or ready(), deadline)

    def confirm(self, deadline: float | None = None) -> None:
        """Return when Redis has confirmed everything that was posted."""
        connection = self._connection
        if connection is not None and connection.in_flight:
            self._exchange(_PING, 1, _due(deadline))

    @property
    def in_flight(self) -> int:
        """How many commands have been given that Redis has not confirmed."""
        connection = self._connection
        return 0 if connection is None else connection.in_flight

    def flush(self) -> None:
        """Send what was left for this."""
        connection = self._connection
        if connection is not None and connection.unsent:
            connection.flush()

    def look(self, after: float = 0.0) -> None:
        """Take in what Redis has replied, without waiting, unless that was done in the last `after` seconds."""
        connection = self._connection
        if connection is not None and time.monotonic() - self._looked_at >= after:
            self._look(connection)

    def settle(self, within: float) -> None:
        """Take in what Redis replies to all that was sent so far, waiting for so many seconds at most."""
        connection = self._connection
        if connection is not None and connection.in_flight:
            until = time.monotonic() + within
            last = Pending(b"", 0, until)
            self._await(connection, last, Waiter(), lambda: not connection.in_flight, until)

    def renew(self) -> None:
        """Use a new connection from now on, unless this one is in use: there is reason to think that it is dead."""
        connection = self._connection
        if connection is not None:
            self._look(connection)
            if not connection.in_flight:
                connection.fail("given up, since another connection to this Redis was lost")

    def close(self) -> None:
        """Close the connection. The next publish opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.fail("closed while waiting for Redis")

    def _exchange(self, data: bytes, wanted: int, due: float) -> Pending:
        command = Pending(data, wanted, due)
        self._await(self._hand_in(command), command, Waiter(), lambda: command.done, due)
        if command.error is not None:
            raise type(command.error)(str(command.error))
        if not command.done:
            raise ConnectionLost(f"Redis at {self.address} did not confirm in time; the message may or may not arrive")
        return command

    def _await(
        self, connection: Connection, command: Pending, waiter: Waiter, over: Callable[[], bool], until: float
    ) -> None:
        """Wait until `over()` or then: reading for all, or while another thread does."""
        command.waiter = waiter
        leadership = connection.leadership
        try:
            while not over() and (now := time.monotonic()) < until and connection.error is None:
                if connection.full:
                    connection.write_on(until)
                if leadership.join(waiter, over, min(until, now + REPLY_WITHIN)):
                    self._read(connection, over, until)
                    connection.leave(waiter)
        finally:
            try:
                connection.leave(waiter)
            finally:
                connection.leave(waiter)

    def _read(self, connection: Connection, over: Callable[[], bool], until: float) -> None:
        """Read replies for everybody until `over()` or then. For the leader."""
        try:
            while not over() and (now := time.monotonic()) < until:
                overdue_at = _overdue_at(connection)
                if connection.receive(min(until, overdue_at) - now):
                    connection.settle()
                elif time.monotonic() >= overdue_at:
                    connection.fail(f"no reply for {REPLY_WITHIN:g} s")
        except ConnectionLost:
            # Those who wait have been told.
            return

    def _look(self, connection: Connection) -> None:
        waiter = Waiter()
        try:
            if connection.leadership.take(waiter):
                now = self._looked_at = time.monotonic()
                if connection.receive(0):
                    connection.settle()
                elif now >= _overdue_at(connection):
                    connection.fail(f"no reply for {REPLY_WITHIN:g} s")
        except ConnectionLost:
            return
        finally:
            try:
                connection.leave(waiter)
            finally:
                connection.leave(waiter)

    def _hand_in(self, command: Pending, later: bool = False) -> Connection:
        while True:
            connection = self._usable(command.due)
            command.connection = connection
            if connection.submit(command, later):
                return connection

    def _usable(self, due: float) -> Connection:
        """The connection there is, or a new one."""
        connection = self._connection
        if connection is not None and connection.usable:
            if time.monotonic() - self._looked_at < FRESH:
                return connection
            self._look(connection)
            if connection.usable:
                return connection
        waiter = Waiter()
        try:
            if self._connecting.join(waiter, self._has_usable, due) and not self._has_usable():
                sock = self.address.connect(self.name, due)
                self._looked_at = time.monotonic()
                self._connection = Connection(Stream(sock), str(self.address), Leadership())
        finally:
            try:
                self._connecting.leave(waiter)
            finally:
                self._connecting.leave(waiter)
        connection = self._connection
        if connection is None or not connection.usable:
            raise RedisUnavailable(f"Redis at {self.address} does not answer; nothing was sent")
        return connection

    def _has_usable(self) -> bool:
        connection = self._connection
        return connection is not None and connection.usable


def _overdue_at(connection: Connection) -> float:
    """When a reply that has not come by then means that the connection is dead."""
    oldest = connection.oldest
    if oldest is None or oldest.sent_at is None:
        return float("inf")
    # What takes long to be sent is not replied to before.
    return max(oldest.sent_at, connection.moved_at) + REPLY_WITHIN


def _due(deadline: float | None) -> float:
    return time.monotonic() + PUBLISH_TIMEOUT if deadline is None else deadline
