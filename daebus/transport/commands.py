"""The commands that go out on a connection, and what became of them; the same for threads and for asyncio."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from daebus.errors import ConnectionLost, RedisUnavailable, again
from daebus.wire.names import encoded
from daebus.wire.protocol import OUT_OF_STEP, Command, Lost
from daebus.wire.resp import ErrorReply, pack, pack_publish

from .address import refusal
from .proof import Proof
from .sockets.waiter import Waiter

_PING = pack(b"PING")
IN_ONE_PIECE = 8
"""Commands that are gathered to go out together, at most: while one side gathers more, the other has nothing to do.

Of 2, 4, 8 and all of them this lets 32 threads, and 32 tasks, get the most done.
"""


class Pending(Command):
    """A command of one connection, seen by who gave it.

    `due` is when it is of no use any more (a time of `time.monotonic()`): it is not sent after that. `ended(command)`
    is called when it has its replies or its `error`, by whichever thread learns of it; it must be quick.
    """

    # What most of them begin with stands here: there is one for each message.
    error: RedisUnavailable | None = None
    waiter: Waiter | None = None
    connection: Any = None
    """The one that it was given to."""
    sent_at: float | None = None
    """When it was about to be written (a time of `time.monotonic()`)."""
    expected: tuple[int, Any] | None = None
    """How many get what it publishes, where that was known, and by which connection; see `Audience`."""
    unanswered = "did not answer in time"
    """What is to be said of a Redis that was sent it, and has not replied by then."""
    _told = False

    def __init__(self, data: bytes, wanted: int, due: float, ended: Callable[[Pending], None] | None = None) -> None:
        # What Command sets, without a call.
        self.data = data
        self.wanted = wanted
        self.replies = []
        self.due = due
        self.ended = ended

    def is_done(self) -> bool:
        """Whether it is known what became of it."""
        return self.error is not None or len(self.replies) >= self.wanted

    done = property(is_done)
    """The same."""

    def withdraw(self) -> bool:
        """Whether it has not been sent; then it never is."""
        # A writer looks at `due` after it has set `sent_at`, and this the other way about: one of the two sees it.
        self.due = -inf
        return self.sent_at is None

    def ask_again(self, data: bytes, ended: Callable[[Pending], None], counted: bytes | None = None) -> None:
        """Become a question, with one reply, for whoever waits for this one. To be called from `ended`."""
        self.data, self.wanted, self.replies, self.ended = data, 1, [], ended
        self.kind, self.counted = list, counted
        self._told = False

    def end(self, error: RedisUnavailable | None = None) -> None:
        """It has its replies, or will have none."""
        if self._told:
            return
        self._told = True
        self.error = error
        ended = self.ended
        try:
            if ended is not None:
                ended(self)
        finally:
            if self.ended is ended:
                # Whoever gave the command is known by it mostly: a circle, which would wait for the garbage collector.
                self.ended = None
            if self.waiter is not None:
                self.waiter.wake()


class Publishing(Pending):
    """One that publishes, last of what it does."""

    kind = int
    unanswered = "did not confirm in time; the message may or may not arrive"


class Asking(Pending):
    """One that asks what is answered with a list, last of what it does."""

    kind = list


Kinds = tuple[type, ...]


class Typed(Pending):
    """One each of whose replies is of one of these `kinds`, where it is no error."""

    def __init__(self, data: bytes, wanted: int, due: float, kinds: Kinds) -> None:
        super().__init__(data, wanted, due)
        self.kinds = kinds

    def fits(self, reply: Any) -> bool:
        """See `Command`."""
        return type(reply) in self.kinds or type(reply) is ErrorReply


class Posted(Publishing):
    """One that publishes, of which is told only that it came to nothing: `ended` is called then, and not else."""

    def end(self, error: RedisUnavailable | None = None) -> None:
        """See `Pending`."""
        if error is None and type(self.replies[-1]) is int:
            # So it is nearly always, and then there is nobody to be told.
            self._told = True
            if self.waiter is not None:
                self.waiter.wake()
        else:
            super().end(error)


class Delivery(NamedTuple):
    """What became of one message.

    `receivers` is how many subscribers Redis gave it to (pattern subscribers count too), `subscribers` how many
    are subscribed to just that channel (None where that is not known: Redis does not let us ask, say), `sent_at` when
    it was about to be written (a time of `time.monotonic()`). `counted` is whether it is known of the moment before.
    `astray` is why it reached nobody by that name though somebody may serve it elsewhere, where that is so.
    """

    receivers: int
    subscribers: int | None
    sent_at: float
    counted: bool = True
    astray: str = ""


def publish_command(channel: str, data: bytes) -> bytes:
    """PUBLISH, which has one reply."""
    return pack_publish(channel.encode() if channel.isascii() else encoded(channel), data)


def counted_command(channel: str, data: bytes) -> bytes:
    """PUBLISH, and before it the question who subscribes; two replies.

    Before it, since a message that is too large for its subscribers cuts them off by arriving.
    """
    return pack_publish(encoded(channel), data, count_command(channel))


def ping(due: float) -> Pending:
    """The command that asks for no more than a reply."""
    command = Pending(_PING, 1, due)
    command.kind = bytes
    return command


def count_command(channel: str) -> bytes:
    """The question who subscribes, which has one reply."""
    return pack(b"PUBSUB", b"NUMSUB", encoded(channel))


def counting(channel: str, due: float) -> Pending:
    """The command with that question."""
    command = Asking(count_command(channel), 1, due)
    command.counted = encoded(channel)
    return command


def probing(proof: Proof, data: bytes, ended: Callable[[Pending], None]) -> Pending:
    """The command with a probe, of which `proof` has given the data."""
    command = Asking(data, proof.wanted, inf, ended)
    command.counted = proof.counted
    return command


def receivers(command: Pending, channel: str, address: object) -> int:
    """How many got what was published; raises RedisUnavailable where it came to nothing."""
    if command.error is not None:
        raise again(command.error)
    reply = command.replies[-1]
    if isinstance(reply, ErrorReply):
        raise refusal(reply, str(address), f"publishing to {channel!r}")
    return int(reply)


def is_doubtful(found: Delivery) -> bool:
    """Whether the subscribers are to be counted after the message, too.

    It may have reached one that subscribed after the counting, when Redis held the message back; or there was none.
    """
    return found.receivers > 0 and (found.subscribers == 0 or not found.counted)


def recounted(found: Delivery, command: Pending) -> Delivery:
    """The same with the count of a `count_command`. One that has left since may have got the message."""
    subscribers = subscribers_in(command)
    return found._replace(subscribers=subscribers if found.counted or subscribers else None)


def subscribers_in(command: Pending) -> int | None:
    """What a `count_command`, or the one of a `counted_command`, says; None where Redis does not."""
    counted: Any = command.replies[0] if command.replies else None
    return counted[1] if isinstance(counted, list) and len(counted) > 1 else None


def at_replica(address: object) -> str:
    """The text of the error for what reached nobody, since it was published at a replica."""
    return f"Redis at {address} is a replica, where nobody subscribes; nothing was handled"


def misplaced(address: object, wrong: str) -> str:
    """The same where it is `wrong` with the server that others are at another one by now."""
    return f"nobody subscribes at {address}: {wrong}; nothing was handled"


def lost_there(error: object) -> RedisUnavailable:
    """The error where the connection was lost before it could be asked what the server is, at which nobody subscribes.

    As it said; where replies were lost on the way, that may have been said of something else.
    """
    if OUT_OF_STEP in str(error):
        return ConnectionLost(str(error))
    return RedisUnavailable(f"{error}; nobody subscribes there, so nothing was handled")


KNOWN_FOR = 0.01
"""Seconds for which the number of subscribers is held to be known; once more as long while one message asks anew."""
_MOST_CHANNELS = 1000


class _Known:
    """How many subscribe to a channel, as said on a connection just now."""

    __slots__ = ("expected", "noted_at", "until")

    def __init__(self, subscribers: int, connection: Any) -> None:
        self.expected = subscribers, connection
        self.noted_at = time.monotonic()
        self.until = self.noted_at + KNOWN_FOR


class Audience:
    """Who subscribes to which channel, as Redis said a moment ago.

    To ask it for each message costs Redis nearly as much as the message. Where it was asked just now, and all who got
    that message were subscribers of the channel (nobody listens by pattern), their number alone tells the same: if it
    is none there was nobody, if it is the same it is they. If it is another they are counted after all; but it is not
    said any more that there was nobody, since that would not be certain.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def publishing(
        self, channel: str, data: bytes, due: float, now: float, ended: Callable[[Pending], None] | None = None
    ) -> Pending:
        """The command that publishes something of which is to be told who got it; see `delivery`."""
        known = self._known.get(channel)
        if known is None or now >= known.until:
            if known is not None:
                # Of many who send at the same time one asks, and the others go by what was said.
                known.until = known.noted_at + 2 * KNOWN_FOR
            counted = Publishing(counted_command(channel, data), 2, due, ended)
            counted.counted = encoded(channel)
            return counted
        command = Publishing(publish_command(channel, data), 1, due, ended)
        command.expected = known.expected
        return command

    def delivery(self, command: Pending, channel: str, address: object) -> Delivery:
        """What became of it; raises RedisUnavailable where it came to nothing."""
        count = receivers(command, channel, address)
        sent_at = command.sent_at or 0.0
        if command.expected is None:
            subscribers = subscribers_in(command)
            if subscribers and subscribers == count:
                if len(self._known) >= _MOST_CHANNELS:
                    self._known.clear()
                self._known[channel] = _Known(subscribers, command.connection)
            return Delivery(count, subscribers, sent_at)
        # Another connection may be one to another server.
        if count == 0 or command.expected == (count, command.connection):
            return Delivery(count, count, sent_at)
        self._known.pop(channel, None)
        return Delivery(count, None, sent_at, counted=False)


def loss(lost: Lost, error: ConnectionLost) -> RedisUnavailable:
    """The error for a command that was in flight when the connection was lost."""
    if lost.refused:
        return RedisUnavailable(f"{error}, after it had refused another message; nothing was sent")
    if lost.undone:
        return RedisUnavailable(f"{error}, before it had all of the message, so that it did nothing with it")
    return ConnectionLost(str(error))
