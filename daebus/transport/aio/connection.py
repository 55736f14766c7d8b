"""A connection to Redis for an event loop: the protocol core with an asyncio transport under it.

Knows nothing of requests and services.
Everything here belongs to the thread of the event loop, and no task runs here.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from daebus.errors import ConnectionLost, RedisUnavailable, again
from daebus.transport.address import RedisAddress, is_full, refusal, refused_as_full
from daebus.transport.commands import IN_ONE_PIECE, Pending, loss, ping
from daebus.transport.fork import let_go
from daebus.transport.places.lookout import Lookout
from daebus.transport.places.route import Place
from daebus.transport.proof import Greeting
from daebus.transport.reconnecting import HEARTBEAT_AFTER
from daebus.transport.sockets.stream import READ_SIZE, has_ended
from daebus.wire.names import encoded
from daebus.wire.protocol import NEED_DATA, Command, Message, Protocol, Refused, Subscribed
from daebus.wire.resp import ProtocolError

LOOK_AFTER = 0.05
"""Seconds without a word from Redis after which it is looked whether it has closed a connection, before it is used."""


class AsyncConnection(asyncio.Protocol):
    """A connected and authenticated socket to Redis; `dialing` makes one.

    It commands (`send`), or listens to one channel (`listen`), whose messages go to `on_message(data)`.
    `on_lost(error)` is called, after the commands have been told, when it has ended in any way but `close`.
    """

    def __init__(
        self,
        address: RedisAddress,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] = lambda _data: None,
        protocol: Protocol | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = address
        self.on_lost = on_lost
        self._on_message = on_message
        self._protocol = Protocol() if protocol is None else protocol
        self.greeting = Greeting()
        """What the server said it is."""
        self.lookout: Lookout | None = None
        """What keeps watch over the servers of which this is one."""
        self.place: Place | None = None
        """Where it is, where it is one of several."""
        self._channel: bytes | None = None
        self._confirmed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.WriteTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._error: ConnectionLost | None = None
        self._closing = False
        self._given = self._taken = self._left = 0
        self._cut = False
        self._together: list[bytes] | None = None
        """What has been given and is written at the end of this step of the loop, or when it is enough for one piece.

        None where it is written at once.
        """
        self.heard_at = self._loop.time()
        """When the last bytes came, in loop time."""
        self._pinged_at: float | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the socket is freed."""

    def guarded(self, lookout: Lookout, place: Place, slot: int | None = None) -> AsyncConnection:
        """That place is where it is, and it ends when the lookout says so; see `Lookout.guard` for the slot."""
        self.lookout, self.place = lookout, place
        lookout.guard(place, self._end_soon, slot)
        return self

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._error is not None or self._closing

    def _end_soon(self, reason: str) -> None:
        """The server is no place to be any more. For any thread."""
        try:
            self._loop.call_soon_threadsafe(self.end, reason)
        except RuntimeError:
            # The loop has been closed.
            pass

    def end(self, reason: str) -> None:
        """End it, for that reason."""
        self._give_up(self._lost(reason))

    def adopt(self, transport: asyncio.WriteTransport, writer: asyncio.StreamWriter | None = None) -> None:
        """Take a transport over on which no reply is outstanding, and that hands nothing else out."""
        # Kept, since a writer that is garbage closes its transport.
        self._writer, self._transport = writer, transport
        self._transport.set_protocol(self)
        # So that we hear whenever something is left to be written, and when nothing is.
        self._transport.set_write_buffer_limits(high=0)

    @property
    def busy(self) -> bool:
        """Whether replies are due."""
        return bool(self._protocol.in_flight)

    def send(self, command: Pending) -> None:
        """Write a command at once; it is told what became of it. Never waits."""
        if self._transport is None or self._error is not None or self._closing:
            command.end(self._lost("it was closed") if self._error is None else ConnectionLost(str(self._error)))
            return
        command.sent_at = self._loop.time()
        self._write(self._protocol.send(command))
        command.data = b""
        if self._together is None and len(self._protocol.due) > 1:
            # Others are sending, too: what else comes in this step of the loop goes out in one piece.
            self._together = []
            self._loop.call_soon(self._write_together)

    async def ask(
        self, data: bytes, wanted: int = 1, kind: type | None = None, counted: bytes | None = None
    ) -> Pending:
        """Send a command, and return it when it is done, with its replies; raises ConnectionLost.

        `kind` and `counted` as `Command` has them.
        """
        done: asyncio.Future[None] = self._loop.create_future()

        def ended(_command: Pending) -> None:
            if not done.done():
                done.set_result(None)

        command = Pending(data, wanted, math.inf, ended)
        command.kind, command.counted = kind, counted
        self.send(command)
        await done
        if command.error is not None:
            if command.replies and is_full(command.replies[0]):
                # That is all that such a server says, before it closes the connection.
                raise refused_as_full(str(self._address), command.replies[0])
            raise again(command.error)
        return command

    async def listen(self, channel: str) -> None:
        """Subscribe; raises PermissionDenied or RedisUnavailable where that is refused."""
        self._channel = encoded(channel)
        self._write(self._protocol.subscribe([self._channel]))
        await self._confirmed
        # It may have come to its end together with the confirmation, before whoever waits for that could hear of it.
        self.must_live()

    def must_live(self) -> None:
        """Raise ConnectionLost where it has come to its end: whoever has just made it is to make another."""
        if self._error is not None:
            raise ConnectionLost(str(self._error))

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._given += len(data)
        if self._cut and self._together is None:
            # The socket is full: what else comes waits here, where it is known that it has not been written.
            self._together = []
        if self._together is not None:
            self._together.append(data)
            if self._cut or len(self._together) < IN_ONE_PIECE:
                return
            data = b"".join(self._together)
            self._together.clear()
        self._transport.write(data)
        if self._transport.is_closing():
            self._cut = True

    def _write_together(self) -> None:
        """Write what has come together, unless the socket is full."""
        if self._cut:
            return
        waiting, self._together = self._together, None
        if waiting and self._transport is not None and self._error is None:
            # The length is in `_given` already.
            self._transport.write(b"".join(waiting))
            if self._transport.is_closing():
                self._cut = True

    def check(self) -> float:
        """Ask for a sign of life where none came lately; returns when to check again, in loop time."""
        now = self._loop.time()
        if self._has_moved():
            self.heard_at, self._pinged_at = now, None
        elif self._pinged_at is None and now >= self.heard_at + HEARTBEAT_AFTER:
            self._pinged_at = now
            if self._channel is None:
                self.send(ping(math.inf))
            else:
                self._write(self._protocol.heartbeat(self._channel))
        return HEARTBEAT_AFTER + (self.heard_at if self._pinged_at is None else self._pinged_at)

    def look(self, now: float) -> None:
        """End it where the other side has closed it, of which a loop that stood still has told nobody yet.

        `now` is loop time.
        """
        if now - self.heard_at <= LOOK_AFTER:
            return
        transport = self._transport
        if self._error is not None or transport is None or transport.is_closing():
            return
        if has_ended(transport.get_extra_info("socket")):
            self._hear_out()
            self._give_up(self._lost("Redis closed the connection"))

    @property
    def silent(self) -> bool:
        """Whether there was none for so long that it is to be given up, unless there is reason to `believe` in it."""
        pinged_at = self._pinged_at
        return self._error is None and pinged_at is not None and self._loop.time() >= pinged_at + HEARTBEAT_AFTER

    def believe(self) -> None:
        """The other side lives, as is known from elsewhere."""
        self._pinged_at = self._loop.time()

    def give_up(self) -> None:
        """End a connection that shows no sign of life."""
        self._give_up(self._lost(f"no sign of life for {2 * HEARTBEAT_AFTER:g} s"))

    def _has_moved(self) -> bool:
        """Whether a socket that was full has taken something since this was last asked: large things take long."""
        left = 0 if self._transport is None else self._transport.get_write_buffer_size() + self._waiting
        taken, was_full = self._given - left, self._left > 0
        moved = was_full and taken > self._taken
        self._taken, self._left = taken, left
        return moved

    @property
    def _waiting(self) -> int:
        """How many bytes have been given and not been handed to the transport."""
        return sum(map(len, self._together)) if self._together else 0

    def close(self) -> None:
        """Free the socket. Whoever waits for a reply is told so; `on_lost` is not called."""
        self._write_together()
        self._closing = True
        self._give_up(self._lost("it was closed"))

    def abandon(self) -> None:
        """In a forked child: close this process' copy of the socket, without a word to the loop or to Redis."""
        self._closing = True
        self._error = self._lost("it is the parent process'")
        transport, self._transport = self._transport, None
        if transport is not None:
            let_go(transport)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self.heard_at = self._loop.time()
        self._pinged_at = None
        self._protocol.receive_data(data)
        try:
            if self._channel is None:
                self._settle()
                return
            while self._error is None and (event := self._protocol.next_event()) is not NEED_DATA:
                if isinstance(event, Message):
                    self._on_message(event.data)
                elif isinstance(event, Subscribed):
                    self._confirm(None)
                elif isinstance(event, Refused):
                    doing = f"subscribing to {event.channel.decode()!r}"
                    self._confirm(refusal(event.error, str(self._address), doing))
        except (ProtocolError, ValueError, LookupError) as error:
            self._give_up(self._lost(error))

    def _settle(self) -> None:
        """Where nothing is subscribed: tell of all the commands that have their replies."""
        done: deque[Command] = deque()
        try:
            self._protocol.take_replies(done)
        finally:
            for command in done:
                # It is given no others.
                assert isinstance(command, Pending)
                command.end()

    def _confirm(self, error: RedisUnavailable | None) -> None:
        if self._confirmed.done():
            return
        if error is None:
            self._confirmed.set_result(None)
        else:
            self._confirmed.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._hear_out()
        self._give_up(self._lost(exc or "Redis closed the connection"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Called by the event loop: the socket has not taken all of what was sent last."""
        # With TLS it is called where it has, too, and then nobody says that it goes on.
        self._cut = self._transport is None or self._transport.get_write_buffer_size() > 0

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._cut = False
        self._write_together()

    def _hear_out(self) -> None:
        """Read what is left after a failed write: the reason often stands there. Not where it is encrypted."""
        transport = self._transport
        if self._error is not None or transport is None or transport.get_extra_info("ssl_object") is not None:
            return
        try:
            with transport.get_extra_info("socket").dup() as rest:
                rest.setblocking(False)
                while data := rest.recv(READ_SIZE):
                    self.data_received(data)
        except (OSError, AttributeError):
            pass

    def _give_up(self, error: ConnectionLost) -> None:
        """End the connection, the first time, and tell everybody who still waits."""
        if self._error is not None:
            return
        self._error = error
        if self._transport is not None:
            self._transport.abort()
        # All that is known of what the transport was given and was cut off is that the last byte was not written.
        unwritten = self._waiting + self._cut
        while (lost := self._protocol.lose(unwritten)) is not None:
            assert isinstance(lost.command, Pending)
            lost.command.end(loss(lost, error))
            self._protocol.forget(lost.command)
        if self._channel is not None:
            self._confirm(ConnectionLost(str(error)))
        if not self._closing:
            self.on_lost(error)

    def _lost(self, reason: object) -> ConnectionLost:
        return ConnectionLost(f"lost the connection to Redis at {self._address}: {reason}")
