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
from .commands import Audience, Kinds, Pending, Typed, ping
from .fork import begins_anew, mind_the_end
from .pause import Doubts
from .places.cluster import ClusterLookout
from .places.dialing import Dialled, dial
from .places.presence import Presence
from .proof import Greeting
from .sockets.connection import REPLY_WITHIN, Connection
from .sockets.leader import Leadership
from .sockets.stream import Stream
from .sockets.waiter import Waiter

PUBLISH_TIMEOUT = REPLY_WITHIN
"""Seconds that a publish without a deadline of its own may take."""
FRESH = 0.001
"""Seconds for which a look at the connection is good enough to write to it without another, where many write: one
thread has what another has found, and one that sends a lot at once does not look in between."""
FEW = 8
"""Commands in flight, below which replies are left where they are before something is sent, to be taken in together
later, and a thread relies on no look of its own, but asks before each command if the connection has ended."""


class Commander:
    """Gives a Redis commands. Connects on first use, again after a loss, and again after `close`.

    Every method may be called from any thread. Raises RedisUnavailable where nothing was sent,
    ConnectionLost where the command may or may not have been executed, PermissionDenied where Redis forbids it.
    """

    def __init__(self, address: RedisAddress, name: str) -> None:
        self.address = address
        self.name = name
        self.greeting = Greeting()
        """What the server said it is."""
        self.on_replica: Callable[[], object] = lambda: None
        """Called when it is found out that the server is a replica; must be quick."""
        self._begin()
        begins_anew(self)

    def _begin(self) -> None:
        self._connecting = Leadership()
        self._doubts = Doubts(self.address, self.name)
        self._audience = Audience()
        self._presence = Presence()
        self._connection: Connection | None = None
        self._closed_by = object()
        """Stands for the last `close`: who was connecting then is to know."""
        self._looked_at = 0.0
        self._looked_by = 0

    def after_fork(self) -> None:
        """Where the threads are gone that there were: connect again when needed."""
        if self._connection is not None:
            self._connection.abandon()
        self._begin()

    def connect(self, deadline: float | None = None) -> None:
        """Connect now, to learn at once whether Redis can be reached."""
        self._usable(due_at(deadline))

    @property
    def cluster(self) -> ClusterLookout | None:
        """The cluster of which it is connected to a node, if it is one."""
        return self._presence.cluster

    def ask(
        self, commands: Sequence[Sequence[bytes]], doing: str, kinds: Kinds, deadline: float | None = None
    ) -> list[Any]:
        """Give Redis other commands, all in one round trip, and return their replies.

        `doing` says what for, in the error raised where Redis answers one of them with an error; `kinds` of what types
        the replies are: where some are lost on the way, others come in their place. Without a deadline it is waited for
        as long as Redis lives.
        """
        data = b"".join(pack(*command) for command in commands)
        return self.ask_packed(data, len(commands), doing, kinds, deadline)

    def ask_packed(
        self, data: bytes, wanted: int, doing: str, kinds: Kinds, deadline: float | None = None
    ) -> list[Any]:
        """The same with commands that are packed, which have so many replies."""
        replies = self.ask_each(data, wanted, kinds, deadline)
        for reply in replies:
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(self.address), doing)
        return replies

    def ask_each(self, data: bytes, wanted: int, kinds: Kinds, deadline: float | None = None) -> list[Any]:
        """The same; among the replies are the errors, of the commands that Redis answered with one."""
        return self._exchanged(Typed(data, wanted, inf if deadline is None else deadline, kinds)).replies

    def confirm(self, deadline: float | None = None) -> None:
        """Return when Redis has confirmed everything that was posted."""
        mind_the_end()
        connection = self._connection
        if connection is not None and connection.in_flight:
            self._exchanged(ping(due_at(deadline)))

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

    def beat(self, command: Pending) -> bool:
        """Send a heartbeat without waiting; False where there is no connection.

        Its `ended` is called by whichever thread learns what became of it.
        """
        connection = self._connection
        if connection is None or not connection.usable:
            return False
        command.connection = connection
        return connection.submit(command)

    def move(self, reason: str) -> None:
        """Use a new connection from now on, whatever is in flight on this one."""
        connection = self._connection
        if connection is not None:
            connection.fail(reason)

    def close(self) -> None:
        """Close the connection, also one that is being made. The next publish opens another."""
        mind_the_end()
        self._closed_by = object()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.fail("closed while waiting for Redis")

    def _exchanged(self, command: Pending) -> Pending:
        return self._replied(self._hand_in(command, command.due), command)

    def _replied(self, connection: Connection, command: Pending) -> Pending:
        """What was handed in there, once it has its replies. Raises RedisUnavailable."""
        due = command.due
        self._await(connection, command, Waiter(), command.is_done, due)
        if command.error is None and not command.done:
            connection.look()
        if command.error is not None:
            raise again(command.error)
        if not command.done:
            where = f"Redis at {self.address}"
            if command.withdraw():
                raise TooLate(f"the time was over before it could be sent to {where}; nothing was sent")
            raise ConnectionLost(f"{where} {command.unanswered}")
        return command

    def _await(
        self, connection: Connection, command: Pending, waiter: Waiter, over: Callable[[], bool], until: float
    ) -> None:
        """Wait until `over()` or then: reading for all, or while another thread does."""
        command.waiter = waiter
        leadership = connection.leadership
        left = False
        try:
            while not over() and (now := time.monotonic()) < until and connection.error is None:
                if connection.full:
                    connection.write_on(until)
                connection.flush_left()
                if leadership.join(waiter, over, min(until, now + REPLY_WITHIN)):
                    connection.read_until(over, until)
            if connection.error is not None and not over():
                connection.see_ended(command, waiter, until)
        finally:
            try:
                connection.leave(waiter)
                left = True
            finally:
                if not left:
                    connection.leave(waiter)

    def _hand_in(self, command: Pending, patience: float, later: bool = False) -> Connection:
        while True:
            connection = self._usable(patience)
            command.connection = connection
            if connection.submit(command, later):
                return connection

    def _hand_to(self, connection: Connection, command: Pending, patience: float) -> bool:
        """Hand it in on just that connection; False where there is, or has to be, another by now."""
        command.connection = connection
        return self._usable(patience) is connection and connection.submit(command)

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
        stale = now - self._looked_at >= FRESH
        few = connection.in_flight < FEW
        if stale or (few and self._looked_by == me):
            self._looked_at, self._looked_by = now, me
            if not few or connection.may_have_ended() or (stale and now >= connection.overdue_at):
                connection.look()

    def _connect(self, until: float) -> None:
        """Connect, or wait for the thread that does so for all."""
        waiter, closed_by = Waiter(), self._closed_by
        try:
            leads = self._connecting.join(waiter, self._has_usable, until)
            self._check_open(closed_by)
            if leads and not self._has_usable():
                dialled = self._dial(until)
                if self._has_usable():
                    # So has another, that took this one for gone.
                    dialled.sock.close()
                    return
                before, self._looked_at = self._connection, time.monotonic()
                connection = self._made(dialled, again=before is not None)
                self._connection = connection
                dialled.guard(connection.fail)
                if before is not None:
                    before.fail("given up for another one")
                if self._closed_by is not closed_by:
                    connection.fail("closed while connecting")
                    self._check_open(closed_by)
        finally:
            try:
                self._connecting.leave(waiter)
            finally:
                self._connecting.leave(waiter)

    def _made(self, dialled: Dialled, again: bool) -> Connection:
        """The connection by a socket, which is closed where that is interrupted."""
        try:
            self._presence.connected(dialled.lookout, again=again)
            self.greeting, where = dialled.greeting, str(self.address)
            if dialled.lookout is not None:
                where = str(dialled.node)
            connection = Connection(Stream(dialled.sock), where, Leadership(), self._doubts.begin)
        except BaseException:
            dialled.sock.close()
            raise
        connection.node, connection.place = dialled.node, dialled.place
        return connection

    def _check_open(self, closed_by: object) -> None:
        """Raises RedisUnavailable where it has been closed since."""
        if self._closed_by is not closed_by:
            raise RedisUnavailable(f"closed while connecting to Redis at {self.address}; nothing was sent")

    def _dial(self, until: float) -> Dialled:
        return dial(self.address, self.name, until, patient=True)

    def _has_usable(self) -> bool:
        connection = self._connection
        return connection is not None and connection.usable


def due_at(deadline: float | None) -> float:
    """When a command is of no use any more; None is for one without a deadline of its own."""
    return time.monotonic() + PUBLISH_TIMEOUT if deadline is None else deadline
