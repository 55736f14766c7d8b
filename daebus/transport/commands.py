"""The commands that go out on a connection, and what became of them; the same for threads and for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from daebus.errors import ConfigurationError, ConnectionLost, RedisUnavailable, again
from daebus.wire.protocol import Command, Lost
from daebus.wire.resp import ErrorReply, pack, pack_publish

from .address import refusal
from .waiter import Waiter


class Pending(Command):
    """A command of one connection, seen by who gave it.

    `due` is when it is of no use any more (a time of `time.monotonic()`): it is not sent after that. `ended(command)`
    is called when it has its replies or its `error`, by whichever thread learns of it; it must be quick.
    """

    __slots__ = ("_told", "connection", "due", "ended", "error", "sent_at", "waiter")

    def __init__(self, data: bytes, wanted: int, due: float, ended: Callable[[Pending], None] | None = None) -> None:
        super().__init__(data, wanted)
        self.due = due
        self.ended = ended
        self.error: RedisUnavailable | None = None
        self.waiter: Waiter | None = None
        self.connection: Any = None
        """The one that it was given to."""
        self._told = False
        self.sent_at: float | None = None
        """When it was about to be written (a time of `time.monotonic()`)."""

    @property
    def done(self) -> bool:
        """Whether it is known what became of it."""
        return self.error is not None or len(self.replies) >= self.wanted

    def withdraw(self) -> bool:
        """Whether it has not been sent; then it never is."""
        # A writer looks at `due` after it has set `sent_at`, and this the other way about: one of the two sees it.
        self.due = -inf
        return self.sent_at is None

    def ask_again(self, data: bytes, ended: Callable[[Pending], None]) -> None:
        """Become another command, with one reply, for whoever waits for this one. To be called from `ended`."""
        self.data, self.wanted, self.replies, self.ended = data, 1, [], ended
        self._told = False

    def end(self, error: RedisUnavailable | None = None) -> None:
        """It has its replies, or will have none."""
        if self._told:
            return
        self._told = True
        self.error = error
        try:
            if self.ended is not None:
                self.ended(self)
        finally:
            if self.waiter is not None:
                self.waiter.wake()


class Delivery(NamedTuple):
    """What became of one message.

    `receivers` is how many subscribers Redis gave it to (pattern subscribers count too), `subscribers` how many
    are subscribed to just that channel (None where Redis does not let us ask), `sent_at` when it was about to be
    written (a time of `time.monotonic()`).
    """

    receivers: int
    subscribers: int | None
    sent_at: float


def publish_command(channel: str, data: bytes) -> bytes:
    """PUBLISH, which has one reply."""
    return pack_publish(_encoded(channel), data)


def counted_command(channel: str, data: bytes) -> bytes:
    """PUBLISH, and before it the question who subscribes; two replies.

    Before it, since a message that is too large for its subscribers cuts them off by arriving.
    """
    return pack_publish(_encoded(channel), data, count_command(channel))


def count_command(channel: str) -> bytes:
    """The question who subscribes, which has one reply."""
    return pack(b"PUBSUB", b"NUMSUB", _encoded(channel))


def receivers(command: Pending, channel: str, address: object) -> int:
    """How many got what was published; raises RedisUnavailable where it came to nothing."""
    if command.error is not None:
        raise again(command.error)
    reply = command.replies[-1]
    if isinstance(reply, ErrorReply):
        raise refusal(reply, str(address), f"publishing to {channel!r}")
    return int(reply)


def delivery(command: Pending, channel: str, address: object) -> Delivery:
    """What became of a `counted_command`; raises RedisUnavailable where it came to nothing."""
    count = receivers(command, channel, address)
    return Delivery(count, _subscribers(command), command.sent_at or 0.0)


def is_doubtful(found: Delivery) -> bool:
    """Whether it may have reached one that subscribed after the counting, when Redis held the message back."""
    return found.subscribers == 0 and found.receivers > 0


def recounted(found: Delivery, command: Pending) -> Delivery:
    """The same with the count of a `count_command`."""
    return found._replace(subscribers=_subscribers(command))


def _subscribers(command: Pending) -> int | None:
    counted: Any = command.replies[0] if command.replies else None
    return counted[1] if isinstance(counted, list) and len(counted) > 1 else None


def loss(lost: Lost, error: ConnectionLost) -> RedisUnavailable:
    """The error for a command that was in flight when the connection was lost."""
    if lost.refused:
        return RedisUnavailable(f"{error}, after it had refused another message; nothing was sent")
    if lost.undone:
        return RedisUnavailable(f"{error}, before it had all of the message, so that it did nothing with it")
    return ConnectionLost(str(error))


def _encoded(channel: str) -> bytes:
    try:
        # As os.fsencode has it: a name that came as bytes which are no UTF-8 goes out as the same bytes.
        return channel.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ConfigurationError(f"a channel name must be encodable as UTF-8: {channel!r}") from None
