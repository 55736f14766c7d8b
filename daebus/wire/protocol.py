"""One conversation with a Redis server, without the connection: bytes in, events out; intents in, bytes out.

It knows what is in flight and what was lost. It has no socket, no clock, no lock and no thread: a driver moves the
bytes, and sees to it that one thread sends and one receives at a time (the two may be different ones). RESP2, which
every server speaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from .resp import INCOMPLETE, ErrorReply, ProtocolError, ends_the_connection, make_reader, pack


class Command:
    """Commands that go out in one piece, packed as `data`, and the `replies` to them, of which `wanted` are due.

    An error reply is a reply: an ErrorReply, not raised.
    """

    ends_at = 0
    """How many bytes of commands had been given out with its last one."""
    kind: type | None = None
    """Of what type the last reply is, where it is no error; None where it may be of any."""
    counted: bytes | None = None
    """The channel whose subscribers the first of them asks for, where one does; its reply names it."""

    def __init__(self, data: bytes, wanted: int = 1) -> None:
        self.data = data
        self.wanted = wanted
        self.replies: list[Any] = []

    def fits(self, reply: Any) -> bool:
        """Whether that can be the next of its replies. Where some were lost on the way, others come in their place."""
        if type(reply) is ErrorReply:
            return True
        place = len(self.replies)
        if place == 0 and self.counted is not None and (type(reply) is not list or reply[:1] != [self.counted]):
            return False
        return place + 1 < self.wanted or self.kind is None or type(reply) is self.kind


class Message(NamedTuple):
    """A message of a channel that is subscribed."""

    channel: bytes
    data: bytes


class Replied(NamedTuple):
    """A command has all its replies."""

    command: Command


class Subscribed(NamedTuple):
    """A channel is subscribed from here on."""

    channel: bytes


class Refused(NamedTuple):
    """Redis does not let us subscribe to a channel."""

    channel: bytes
    error: ErrorReply


class Unsubscribed(NamedTuple):
    """Nothing is subscribed any more; no message comes after this."""


class Alive(NamedTuple):
    """A heartbeat was answered; an error is an answer, too."""

    error: ErrorReply | None


class Lost(NamedTuple):
    """A command that will have no more replies.

    Where it is `undone`, it is certain that the server did nothing with it: not all of it was written, or the server
    had `refused` another one before, after which it reads no more.
    """

    command: Command
    undone: bool
    refused: bool


class NeedData(NamedTuple):
    """Nothing more can be told before more bytes have come."""


Event = Message | Replied | Subscribed | Refused | Unsubscribed | Alive | NeedData
NEED_DATA = NeedData()
OUT_OF_STEP = "a reply to something else; some were lost on the way"
"""Why nothing that comes on a connection can be told any more to which command it belongs."""
MOVED_AWAY = "the slot of its channels has moved to another server"
"""Why a subscription of sharded Pub/Sub has come to its end."""
ALIVE = Alive(None)


class _Confirmation(NamedTuple):
    """What Redis owes us for something that has no reply: SUBSCRIBE, a heartbeat, UNSUBSCRIBE."""

    kind: str
    channel: bytes


class Protocol:
    """Either a conversation of commands and their replies, or, from the first `subscribe` on, one of messages.

    Replies and confirmations come in the order in which they are due; messages come in between.
    """

    _subscribes, _unsubscribes = b"subscribe", b"unsubscribe"

    def __init__(self) -> None:
        self._reader = make_reader()
        self.has_data: Callable[[], bool] = self._reader.has_data
        """Whether bytes have come that no event has told of, be it a part of one."""
        self.due: deque[Command | _Confirmation] = deque()
        """The commands and confirmations that are due, the oldest first; to be looked at only."""
        self._listening = False
        self._given = 0
        self._refusal: ErrorReply | None = None

    @property
    def in_flight(self) -> int:
        """How many commands and confirmations are due."""
        return len(self.due)

    @property
    def oldest(self) -> Command | None:
        """The command that has waited longest for its replies."""
        try:
            due = self.due[0]
        except IndexError:
            return None
        return due if isinstance(due, Command) else None

    def send(self, command: Command) -> bytes:
        """The bytes to send for a command; from now on its replies are due."""
        self._given += len(command.data)
        command.ends_at = self._given
        self.due.append(command)
        return command.data

    def subscribe(self, channels: Iterable[bytes]) -> bytes:
        """The bytes that subscribe to each of the channels, each confirmed or refused by an event of its own."""
        self._listening = True
        return b"".join(self._subscription("subscribe", channel) for channel in channels)

    def heartbeat(self, channel: bytes) -> bytes:
        """The bytes that ask for a sign of life on a listening connection; `channel` is subscribed.

        That is a second SUBSCRIBE, which changes nothing and is confirmed also where PING is refused: while the
        server loads, has lost its master, cannot save, or by the rights of the user.
        """
        return self._subscription("heartbeat", channel)

    def _subscription(self, kind: str, channel: bytes) -> bytes:
        self.due.append(_Confirmation(kind, channel))
        return pack(self._subscribes.upper(), channel)

    def unsubscribe(self) -> bytes:
        """The bytes that end all subscriptions; what was published before that still comes."""
        self.due.append(_Confirmation("unsubscribe", b""))
        return pack(self._unsubscribes.upper())

    def receive_data(self, data: bytes) -> None:
        """Take in bytes that the server sent."""
        self._reader.feed(data)

    def next_event(self) -> Event:
        """What the bytes so far tell next. Raises ProtocolError where they make no sense, or the server gives up."""
        if self._refusal is not None:
            raise ProtocolError(str(self._refusal))
        while (reply := self._reader.gets()) is not INCOMPLETE:
            if self._listening and isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
                # As Message(…) does it, without a function of Python's around it: there is one for each message.
                return tuple.__new__(Message, reply[1:])
            if not self.due:
                raise ProtocolError(f"a reply that nobody asked for{_words(reply)}")
            due = self.due[0]
            event: Event | None
            if isinstance(due, Command):
                event = Replied(due) if self._completes(due, reply) else None
            else:
                event = self._confirmed(due, reply)
            if event is not None:
                self.due.popleft()
                return event
        return NEED_DATA

    def take_replies(self, done: deque[Command]) -> None:
        """Add to `done` each command that has all its replies by now, where nothing but commands are due.

        What `next_event` would tell of them one by one, without an event for each. Raises ProtocolError as that does.
        """
        if self._refusal is not None:
            raise ProtocolError(str(self._refusal))
        gets, due = self._reader.gets, cast("deque[Command]", self.due)
        while (reply := gets()) is not INCOMPLETE:
            if not due:
                raise ProtocolError(f"a reply that nobody asked for{_words(reply)}")
            # As `_completes` does it.
            command = due[0]
            replies = command.replies
            # So it is with what is published, without a call.
            if (type(reply) is not command.kind or command.wanted > 1) and not command.fits(reply):
                raise ProtocolError(OUT_OF_STEP)
            replies.append(reply)
            refused = type(reply) is ErrorReply and ends_the_connection(reply)
            if refused:
                self._refusal = reply
            if len(replies) >= command.wanted:
                done.append(command)
                due.popleft()
            if refused:
                raise ProtocolError(str(reply))

    def lose(self, unwritten: int = 0) -> Lost | None:
        """The connection is gone: the next command that was in flight, which will have no more replies.

        `unwritten` is how many of the bytes that were given out, at least, have not been written. It is in flight
        until `forget`: who tells of it may be interrupted. Any thread may call this, several at once.
        """
        refused = self._refusal is not None
        while True:
            try:
                due = self.due[0]
            except IndexError:
                return None
            if isinstance(due, Command):
                return Lost(due, refused or due.ends_at > self._given - unwritten, refused)
            self.forget(due)

    def forget(self, due: Command | _Confirmation) -> None:
        """What was owed for that does not come any more, and has been told of."""
        try:
            self.due.remove(due)
        except ValueError:
            pass

    def _completes(self, command: Command, reply: Any) -> bool:
        """Give a command a reply that it was due; whether it has all of them now. Raises ProtocolError."""
        if not command.fits(reply):
            raise ProtocolError(OUT_OF_STEP)
        command.replies.append(reply)
        if type(reply) is ErrorReply and ends_the_connection(reply):
            self._refusal = reply
        return len(command.replies) >= command.wanted

    def _confirmed(self, due: _Confirmation, reply: Any) -> Event | None:
        """What a confirmation tells; None for one of several that belong together."""
        kind = reply[0] if isinstance(reply, list) and reply else None
        if isinstance(reply, ErrorReply):
            # Valkey 8.0 answers UNSUBSCRIBE with an error where nothing is subscribed.
            if due.kind == "unsubscribe":
                return Unsubscribed()
            return Alive(reply) if due.kind == "heartbeat" else Refused(due.channel, reply)
        if kind == self._unsubscribes and due.kind == "unsubscribe":
            return None if reply[2] else Unsubscribed()
        if kind == self._subscribes and due.kind != "unsubscribe":
            return ALIVE if due.kind == "heartbeat" else Subscribed(due.channel)
        raise ProtocolError("something unexpected")


class ShardedProtocol(Protocol):
    """The same with channels that belong to the server which has their slot (sharded Pub/Sub, Redis 7).

    When the slot moves to another server, this one ends the subscription by itself: then there is nothing to stay for.
    """

    _subscribes, _unsubscribes = b"ssubscribe", b"sunsubscribe"

    def next_event(self) -> Event:
        """See `Protocol`."""
        while (reply := self._reader.gets()) is not INCOMPLETE:
            if not (isinstance(reply, list) and len(reply) == 3):
                kind = None
            elif (kind := reply[0]) == b"smessage":
                return tuple.__new__(Message, reply[1:])
            due = self.due[0] if self.due else None
            if not isinstance(due, _Confirmation):
                due = None
            if kind == b"sunsubscribe" and (due is None or due.kind != "unsubscribe"):
                raise ProtocolError(MOVED_AWAY)
            if due is None:
                raise ProtocolError(f"a reply that nobody asked for{_words(reply)}")
            if due.kind == "heartbeat" and isinstance(reply, ErrorReply) and reply.code == "MOVED":
                raise ProtocolError(MOVED_AWAY)
            event = self._confirmed(due, reply)
            if event is not None:
                self.due.popleft()
                return event
        return NEED_DATA


def _words(reply: Any) -> str:
    """The words of an error that nobody asked for: with them a server says why it is about to close."""
    return f": {reply}" if isinstance(reply, ErrorReply) else ""
