"""Publishing: one connection for any number of threads, each message written once and never again.

Commands of several threads are in flight at once; their replies come in order, and whichever thread waits
reads for all. Rules of this file: `_mutex` guards the tickets and who leads, is held for moments only, and
never across I/O; `_writing` is held while connecting and writing, and is waited for no longer than a deadline.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from .connection import Link, RedisAddress, refusal
from .errors import ConfigurationError, ConnectionLost, RedisUnavailable
from .resp import INCOMPLETE, ErrorReply, pack

PUBLISH_TIMEOUT = 5.0
"""Seconds that a publish without a deadline of its own may take; also how long a reply may be due before the
connection counts as dead."""
_UNREAD_LIMIT = 500
_PING = pack(b"PING")


class Delivery(NamedTuple):
    """What became of one message.

    `receivers` is how many subscribers Redis gave it to (pattern subscribers count too), `subscribers` how many
    are subscribed to just that channel (None where Redis does not let us ask), `sent_at` when it was about to be
    written (a time of `time.monotonic()`).
    """

    receivers: int
    subscribers: int | None
    sent_at: float


class _Ticket:
    """A command whose replies are due. `wake` is locked until its thread has something to look at."""

    __slots__ = ("awaited", "error", "replies", "sent_at", "signalled", "wake", "wanted")

    def __init__(self, wanted: int, awaited: bool) -> None:
        self.wanted = wanted
        self.awaited = awaited
        self.replies: list[Any] = []
        self.error: ConnectionLost | None = None
        self.wake = threading.Lock()
        self.wake.acquire()
        self.signalled = False
        self.sent_at = time.monotonic()

    @property
    def done(self) -> bool:
        return self.error is not None or len(self.replies) >= self.wanted


class _Pipe:
    """A link with the tickets whose replies it owes, oldest first, and whether some thread is reading."""

    __slots__ = ("led", "link", "tickets")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.tickets: deque[_Ticket] = deque()
        self.led = False


class Publisher:
    """Publishes to a Redis. Connects on first use, again after a loss, and again after `close`.

    Every method may be called from any thread. Raises RedisUnavailable where nothing was sent,
    ConnectionLost where the message may or may not have arrived, PermissionDenied where Redis forbids it.
    """

    def __init__(self, address: RedisAddress, name: str) -> None:
        self.address = address
        self.name = name
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._mutex = threading.Lock()
        self._writing = threading.Lock()
        self._pipe: _Pipe | None = None

    def connect(self, deadline: float | None = None) -> None:
        """Connect now, to learn at once whether Redis can be reached."""
        self._lock_writing(_due(deadline))
        try:
            self._usable(_due(deadline))
        finally:
            self._writing.release()

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Publish and return how many subscribers Redis gave it to (pattern subscribers count too)."""
        ticket = self._exchange(_publish_command(channel, data), 1, _due(deadline))
        return self._count(ticket.replies[0], channel)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """Publish, and tell what became of it."""
        name = _channel_bytes(channel)
        command = _publish_command(channel, data) + pack(b"PUBSUB", b"NUMSUB", name)
        ticket = self._exchange(command, 2, _due(deadline))
        published, counted = ticket.replies
        subscribers = counted[1] if isinstance(counted, list) and len(counted) > 1 else None
        return Delivery(self._count(published, channel), subscribers, ticket.sent_at)

    def publish_counted(self, channel: str, data: bytes, deadline: float | None = None) -> tuple[int, int | None]:
        """Publish, and return the `receivers` and `subscribers` of its Delivery."""
        return self.deliver(channel, data, deadline)[:2]

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give Redis other commands, all in one round trip, and return their replies.

        `doing` says what for, in the error raised where Redis answers one of them with an error.
        """
        packed = b"".join(pack(*command) for command in commands)
        ticket = self._exchange(packed, len(commands), _due(deadline))
        for reply in ticket.replies:
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(self.address), doing)
        return ticket.replies

    def post(self, channel: str, data: bytes, deadline: float | None = None) -> None:
        """Publish without waiting for Redis to confirm it."""
        due = _due(deadline)
        pipe, ticket = self._write(_publish_command(channel, data), 1, due, awaited=False)
        if len(pipe.tickets) > _UNREAD_LIMIT:
            ticket.awaited = True
            self._await(pipe, ticket, due)

    def flush(self, deadline: float | None = None) -> None:
        """Return when Redis has confirmed everything that was posted."""
        pipe = self._pipe
        if self._pid == os.getpid() and pipe is not None and pipe.tickets:
            self._exchange(_PING, 1, _due(deadline))

    def renew(self) -> None:
        """Use a new connection from now on, unless this one is in use: there is reason to think that it is dead."""
        if self._pid != os.getpid() or not self._writing.acquire(blocking=False):
            return
        try:
            with self._mutex:
                pipe = self._pipe
                if pipe is None or pipe.tickets:
                    return
                self._pipe = None
            pipe.link.dispose()
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close the connection. The next publish opens another."""
        if self._pid != os.getpid():
            self._forget()
            return
        pipe = self._pipe
        if pipe is not None:
            self._break(pipe, ConnectionLost("closed while waiting for Redis"))
            pipe.link.dispose()

    def _count(self, reply: Any, channel: str) -> int:
        if isinstance(reply, ErrorReply):
            raise refusal(reply, str(self.address), f"publishing to {channel!r}")
        return int(reply)

    def _exchange(self, command: bytes, wanted: int, due: float) -> _Ticket:
        pipe, ticket = self._write(command, wanted, due, awaited=True)
        self._await(pipe, ticket, due)
        return ticket

    def _lock_writing(self, due: float) -> None:
        if self._pid != os.getpid():
            self._forget()
        if not self._writing.acquire(timeout=min(max(0.0, due - time.monotonic()), threading.TIMEOUT_MAX)):
            raise RedisUnavailable(f"Redis at {self.address} is stuck; nothing was sent")

    def _write(self, command: bytes, wanted: int, due: float, awaited: bool) -> tuple[_Pipe, _Ticket]:
        self._lock_writing(due)
        try:
            pipe = self._usable(due)
            ticket = _Ticket(wanted, awaited)
            with self._mutex:
                pipe.tickets.append(ticket)
            try:
                with pipe.link.writing:
                    pipe.link.send(command, due)
            except ConnectionLost as error:
                self._break(pipe, error)
                pipe.link.dispose()
                raise
            return pipe, ticket
        finally:
            self._writing.release()

    def _usable(self, due: float) -> _Pipe:
        """The open pipe, or a new one. Called with `_writing` held."""
        pipe = self._pipe
        if pipe is not None and self._alive(pipe):
            return pipe
        if pipe is not None:
            pipe.link.dispose()
        pipe = _Pipe(self.address.connect(self.name, due))
        self._pipe = pipe
        return pipe

    def _alive(self, pipe: _Pipe) -> bool:
        """Read what has arrived and see whether the link still serves: not closed, and no reply long overdue."""
        with self._mutex:
            lead = not pipe.led
            pipe.led = True
        if lead:
            try:
                with pipe.link.reading:
                    while pipe.link.wait(0) and pipe.link.receive():
                        self._settle(pipe)
            except ConnectionLost as error:
                self._break(pipe, error)
            finally:
                self._stop_leading(pipe)
        self._check_overdue(pipe)
        return self._pipe is pipe

    def _check_overdue(self, pipe: _Pipe) -> None:
        with self._mutex:
            overdue = pipe.tickets and time.monotonic() - pipe.tickets[0].sent_at > PUBLISH_TIMEOUT
        if overdue:
            self._break(pipe, pipe.link.lost(f"no reply for {PUBLISH_TIMEOUT:g} s"))

    def _await(self, pipe: _Pipe, ticket: _Ticket, due: float) -> None:
        """Return when the ticket's replies are there; raise when the link broke or `due` is over."""
        while True:
            with self._mutex:
                ticket.signalled = False
                if ticket.done:
                    break
                lead = not pipe.led
                pipe.led = True
            if lead:
                self._lead(pipe, ticket, due)
            else:
                ticket.wake.acquire(timeout=min(max(0.0, due - time.monotonic()), PUBLISH_TIMEOUT))
            if not ticket.done and time.monotonic() >= due:
                self._give_up(pipe, ticket)
        if ticket.error is not None:
            pipe.link.dispose()
            raise ConnectionLost(str(ticket.error))

    def _give_up(self, pipe: _Pipe, ticket: _Ticket) -> None:
        with self._mutex:
            ticket.awaited = False
            if not pipe.led:
                self._promote(pipe)
        self._check_overdue(pipe)
        if self._pipe is not pipe:
            pipe.link.dispose()
        raise ConnectionLost(f"Redis at {self.address} did not confirm in time; the message may or may not arrive")

    def _lead(self, pipe: _Pipe, ticket: _Ticket, due: float) -> None:
        """Read replies for everybody until our own are there, or `due`."""
        try:
            with pipe.link.reading:
                while True:
                    self._settle(pipe, until=ticket)
                    if ticket.done:
                        return
                    overdue = pipe.tickets[0].sent_at + PUBLISH_TIMEOUT
                    if not pipe.link.wait(min(due, overdue) - time.monotonic()):
                        if time.monotonic() < overdue:
                            return
                        raise pipe.link.lost(f"no reply for {PUBLISH_TIMEOUT:g} s")
                    pipe.link.receive()
        except ConnectionLost as error:
            self._break(pipe, error)
        finally:
            self._stop_leading(pipe)

    def _settle(self, pipe: _Pipe, until: _Ticket | None = None) -> None:
        """Give the replies that have arrived to their tickets, in order, until `until` has its own."""
        while (until is None or not until.done) and (reply := pipe.link.reply()) is not INCOMPLETE:
            with self._mutex:
                if not pipe.tickets:
                    raise pipe.link.lost("a reply that nobody asked for")
                ticket = pipe.tickets[0]
                ticket.replies.append(reply)
                if ticket.done:
                    pipe.tickets.popleft()
                    if ticket is not until:
                        _signal(ticket)

    def _stop_leading(self, pipe: _Pipe) -> None:
        with self._mutex:
            pipe.led = False
            self._promote(pipe)

    def _promote(self, pipe: _Pipe) -> None:
        """Wake the next thread that waits, to read on. Called with `_mutex` held."""
        for ticket in pipe.tickets:
            if ticket.awaited:
                _signal(ticket)
                return

    def _break(self, pipe: _Pipe, error: ConnectionLost) -> None:
        """Fail everything that is due on this pipe and let nobody use it again; whoever is told disposes of it."""
        with self._mutex:
            if self._pipe is pipe:
                self._pipe = None
            tickets = list(pipe.tickets)
            pipe.tickets.clear()
            for ticket in tickets:
                ticket.error = error
                _signal(ticket)
        pipe.link.shut()


def _signal(ticket: _Ticket) -> None:
    if not ticket.signalled:
        ticket.signalled = True
        if ticket.wake.locked():
            ticket.wake.release()


def _due(deadline: float | None) -> float:
    return time.monotonic() + PUBLISH_TIMEOUT if deadline is None else deadline


def _channel_bytes(channel: str) -> bytes:
    try:
        return channel.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"a channel name must be encodable as UTF-8: {channel!r}") from None


def _publish_command(channel: str, data: bytes) -> bytes:
    return pack(b"PUBLISH", _channel_bytes(channel), data)
