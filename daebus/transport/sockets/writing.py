"""The half of a connection that writes: commands of any thread, in whole, as far as the socket takes them.

The invariants are those of `Connection`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from daebus.errors import ConnectionLost, TooLate
from daebus.transport.commands import IN_ONE_PIECE, Pending
from daebus.transport.threads import begin, is_held
from daebus.wire.protocol import Protocol

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

    __slots__ = ("since", "thread")

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.thread = threading.get_ident()

    @property
    def is_gone(self) -> bool:
        """Writing never waits: who has it for long was interrupted more than once, or is kept from running at all."""
        return time.monotonic() - self.since > OVERDUE_AFTER and not is_held("hold", self)


class Writing:
    """What writes. The rest of the connection says what it is written to, and what becomes of it."""

    address: str
    leadership: Leadership
    error: ConnectionLost | None
    usable: bool
    believed_at: float
    _overdue: Callable[..., object]

    def __init__(self, stream: Stream, protocol: Protocol) -> None:
        self._stream = stream
        self._protocol = protocol
        self._due = protocol.due
        self._outbox: deque[Pending] = deque()
        self._rest: memoryview | None = None
        self._unwritten = 0
        self._writing: dict[None, Hold] = {}
        self._write_error: Exception | None = None
        self._waiting: dict[int, None] = {}
        self._straggler: threading.Thread | None = None
        self._control = threading.Lock()
        self.moved_at = time.monotonic()
        """When the socket took something after it had been full."""

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
        if len(outbox) == 1:
            # Mostly it is one.
            command = outbox[0]
            command.sent_at = now
            if now < command.due:
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

    # What the rest of the connection does

    def receive(self, timeout: float) -> bool:
        """See `Connection`."""
        raise NotImplementedError

    def settle(self) -> None:
        """See `Connection`."""
        raise NotImplementedError

    def leave(self, waiter: Waiter) -> None:
        """See `Connection`."""
        raise NotImplementedError

    def fail(self, reason: object) -> ConnectionLost:
        """See `Connection`."""
        raise NotImplementedError

    def _free(self) -> None:
        raise NotImplementedError

    def _end_all(self, error: ConnectionLost) -> None:
        raise NotImplementedError
