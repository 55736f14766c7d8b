"""Commanding: one connection for any number of threads, each command written once and never again.

It is made where it is needed and made again where it broke; of the threads that need it, one connects for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable, TooLate, again
from daebus.wire.resp import ErrorReply, pack

from .address import RedisAddress, refusal
from .commands import (
    Audience,
    Delivery,
    Pending,
    count_command,
    is_doubtful,
    publish_command,
    receivers,
    recounted,
)
from .connection import REPLY_WITHIN, Connection
from .fork import begins_anew, mind_the_end
from .leader import Leadership
from .pause import Doubts
from .stream import Stream
from .waiter import Waiter

PUBLISH_TIMEOUT = REPLY_WITHIN
"""Seconds that a publish without a deadline of its own may take."""
FRESH = 0.001
"""Seconds for which a look at the connection is good enough to write to it without another, where many write: one
thread has what another has found, and one that sends a lot at once does not look in between."""
FEW = 8
"""Commands in flight, below which a thread relies on no look of its own, but asks before each if it is the end."""
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
        self._begin()
        begins_anew(self)

    def _begin(self) -> None:
        self._connecting = Leadership()
        self._doubts = Doubts(self.address, self.name)
        self._audience = Audience()
        self._connection: Connection | None = None
        self._looked_at = 0.0
        self._looked_by = 0

    def after_fork(self) -> None:
        """Where the threads are gone that there were: connect again when needed."""
        if self._connection is not None:
            self._connection.abandon()
        self._begin()

    def connect(self, deadline: float | None = None) -> None:
        """Connect now, to learn at once whether Redis can be reached."""
        self._usable(_due(deadline))

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Publish and return how many subscribers Redis gave it to (pattern subscribers count too)."""
        command = self._exchange(publish_command(channel, data), 1, _due(deadline))
        return receivers(command, channel, self.address)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """Publish, and tell what became of it."""
        due = _due(deadline)
        command = self._exchanged(self._audience.publishing(channel, data, due, time.monotonic()))
        found = self._audience.delivery(command, channel, self.address)
        return recounted(found, self._exchange(count_command(channel), 1, due)) if is_doubtful(found) else found

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give Redis other commands, all in one round trip, and return their replies.

        `doing` says what for, in the error raised where Redis answers one of them with an error. Without a deadline it
        is waited for as long as Redis lives.
        """
        packed = b"".join(pack(*command) for command in commands)
        command = self._exchange(packed, len(commands), inf if deadline is None else deadline)
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
        patience: float | None = None,
    ) -> None:
        """Publish without waiting for Redis to confirm it. Without a deadline it is sent as long as Redis lives.

        Where it is handed in and comes to nothing, `failed` is called with the reason by whichever thread learns of
        it. Without `failed`, what is known at once is raised. With `later` it is sent with the next `flush`. A
        connection is waited for until `patience` (a time of `time.monotonic()`).
        """

        def ended(command: Pending) -> None:
            try:
                receivers(command, channel, self.address)
            except RedisUnavailable as error:
                if failed is not None:
                    failed(error)

        due = inf if deadline is None else deadline
        command = Pending(publish_command(channel, data), 1, due, ended if failed else None)
        patience = min(due, _due(patience))
        connection = self._hand_in(command, patience, later)
        if connection.told_by != threading.get_ident():
            if connection.full:
                connection.write_on(patience)
            if connection.in_flight > CROWDED and not later:
                self._await(connection, command, Waiter(), lambda: command.done, patience)
        if failed is None and command.error is not None:
            raise again(command.error)

    def publish_soon(
        self,
        channel: str,
        data: bytes,
        told: Callable[[int | RedisUnavailable], None],
        deadline: float,
        later: bool = False,
    ) -> Pending:
        """Publish without waiting, and have `told` called with how many got it by whichever thread learns of it.

        Nothing is sent after the deadline. Raises RedisUnavailable where it could not be handed in. `later` as for
        `post`.
        """

        def ended(command: Pending) -> None:
            try:
                outcome: int | RedisUnavailable = receivers(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            told(outcome)

        command = Pending(publish_command(channel, data), 1, deadline, ended)
        self._hand_in(command, deadline, later)
        return command

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Pending:
        """Publish without waiting, and have `told` called with what became of it by whichever thread learns of it.

        Nothing is sent after the deadline, nor where it is withdrawn. Raises RedisUnavailable where it could not be
        handed in.
        """

        def ended(command: Pending) -> None:
            try:
                outcome: Delivery | RedisUnavailable = self._audience.delivery(command, channel, self.address)
            except RedisUnavailable as error:
                outcome = error
            if isinstance(outcome, Delivery) and is_doubtful(outcome):
                self._recount(command, channel, outcome, told)
            else:
                told(outcome)

        command = self._audience.publishing(channel, data, deadline, time.monotonic(), ended)
        self._hand_in(command, deadline)
        return command

    def _recount(
        self, command: Pending, channel: str, found: Delivery, told: Callable[[Delivery | RedisUnavailable], None]
    ) -> None:
        """Have the subscribers counted once more. Called while others are told, too: connects to nothing."""
        command.ask_again(count_command(channel), lambda count: told(recounted(found, count)))
        if not command.connection.submit(command):
            told(found._replace(subscribers=None))

    def await_told(self, command: Pending, waiter: Waiter, ready: Callable[[], bool], deadline: float) -> None:
        """Wait until `ready()`, or the deadline: until `told` was called with what became of a command, say.

        Whoever makes it true wakes the waiter.
        """
        connection = command.connection
        if connection is not None:
            self._await(connection, command, waiter, ready, deadline)

    def confirm(self, deadline: float | None = None) -> None:
        """Return when Redis has confirmed everything that was posted."""
        mind_the_end()
        connection = self._connection
        if connection is not None and connection.in_flight:
            self._exchange(_PING, 1, _due(deadline))

    @property
    def ready(self) -> bool:
        """Whether something can be posted `later` without waiting for anything, as far as is known."""
        connection = self._connection
        if connection is None or connection.doubted or connection.full:
            return False
        return connection.usable

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
            self._looked_at = time.monotonic()
            connection.look()

    def settle(self, within: float) -> None:
        """Take in what Redis replies to all that was sent so far, waiting for so many seconds at most."""
        connection = self._connection
        if connection is not None and connection.in_flight:
            until = time.monotonic() + within
            last = Pending(b"", 0, until)
            self._await(connection, last, Waiter(), lambda: not connection.in_flight, until)

    def renew(self) -> None:
        """Use a new connection from now on, unless this one is in use: there is reason to think that it is dead."""
        mind_the_end()
        connection = self._connection
        if connection is not None:
            connection.look()
            if not connection.in_flight:
                connection.fail("given up, since another connection to this Redis was lost")

    def close(self) -> None:
        """Close the connection. The next publish opens another."""
        mind_the_end()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.fail("closed while waiting for Redis")

    def _exchange(self, data: bytes, wanted: int, due: float) -> Pending:
        return self._exchanged(Pending(data, wanted, due))

    def _exchanged(self, command: Pending) -> Pending:
        due = command.due
        connection = self._hand_in(command, due)
        self._await(connection, command, Waiter(), lambda: command.done, due)
        if command.error is None and not command.done:
            connection.look()
        if command.error is not None:
            raise again(command.error)
        if not command.done:
            where = f"Redis at {self.address}"
            if command.withdraw():
                raise TooLate(f"the time was over before it could be sent to {where}; nothing was sent")
            raise ConnectionLost(f"{where} did not confirm in time; the message may or may not arrive")
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
                    connection.read_until(over, until)
        finally:
            try:
                connection.leave(waiter)
            finally:
                connection.leave(waiter)

    def _hand_in(self, command: Pending, patience: float, later: bool = False) -> Connection:
        while True:
            connection = self._usable(patience)
            command.connection = connection
            if connection.submit(command, later):
                return connection

    def _usable(self, until: float) -> Connection:
        """The connection there is, or a new one."""
        mind_the_end()
        while True:
            connection = self._connection
            if connection is not None and connection.usable:
                self._look_before(connection)
                if connection.doubted and not self._doubts.wait(connection, until):
                    raise TooLate(f"Redis at {self.address} does not answer; nothing was sent")
                if connection.usable:
                    return connection
            elif time.monotonic() >= until:
                where = f"Redis at {self.address}"
                raise TooLate(f"the time was over before {where} was connected; nothing was sent")
            self._connect(until)

    def _look_before(self, connection: Connection) -> None:
        """Take in what has come before something is sent: it may be the end."""
        now, me = time.monotonic(), threading.get_ident()
        few = self._looked_by == me and connection.in_flight < FEW
        if now - self._looked_at >= FRESH or (few and connection.may_have_ended()):
            self._looked_at, self._looked_by = now, me
            connection.look()

    def _connect(self, until: float) -> None:
        """Connect, or wait for the thread that does so for all."""
        waiter = Waiter()
        try:
            if self._connecting.join(waiter, self._has_usable, until) and not self._has_usable():
                sock = self.address.connect(self.name, until)
                before, self._looked_at = self._connection, time.monotonic()
                self._connection = Connection(Stream(sock), str(self.address), Leadership(), self._doubts.begin)
                if before is not None:
                    before.fail("given up for another one")
        finally:
            try:
                self._connecting.leave(waiter)
            finally:
                self._connecting.leave(waiter)

    def _has_usable(self) -> bool:
        connection = self._connection
        return connection is not None and connection.usable


def _due(deadline: float | None) -> float:
    return time.monotonic() + PUBLISH_TIMEOUT if deadline is None else deadline
