"""A connection to Redis for any number of threads: the protocol core with a socket under it.

Invariants:

1. Only the thread that holds `_writing` gives bytes to the socket, and whole commands. It is taken without waiting:
   whoever finds it taken leaves the command to the one that has it, which looks again before it lets go.
2. Only the leader (`leadership`) takes bytes from the socket.
3. `_torn` is true while bytes are neither in the socket nor in the protocol. An exception there, whatever raised it,
   ends the connection: half a command must not stay. Anywhere else it costs nothing.
4. `error` is set once. From then on nothing is sent, and each command is ended with an error by whoever comes across it.
5. The socket is shut when the connection fails, and freed by whichever thread is the last to leave it: who enters
   says so first (`_reading`, `_writing`, `_waiting`) and looks at `error` then.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.wire.protocol import Event, NeedData, Protocol, Replied
from daebus.wire.resp import ProtocolError

from .commands import Pending
from .leader import OVERDUE_AFTER, Leadership
from .stream import Stream
from .waiter import Waiter

TOGETHER = 65536
"""Bytes of commands that are sent in one write, at most; more than that is copied into no batch."""
LAST_WORDS_WITHIN = 0.2
"""Seconds in which a server that closes the connection says why."""
TAKES_WITHIN = 5.0
"""Seconds for which a full socket may take nothing before the connection is held to be dead."""


class Hold:
    """The right to write, of the thread that has it."""

    __slots__ = ("since",)

    def __init__(self) -> None:
        self.since = time.monotonic()


class Connection:
    """One connection. `address` is for error texts, without a password."""

    def __init__(self, stream: Stream, address: str, leadership: Leadership) -> None:
        self.address = address
        self.leadership = leadership
        self.error: ConnectionLost | None = None
        """Why it is of no use any more."""
        self._stream = stream
        self._protocol = Protocol()
        self._outbox: deque[Pending] = deque()
        self._rest: memoryview | None = None
        self._writing: dict[None, Hold] = {}
        self._write_error: Exception | None = None
        self._waiting: dict[int, None] = {}
        self._straggler: threading.Thread | None = None
        self._reading = self._torn = False
        self._control = threading.Lock()
        now = time.monotonic()
        self.heard_at = now
        """When the last bytes came."""
        self.moved_at = now
        """When the socket took something after it had been full."""

    @property
    def usable(self) -> bool:
        """Whether it takes commands, as far as is known."""
        return self.error is None and self._write_error is None

    @property
    def in_flight(self) -> int:
        """How many commands have been given and are not done."""
        return len(self._outbox) + self._protocol.in_flight

    @property
    def unsent(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._outbox) or self._rest is not None

    @property
    def full(self) -> bool:
        """Whether the socket has taken a part only of what was written last."""
        return self._rest is not None

    @property
    def has_more(self) -> bool:
        """Whether more has come than was taken by `next_event`."""
        return self._protocol.has_more

    # Writing

    def submit(self, command: Pending, later: bool = False) -> bool:
        """Send a command; False where the connection broke before. With `later` it is left to the next `flush`."""
        holder = self._writing.get(None)
        # Writing never waits; who does not come back from it was interrupted more than once.
        if holder is not None and time.monotonic() - holder.since > OVERDUE_AFTER:
            self._writing.pop(None, None)
            self.fail("interrupted in the middle of writing")
        if not self.usable:
            return False
        self._outbox.append(command)
        if not later or not self.usable:
            self.flush()
        return True

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it, unless another thread is at it."""
        hold = Hold()
        try:
            while self._outbox or self._rest is not None:
                if self._writing.setdefault(None, hold) is not hold:
                    return
                self._write()
                full = self._rest is not None
                del self._writing[None]
                if full:
                    return
        finally:
            if self._writing.get(None) is hold:
                self.fail("interrupted in the middle of writing")
                self._writing.pop(None, None)
            if self.error is not None:
                self._free()

    def _write(self) -> None:
        while self.error is None and self._write_error is None:
            data = self._rest if self._rest is not None else self._next_batch()
            if not data:
                return
            try:
                sent = self._stream.write(data)
            except (OSError, ValueError) as error:
                self._rest = None
                self._hear_out(error)
                break
            if sent and self._rest is not None:
                self.moved_at = time.monotonic()
            self._rest = memoryview(data)[sent:] if sent < len(data) else None
            if self._rest is not None:
                return
        if self.error is not None:
            self._end_all(self.error)

    def _hear_out(self, error: Exception) -> None:
        """A write failed: take in what the server said before it closed, since the reason often stands there."""
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

    def _next_batch(self) -> bytes:
        """The bytes of the next commands; what is due by now is ended instead."""
        now = time.monotonic()
        batch: list[bytes] = []
        size = 0
        while self._outbox and size < TOGETHER:
            # It stays where it is until it stands elsewhere: an interrupt must not lose it.
            command = self._outbox[0]
            if now >= command.due:
                command.end(RedisUnavailable(f"Redis at {self.address} took no more data in time; nothing was sent"))
            elif batch and len(command.data) > TOGETHER:
                break
            else:
                command.sent_at = now
                size += len(command.data)
                batch.append(self._protocol.send(command))
            self._outbox.popleft()
        return batch[0] if len(batch) == 1 else b"".join(batch)

    def write_on(self, until: float) -> None:
        """Where the socket was full, write what waits; another thread goes on where that is not done by then."""
        last = time.monotonic()
        while self.full and self.error is None:
            before = self._rest
            self._wait_writable(min(until, last + TAKES_WITHIN) - time.monotonic())
            self.flush()
            now = time.monotonic()
            if self._rest is not before:
                last = now
            elif now >= last + TAKES_WITHIN:
                self.fail("Redis takes no more data")
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
                self._straggler.start()
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

    def receive(self, timeout: float) -> bool:
        """Take in what has come, after at most so many seconds; False where nothing has. Raises ConnectionLost."""
        self._reading = True
        if self.error is not None:
            self._reading = False
            raise self.lost()
        self.leadership.back_by = time.monotonic() + timeout
        if not self._stream.wait_readable(timeout):
            self._reading = False
            return False
        self._torn = True
        try:
            data = self._stream.read()
        except (OSError, ValueError) as error:
            self._reading = False
            raise self.fail(error) from None
        if data:
            self._protocol.receive_data(data)
        self._torn = self._reading = False
        if data is None:
            return False
        self.heard_at = time.monotonic()
        if not data:
            raise self.fail("Redis closed the connection")
        return True

    def next_event(self) -> Event:
        """What has come, one by one; NEED_DATA where there is no more. Raises ConnectionLost."""
        try:
            return self._protocol.next_event()
        except (ProtocolError, ValueError) as error:
            raise self.fail(error) from None

    def settle(self) -> None:
        """Give the replies that have come to their commands."""
        self._torn = True
        while not isinstance(event := self.next_event(), NeedData):
            if isinstance(event, Replied):
                command = event.command
                assert isinstance(command, Pending)
                command.end()
        self._torn = False

    @property
    def oldest(self) -> Pending | None:
        """The command that has waited longest for its replies."""
        oldest = self._protocol.oldest
        assert oldest is None or isinstance(oldest, Pending)
        return oldest

    # The end

    def leave(self, waiter: Waiter) -> None:
        """Lead no more, however that came about; the connection ends where it was interrupted in the middle."""
        if self.leadership.led_by(waiter):
            if self._torn:
                self.fail("interrupted in the middle of reading")
            self._reading = False
            if self.error is not None:
                self._free()
        self.leadership.leave(waiter)

    def lost(self) -> ConnectionLost:
        """The error of this connection, to be raised: each its own, since one that is raised remembers where."""
        assert self.error is not None
        return ConnectionLost(str(self.error))

    def fail(self, reason: object) -> ConnectionLost:
        """End it, the first time, and every command with it; returns the error."""
        if self.error is None:
            self.error = ConnectionLost(f"lost the connection to Redis at {self.address}: {reason}")
        self._torn = False
        self._stream.shut()
        self._end_all(self.error)
        self._free()
        return self.lost()

    def abandon(self) -> None:
        """Let go of this process' copy of the socket, in a forked child; nothing ends on the parent's side."""
        self.error = ConnectionLost(f"the connection to Redis at {self.address} is the parent process'")
        self._stream.close()

    def _free(self) -> None:
        """Free the socket of a connection that has failed, unless somebody is at it, who then does."""
        if not (self._reading or self._writing or self._waiting):
            self._stream.close()

    def _end_all(self, error: ConnectionLost) -> None:
        while (command := self._protocol.lose()) is not None:
            assert isinstance(command, Pending)
            command.end(ConnectionLost(str(error)))
        unsent = f"{error}; nothing was sent"
        while True:
            try:
                command = self._outbox.popleft()
            except IndexError:
                return
            command.end(RedisUnavailable(unsent))
