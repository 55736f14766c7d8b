"""Publishing: one connection for any number of threads, each message written once and never again.

What the threads send, and what becomes of it, goes through a `Pipe`; here a new one is made where the last has
broken. Rule of this file: `_connecting` is held while connecting, and waited for no longer than a deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from .connection import Link, RedisAddress, refusal
from .errors import ConfigurationError, ConnectionLost, RedisUnavailable, TooLate, again
from .pause import holds_back
from .pipe import REPLY_WITHIN, Pipe
from .resp import ErrorReply, pack, pack_publish
from .threads import era
from .tickets import Ticket
from .turns import Visitor
from .waiting import bounded

PUBLISH_TIMEOUT = REPLY_WITHIN
"""Seconds that a publish without a deadline of its own may take."""
_UNREAD_LIMIT = 500
_PING = pack(b"PING")


class Delivery(NamedTuple):
    """What became of one message.

    `receivers` is how many subscribers Redis gave it to (pattern subscribers count too), `subscribers` how many
    were subscribed to just that channel (None where Redis does not let us ask), `sent_at` when it was about to be
    written (a time of `time.monotonic()`).
    """

    receivers: int
    subscribers: int | None
    sent_at: float


class Publisher:
    """Publishes to a Redis. Connects on first use, again after a loss, and again after `close`.

    Every method may be called from any thread. Raises RedisUnavailable where nothing was sent,
    ConnectionLost where the message may or may not have arrived, PermissionDenied where Redis forbids it.

    What is handed in without waiting is confirmed to whichever thread next uses the connection, or waits with
    `wait_with` for something else.
    """

    def __init__(self, address: RedisAddress, name: str) -> None:
        self.address = address
        self.name = name
        self._forget()

    def _forget(self) -> None:
        self._era = era()
        self._connecting = threading.Lock()
        self._pipe: Pipe | None = None
        self.opened: Callable[[], None] = lambda: None
        """Called after each connecting: what `wait_with` waits for is another connection now. Not where the threads
        that waited are gone, as in a forked child."""

    def connect(self, deadline: float | None = None) -> None:
        """Connect now, to learn at once whether Redis can be reached."""
        self._usable(_due(deadline))

    def publish(self, channel: str, data: bytes, deadline: float | None = None) -> int:
        """Publish and return how many subscribers Redis gave it to (pattern subscribers count too)."""
        ticket = self._exchange(_publish_command(channel, data), 1, _due(deadline))
        return self._count(ticket.replies[0], channel)

    def deliver(self, channel: str, data: bytes, deadline: float | None = None) -> Delivery:
        """Publish, and tell what became of it."""
        due = _due(deadline)
        delivery = self._delivery(self._exchange(_counted_command(channel, data), 2, due), channel)
        if _is_doubtful(delivery):
            delivery = _recounted(delivery, self._exchange(_count_command(channel), 1, due))
        return delivery

    def publish_counted(self, channel: str, data: bytes, deadline: float | None = None) -> tuple[int, int | None]:
        """Publish, and return the `receivers` and `subscribers` of its Delivery."""
        return self.deliver(channel, data, deadline)[:2]

    def ask(self, commands: Sequence[Sequence[bytes]], doing: str, deadline: float | None = None) -> list[Any]:
        """Give Redis other commands, all in one round trip, and return their replies.

        `doing` says what for, in the error raised where Redis answers one of them with an error. Without a deadline it
        is waited for as long as Redis lives.
        """
        packed = b"".join(pack(*command) for command in commands)
        ticket = self._exchange(packed, len(commands), inf if deadline is None else deadline)
        for reply in ticket.replies:
            if isinstance(reply, ErrorReply):
                raise refusal(reply, str(self.address), doing)
        return ticket.replies

    def post(
        self,
        channel: str,
        data: bytes,
        deadline: float | None = None,
        failed: Callable[[RedisUnavailable], None] | None = None,
        looks_soon: Callable[[], bool] | None = None,
    ) -> None:
        """Publish without waiting for Redis to confirm it. Without a deadline it is sent as long as Redis lives.

        Where it is handed in and comes to nothing, `failed` is called with the reason by whichever thread learns of
        it. Without `failed`, what is known at once is raised. Where `looks_soon()` says that this thread is going to
        `look`, it may be sent only then, with others.
        """

        def told(ticket: Ticket) -> None:
            try:
                self._outcome(ticket, channel)
            except RedisUnavailable as error:
                assert failed is not None
                failed(error)

        pipe = self._pipe
        # Nobody reads what Redis answers if all only post.
        visitor = Visitor() if pipe is not None and pipe.in_flight > _UNREAD_LIMIT else None
        patience = time.monotonic() + PUBLISH_TIMEOUT
        due = inf
        if deadline is not None:
            patience, due = min(patience, deadline), deadline
        ticket = Ticket(_publish_command(channel, data), 1, due, told if failed else None, visitor, patience)
        pipe = self._hand_in(ticket, looks_soon)
        try:
            if visitor is not None:
                pipe.wait_for(ticket)
            elif ticket.error is not None:
                raise ticket.error
        except RedisUnavailable:
            if ticket.told is None:
                raise

    def submit(
        self, channel: str, data: bytes, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> Ticket:
        """Publish without waiting, and have `told` called with what became of it by whichever thread learns of it.

        Nothing is sent after the deadline, nor after `withdraw`, which takes what this returns. Raises RedisUnavailable
        where it could not be handed in.
        """

        def pass_on(ticket: Ticket) -> None:
            try:
                delivery = self._delivery(ticket, channel)
            except RedisUnavailable as error:
                told(error)
                return
            if _is_doubtful(delivery):
                self._recount(channel, delivery, told, deadline)
            else:
                told(delivery)

        ticket = Ticket(_counted_command(channel, data), 2, deadline, pass_on)
        self._hand_in(ticket)
        return ticket

    def withdraw(self, submitted: object) -> bool:
        """Nobody waits for it any more; True where it had not been sent, which then it never is."""
        pipe = self._pipe
        return isinstance(submitted, Ticket) and pipe is not None and pipe.withdraw(submitted)

    def flush(self, deadline: float | None = None) -> None:
        """Return when Redis has confirmed everything that was posted."""
        pipe = self._pipe
        if self._era == era() and pipe is not None and pipe.in_flight:
            self._exchange(_PING, 1, _due(deadline))

    def look(self, after: float) -> bool:
        """Send what was left for this, and take in what Redis has answered; True where it had.

        The latter not where that was done in the last `after` seconds.
        """
        pipe = self._pipe
        return pipe is not None and pipe.look(after)

    def wait_with(self, link: Link, until: float) -> bool:
        """Wait until `link` has something to read, and take in what Redis answers here meanwhile; False at `until`.

        It may also return for no reason.
        """
        pipe = self._pipe
        if pipe is None or pipe.error is not None:
            return link.wait(until - time.monotonic())
        return pipe.wait_with(link, until)

    def renew(self) -> None:
        """Use a new connection from now on, unless this one is in use: there is reason to think that it is dead."""
        pipe = self._pipe
        if self._era == era() and pipe is not None:
            pipe.look()
            pipe.end_if_idle(ConnectionLost("given up, since another connection to this Redis was lost"))

    def close(self) -> None:
        """Close the connection. The next publish opens another."""
        if self._era != era():
            self._forget()
            return
        pipe = self._pipe
        if pipe is not None:
            pipe.fail(ConnectionLost("closed while waiting for Redis"))
            pipe.dispose()

    def _outcome(self, ticket: Ticket, channel: str) -> int:
        """How many got a message; raises where it came to nothing."""
        if ticket.error is not None:
            raise again(ticket.error)
        return self._count(ticket.replies[-1], channel)

    def _delivery(self, ticket: Ticket, channel: str) -> Delivery:
        receivers = self._outcome(ticket, channel)
        return Delivery(receivers, _subscribers(ticket.replies[0]), ticket.sent_at or 0.0)

    def _recount(
        self, channel: str, delivery: Delivery, told: Callable[[Delivery | RedisUnavailable], None], deadline: float
    ) -> None:
        """Have the subscribers counted once more. Called while others are told, too: connects to nothing."""

        def pass_on(ticket: Ticket) -> None:
            told(_recounted(delivery, ticket))

        pipe = self._pipe
        if pipe is None or not pipe.submit(Ticket(_count_command(channel), 1, deadline, pass_on)):
            told(delivery._replace(subscribers=None))

    def _count(self, reply: Any, channel: str) -> int:
        if isinstance(reply, ErrorReply):
            raise refusal(reply, str(self.address), f"publishing to {channel!r}")
        return int(reply)

    def _exchange(self, command: bytes, wanted: int, due: float) -> Ticket:
        ticket = Ticket(command, wanted, due, visitor=Visitor())
        self._hand_in(ticket).wait_for(ticket)
        return ticket

    def _hand_in(self, ticket: Ticket, looks_soon: Callable[[], bool] | None = None) -> Pipe:
        while True:
            pipe = self._usable(ticket.patience)
            if pipe.submit(ticket, looks_soon):
                return pipe

    def _usable(self, due: float) -> Pipe:
        """The pipe there is, or a new one."""
        if self._era != era():
            self._forget()
        before = pipe = self._pipe
        if pipe is not None and pipe.is_alive() and (pipe.doubt is None or pipe.wait_for_verdict(due)):
            return pipe
        if not self._connecting.acquire(timeout=bounded(due - time.monotonic())):
            raise TooLate(f"the time was over before Redis at {self.address} was connected; nothing was sent")
        try:
            pipe = self._pipe
            if pipe is not None and pipe.error is None:
                return pipe
            self._pipe = pipe = Pipe(self.address.connect(self.name, due), self._holds_back)
        finally:
            self._connecting.release()
            if before is not None and before.error is not None:
                # Whoever is told may want to connect, too.
                before.dispose()
        self.opened()
        return pipe

    def _holds_back(self, within: float) -> bool | None:
        return holds_back(self.address, self.name, within)


def _due(deadline: float | None) -> float:
    return time.monotonic() + PUBLISH_TIMEOUT if deadline is None else deadline


def _channel_bytes(channel: str) -> bytes:
    try:
        # As os.fsencode has it: a name that came as bytes which are no UTF-8 goes out as the same bytes.
        return channel.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ConfigurationError(f"a channel name must be encodable as UTF-8: {channel!r}") from None


def _publish_command(channel: str, data: bytes) -> bytes:
    return pack_publish(_channel_bytes(channel), data)


def _count_command(channel: str) -> bytes:
    return pack(b"PUBSUB", b"NUMSUB", _channel_bytes(channel))


def _counted_command(channel: str, data: bytes) -> bytes:
    # Counted before: the message itself may cost a subscriber its connection.
    return pack_publish(_channel_bytes(channel), data, _count_command(channel))


def _subscribers(counted: Any) -> int | None:
    return counted[1] if isinstance(counted, list) and len(counted) > 1 else None


def _is_doubtful(delivery: Delivery) -> bool:
    """Whether it may have reached one that subscribed after the counting, when Redis held the message back."""
    return delivery.subscribers == 0 and delivery.receivers > 0


def _recounted(delivery: Delivery, ticket: Ticket) -> Delivery:
    return delivery._replace(subscribers=_subscribers(ticket.replies[0]) if ticket.replies else None)
