"""A connection to Redis for any number of threads: the protocol core with a socket under it.

Invariants (those of writing, 1 and 5, are in `Writing`):

1. Only the thread that holds `_writing` gives bytes to the socket, and whole commands. It is taken without waiting:
   whoever finds it taken leaves the command to the one that has it, which looks again before it lets go.
2. Only the leader (`leadership`) takes bytes from the socket.
3. `_torn` is true while bytes are neither in the socket nor in the protocol. An exception there, whatever raised it,
   ends the connection: half a command must not stay. Anywhere else it costs nothing.
4. `error` is set once. From then on nothing is sent, and each command is ended with an error by whoever finds it.
5. A writer that finds `error` set, or is told so while it writes, ends what is left: it alone knows how far it got.
6. The socket is shut when the connection fails, and freed by whichever thread is the last to leave it: who enters
   says so first (`_reading`, `_writing`, `_waiting`) and looks at `error` then.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Pending, loss
from daebus.transport.places.route import Place
from daebus.wire.protocol import Event, Protocol
from daebus.wire.resp import ProtocolError

from .leader import OVERDUE_AFTER, Leadership
from .stream import Stream
from .waiter import Waiter
from .writing import Writing

INTERRUPTED = "interrupted in the middle of reading"
REPLY_WITHIN = 5.0
"""Seconds after which a reply that has not come means that the connection is dead; see `Doubts`."""


class Connection(Writing):
    """One connection. `address` is for error texts, without a password.

    `overdue(connection, reason)` is called where the other side should have moved on long ago; by default the
    connection fails.
    """

    def __init__(
        self,
        stream: Stream,
        address: str,
        leadership: Leadership,
        overdue: Callable[[Connection, str], object] = lambda connection, reason: connection.fail(reason),
        protocol: Protocol | None = None,
    ) -> None:
        super().__init__(stream, Protocol() if protocol is None else protocol)
        self.address = address
        self.node: RedisAddress | None = None
        """The server that it is to, where that may be one of several."""
        self.place: Place | None = None
        """Where that is."""
        self.leadership = leadership
        self._overdue = overdue
        self.error: ConnectionLost | None = None
        """Why it is of no use any more."""
        self.ended_at = -math.inf
        """When that was found out (a time of `time.monotonic()`)."""
        self.usable = True
        """Whether it takes commands, as far as is known."""
        self.has_data = self._protocol.has_data
        """Whether more has come than was taken by `next_event`; asked for each message."""
        self._reading = self._torn = False
        self._done: deque[Pending] = deque()
        self.handing = False
        """Whether the leader has a message that it has not handed over yet."""
        self.lacks = False
        """Whether one was lost so: what came behind it is not to be handed over, as if nothing were missing."""
        self.told_by: int | None = None
        """The thread that just tells what became of commands; it must not wait for others."""
        now = time.monotonic()
        self.heard_at = now
        """When the last bytes came."""
        self.believed_at = now
        """When there was last a reason to believe that the other side lives, though it owes a reply."""
        self.doubted = False
        """Whether it is being found out if it does; nothing more is to be sent meanwhile."""

    # Reading: for the leader

    def read_until(self, over: Callable[[], bool], until: float) -> None:
        """Read replies for everybody until `over()` or then. Raises nothing: those who wait are told of a loss."""
        try:
            while not over() and (now := time.monotonic()) < until:
                overdue_at = self.overdue_at
                longest = OVERDUE_AFTER if self._outbox else math.inf
                if self.receive(min(until - now, overdue_at - now, longest)):
                    self.settle()
                    continue
                self.flush_left()
                if time.monotonic() >= overdue_at:
                    self._overdue(self, f"no reply for {REPLY_WITHIN:g} s")
        except ConnectionLost:
            return

    def look(self) -> None:
        """Take in what has come, without waiting, unless another thread reads. For any thread."""
        waiter = Waiter()
        left = False
        try:
            if self.leadership.take(waiter):
                while self.receive(0):
                    self.settle()
                if time.monotonic() >= self.overdue_at:
                    self._overdue(self, f"no reply for {REPLY_WITHIN:g} s")
        except ConnectionLost:
            return
        finally:
            try:
                self.leave(waiter)
                left = True
            finally:
                if not left:
                    self.leave(waiter)

    @property
    def is_over(self) -> bool:
        """Whether it is of no use any more."""
        return self.error is not None

    def may_have_ended(self) -> bool:
        """Whether there is reason to `look`, other than replies: the other side has closed it, say."""
        return self.error is not None or self._stream.may_have_ended()

    @property
    def overdue_at(self) -> float:
        """When it is high time for a reply that has not come by then."""
        oldest = self._protocol.oldest
        if not isinstance(oldest, Pending) or oldest.sent_at is None:
            return math.inf
        # What takes long to be sent is not replied to before.
        return max(oldest.sent_at, self.moved_at, self.believed_at) + REPLY_WITHIN

    def receive(self, timeout: float) -> bool:
        """Take in what has come, after at most so many seconds; False where nothing has. Raises ConnectionLost."""
        self._reading = True
        error = self.error
        if error is not None:
            self._has_read()
            raise self.lost()
        # Most of what follows runs for each message.
        self.leadership.back_by = time.monotonic() + timeout
        # Without time to wait, reading itself tells whether there is something.
        if timeout > 0 and not self._stream.wait_readable(timeout):
            self._has_read()
            return False
        self._torn = True
        try:
            data = self._stream.read()
        except (OSError, ValueError) as problem:
            self._reading = False
            raise self.fail(problem) from None
        if data:
            self._protocol.receive_data(data)
        self._torn = self._reading = False
        if self.error is not None:
            self._free()
        if data is None:
            return False
        self.heard_at = time.monotonic()
        if not data:
            raise self.fail("Redis closed the connection")
        return True

    def _has_read(self) -> None:
        self._reading = False
        if self.error is not None:
            # It failed meanwhile, and whoever saw to that left the socket to us.
            self._free()

    def next_event(self) -> Event:
        """What has come, one by one; NEED_DATA where there is no more. Raises ConnectionLost."""
        try:
            return self._protocol.next_event()
        except (ProtocolError, ValueError) as error:
            raise self.fail(error) from None

    def settle(self) -> None:
        """Give the replies that have come to their commands, and tell of those that are done."""
        self._torn = True
        try:
            self._protocol.take_replies(self._done)  # type: ignore[arg-type]  # it is given no other commands
            self._torn = False
        except (ProtocolError, ValueError) as error:
            raise self.fail(error) from None
        finally:
            # Not before: whoever is told of the last reply that there is may send something else at once.
            self._tell()

    def _tell(self) -> None:
        self.told_by = threading.get_ident()
        done = self._done
        while True:
            # It stays until it has been told: an interrupt must not lose it. So a thread that takes this one for gone
            # may tell of the same; neither takes away what the other has not told, nor tells what was sent once more.
            try:
                command = done[0]
            except IndexError:
                break
            # As `done` has it, without a call.
            if len(command.replies) >= command.wanted or command.error is not None:
                command.end()
            try:
                done.remove(command)
            except ValueError:
                pass
        self.told_by = None

    # The end

    def leave(self, waiter: Waiter) -> None:
        """Lead no more, however that came about; the connection ends where it was interrupted in the middle."""
        leadership = self.leadership
        if leadership.leader is waiter:
            if self._torn or self.handing:
                self.lacks = self.lacks or self.handing
                self.fail(INTERRUPTED)
                self.handing = False
            if self._done:
                self._tell()
            self._reading = False
            if self.error is not None:
                self._free()
        leadership.leave(waiter)

    def lost(self) -> ConnectionLost:
        """The error of this connection, to be raised: each its own, since one that is raised remembers where."""
        assert self.error is not None
        return ConnectionLost(str(self.error))

    def fail(self, reason: object) -> ConnectionLost:
        """End it, the first time, and every command with it; returns the error."""
        self.usable = False
        if self.error is None:
            self.ended_at = time.monotonic()
            self.error = ConnectionLost(f"lost the connection to Redis at {self.address}: {reason}")
        self._torn = False
        self._stream.shut()
        writer = self._writing.get(None)
        if writer is None or writer.thread == threading.get_ident() or writer.is_gone:
            self._end_all(self.error)
        self._free()
        return self.lost()

    def __del__(self) -> None:
        # Another finalizer may use it afterwards, and the number of the socket may be another's by then.
        # One that was interrupted while it was made has nothing to let go of: the socket is its maker's yet.
        if hasattr(self, "address"):
            self._let_go("not held by anybody any more")

    def abandon(self) -> None:
        """Let go of this process' copy of the socket, in a forked child; nothing ends on the parent's side."""
        self._let_go("the parent process'")

    def _let_go(self, whose: str) -> None:
        self.usable = False
        self.error = ConnectionLost(f"the connection to Redis at {self.address} is {whose}")
        self._stream.close()

    def _free(self) -> None:
        """Free the socket of a connection that has failed, unless somebody is at it, who then does."""
        if not (self._reading or self._writing or self._waiting):
            self._stream.close()

    def _end_all(self, error: ConnectionLost) -> None:
        rest = self._rest
        unwritten = self._unwritten if rest is None else len(rest)
        while (lost := self._protocol.lose(unwritten)) is not None:
            assert isinstance(lost.command, Pending)
            lost.command.end(loss(lost, error))
            self._protocol.forget(lost.command)
        unsent = f"{error}; nothing was sent"
        while True:
            # It stays until it has been ended, as in `_tell`.
            try:
                command = self._outbox[0]
            except IndexError:
                return
            command.end(RedisUnavailable(unsent))
            try:
                self._outbox.remove(command)
            except ValueError:
                pass

    def see_ended(self, command: Pending, waiter: Waiter, until: float) -> None:
        """It is lost: return when a command has been ended, which wakes the waiter, or then.

        It is found lost a moment before its commands are ended, by a thread that may be interrupted in between.
        """
        if self.error is None or command.done:
            return
        if not self._writing:
            self._end_all(self.error)
        until = min(until, time.monotonic() + OVERDUE_AFTER)
        while not command.done and (now := time.monotonic()) < until:
            waiter.sleep(until - now)
        if not command.done:
            sent = not command.withdraw()
            command.end(self.lost() if sent else RedisUnavailable(f"{self.error}; nothing was sent"))
