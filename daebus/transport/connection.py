"""A connection to Redis for any number of threads: the protocol core with a socket under it.

Invariants:

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

from daebus.errors import ConnectionLost, RedisUnavailable, TooLate
from daebus.wire.protocol import Event, Protocol
from daebus.wire.resp import ProtocolError

from .address import RedisAddress
from .commands import IN_ONE_PIECE, Pending, loss
from .leader import OVERDUE_AFTER, Leadership
from .places.route import Place
from .stream import Stream
from .threads import begin, is_held
from .waiter import Waiter

TOGETHER = 65536
"""Bytes of commands that are sent in one write, at most; more than that is copied into no batch."""
LAST_WORDS_WITHIN = 0.2
"""Seconds in which a server that closes the connection says why."""
REPLY_WITHIN = 5.0
"""Seconds after which a reply that has not come means that the connection is dead; see `Doubts`."""
TAKES_WITHIN = 5.0
"""Seconds for which a full socket may take nothing before the connection is held to be dead."""


class Hold:
    """The right to write, of the thread that has it."""

    __slots__ = ("since", "thread")

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.thread = threading.get_ident()

    @property
    def is_gone(self) -> bool:
        """Writing never waits: who has it for long was interrupted more than once, or is kept from running at all."""
        return time.monotonic() - self.since > OVERDUE_AFTER and not is_held("hold", self)


class Connection:
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
        self.address = address
        self.node: RedisAddress | None = None
        """The server that it is to, where that may be one of several."""
        self.place: Place | None = None
        """Where that is."""
        self.leadership = leadership
        self._overdue = overdue
        self.error: ConnectionLost | None = None
        """Why it is of no use any more."""
        self.usable = True
        """Whether it takes commands, as far as is known."""
        self._stream = stream
        self._protocol = Protocol() if protocol is None else protocol
        self._due = self._protocol.due
        self.has_data = self._protocol.has_data
        """Whether more has come than was taken by `next_event`; asked for each message."""
        self._outbox: deque[Pending] = deque()
        self._rest: memoryview | None = None
        self._unwritten = 0
        self._writing: dict[None, Hold] = {}
        self._write_error: Exception | None = None
        self._waiting: dict[int, None] = {}
        self._straggler: threading.Thread | None = None
        self._reading = self._torn = False
        self._done: deque[Pending] = deque()
        self.handing = False
        """Whether the leader has a message that it has not handed over yet."""
        self.told_by: int | None = None
        """The thread that just tells what became of commands; it must not wait for others."""
        self._control = threading.Lock()
        now = time.monotonic()
        self.heard_at = now
        """When the last bytes came."""
        self.moved_at = now
        """When the socket took something after it had been full."""
        self.believed_at = now
        """When there was last a reason to believe that the other side lives, though it owes a reply."""
        self.doubted = False
        """Whether it is being found out if it does; nothing more is to be sent meanwhile."""

    @property
    def in_flight(self) -> int:
        """How many commands have been given and are not done."""
        return len(self._outbox) + len(self._due)

    @property
    def unsent(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._outbox) or self._rest is not None

    @property
    def full(self) -> bool:
        """Whether the socket has taken a part only of what was written last."""
        return self._rest is not None

    # Writing

    def submit(self, command: Pending, later: bool = False) -> bool:
        """Send a command; False where the connection broke before.

        With `later` it is left to the next `flush`, unless as many wait as go out in one piece.
        """
        if self._writing:
            self._replace_gone()
        if not self.usable:
            return False
        self._outbox.append(command)
        if not later or len(self._outbox) >= IN_ONE_PIECE or not self.usable:
            self.flush()
        return True

    def flush_left(self) -> None:
        """Write what a writer has left that was interrupted more than once. For whoever waits for a reply."""
        if self._outbox:
            self._replace_gone()
            self.flush()

    def _replace_gone(self) -> None:
        writer = self._writing.get(None)
        if writer is not None and writer.is_gone:
            self._writing.pop(None, None)
            self._torn_off()

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it, unless another thread is at it."""
        hold = Hold()
        try:
            while self.error is None and (self._outbox or self._rest is not None):
                if self._writing.setdefault(None, hold) is not hold:
                    return
                self._write(hold)
                stuck = self._rest is not None or self._write_error is not None
                if self._writing.get(None) is not hold:
                    # It took so long that another thread took this one for gone, and gave the connection up.
                    return
                del self._writing[None]
                if stuck:
                    return
        except BaseException:
            # An interrupt: what others have left to this thread is to be written all the same.
            if self._writing.get(None) is not hold:
                self.flush()
            raise
        finally:
            if self._writing.get(None) is hold:
                self._torn_off()
                self._writing.pop(None, None)
            if self.error is not None:
                self._end_all(self.error)
                self._free()

    def _torn_off(self) -> None:
        """A writer was interrupted, and nobody knows how far it got."""
        self._rest = None
        self.fail("interrupted in the middle of writing")

    def _write(self, hold: Hold) -> None:
        while self.error is None and self._write_error is None:
            data = self._rest if self._rest is not None else self._next_batch(hold.since)
            if not data:
                return
            try:
                sent = self._stream.write(data)
            except (OSError, ValueError) as error:
                self._unwritten, self._rest = len(data), None
                self._hear_out(error)
                return
            if self._rest is None and sent == len(data) and not self._outbox:
                return
            hold.since = time.monotonic()
            if sent and self._rest is not None:
                self.moved_at = hold.since
            self._rest = memoryview(data)[sent:] if sent < len(data) else None
            if self._rest is not None:
                return

    def _hear_out(self, error: Exception) -> None:
        """A write failed: take in what the server said before it closed, since the reason often stands there."""
        self.usable = False
        self._write_error = error
        waiter = Waiter()
        try:
            # Where another thread reads, that comes to the end by itself.
            if self.leadership.take(waiter):
                until = time.monotonic() + LAST_WORDS_WITHIN
                while self.receive(until - time.monotonic()):
                    self.settle()
                self.fail(error)
        except ConnectionLost:
            pass
        finally:
            self.leave(waiter)

    def _next_batch(self, now: float) -> bytes:
        """The bytes of the next commands; what is due by now is ended instead."""
        outbox, send = self._outbox, self._protocol.send
        if len(outbox) == 1 and now < (command := outbox[0]).due:
            # Mostly it is one.
            command.sent_at = now
            data = send(command)
            command.data = b""
            outbox.popleft()
            return data
        batch: list[bytes] = []
        size = 0
        while outbox and size < TOGETHER:
            # It stays where it is until it stands elsewhere: an interrupt must not lose it.
            command = outbox[0]
            command.sent_at = now
            if now >= command.due:
                command.sent_at = None
                where = f"Redis at {self.address}"
                command.end(TooLate(f"the time was over before it could be sent to {where}; nothing was sent"))
            elif batch and len(command.data) > TOGETHER:
                command.sent_at = None
                break
            else:
                data = send(command)
                size += len(data)
                batch.append(data)
                # It is never sent again, and its reply may be read much later.
                command.data = b""
            outbox.popleft()
        return batch[0] if len(batch) == 1 else b"".join(batch)

    def write_on(self, until: float) -> None:
        """Where the socket was full, write what waits; another thread goes on where that is not done by then."""
        begun = time.monotonic()
        while self.full and self.error is None:
            dead_at = max(begun, self.moved_at, self.believed_at) + TAKES_WITHIN
            self._wait_writable(min(until, dead_at) - time.monotonic())
            self.flush()
            now = time.monotonic()
            if now >= dead_at and self.moved_at + TAKES_WITHIN <= now:
                self._overdue(self, "Redis takes no more data")
            if self.full and now >= until:
                self._leave_writing()
                return

    def _leave_writing(self) -> None:
        """The time of this thread is over; half a command must not stay, and others wait behind it."""
        if self._straggler is None or not self._straggler.is_alive():
            self._straggler = threading.Thread(
                target=self.write_on, args=(math.inf,), name="daebus-writing-on", daemon=True
            )
            try:
                begin(self._straggler)
            except RuntimeError as error:
                self.fail(error)

    def _wait_writable(self, timeout: float) -> None:
        me = threading.get_ident()
        try:
            self._waiting[me] = None
            if self.error is None:
                self._stream.wait_writable(timeout)
        finally:
            self._waiting.pop(me, None)
            if self.error is not None:
                self._free()

    def subscribe(self, channels: list[bytes]) -> None:
        """Ask for channels; each is confirmed, or refused, by an event."""
        self._write_now(self._protocol.subscribe(channels))

    def heartbeat(self, channel: bytes) -> None:
        """Ask for a sign of life on a connection that listens to `channel`."""
        self._write_now(self._protocol.heartbeat(channel))

    def unsubscribe(self) -> None:
        """Ask for the end of all subscriptions."""
        self._write_now(self._protocol.unsubscribe())

    def _write_now(self, data: bytes) -> None:
        """Write the few bytes that a listening connection has to say."""
        until = time.monotonic() + TAKES_WITHIN
        try:
            with self._control:
                rest = memoryview(data)
                while rest:
                    rest = rest[self._stream.write(rest) :]
                    if rest and not self._stream.wait_writable(until - time.monotonic()):
                        raise OSError("Redis takes no more data")
        except BaseException as error:
            lost = self.fail(
                error if isinstance(error, OSError | ValueError) else "interrupted in the middle of writing"
            )
            if isinstance(error, OSError | ValueError):
                raise lost from None
            raise

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
                self.handing = False
                self.fail("interrupted in the middle of reading")
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
