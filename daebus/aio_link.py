"""One connection to Redis for an event loop: commands go out without waiting, replies are handed over as they come.

redis-py connects and authenticates; after that the transport is ours. Knows nothing of requests and services.
Everything here belongs to the thread of the event loop, and no task runs here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .connection import CONNECT_TIMEOUT, CONNECTING_ERRORS, RedisAddress, client_label, pinned
from .errors import ConnectionLost, RedisUnavailable, again
from .feed import PING_AFTER
from .resp import INCOMPLETE, ProtocolError, ends_the_connection, make_reader, pack

_PING = pack(b"PING")
_READ_SIZE = 65536


class AsyncLink(asyncio.Protocol):
    """A connected and authenticated socket to Redis; make one with `open`.

    Each reply goes to the `sink` that `send` was given for it, in order: what Redis sent, or the ConnectionLost
    instead of which there will be none; where it is certain that Redis did nothing, a plain RedisUnavailable. Messages
    of channels go to `on_message(data)` instead. `on_lost(error)` is called, after the sinks, when the connection has
    ended in any way but `close`.
    """

    def __init__(
        self,
        address: RedisAddress,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = address
        self._on_lost = on_lost
        self._on_message = on_message
        self._reader = make_reader()
        self._sinks: deque[Callable[[Any], None]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._error: ConnectionLost | None = None
        self._closing = False
        self._given = self._taken = self._left = 0
        self._sinks_of_last = 0
        self._cut = False
        self._last_reply: Any = None
        self._heard_at = self._loop.time()
        self._pinged_at: float | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the socket is freed."""

    @classmethod
    async def open(
        cls,
        address: RedisAddress,
        name: str,
        on_lost: Callable[[ConnectionLost], None],
        on_message: Callable[[bytes], None] | None = None,
    ) -> AsyncLink:
        """Connect, within CONNECT_TIMEOUT seconds; Redis lists the connection as `name`.

        Raises RedisUnavailable, or PermissionDenied where Redis refuses the credentials.
        """
        link = cls(address, on_lost, on_message)
        link._adopt(await _connected(address))
        # Where an ACL forbids it, it goes without a name.
        link.send(pack(b"CLIENT", b"SETNAME", client_label(name).encode()), _ignore)
        return link

    def _adopt(self, connection: Any) -> None:
        """Take the transport over from redis-py, which has no reply outstanding and hands nothing else out."""
        # Kept, since a writer that is garbage closes its transport.
        self._writer, connection._reader, connection._writer = connection._writer, None, None
        self._transport = self._writer.transport
        self._transport.set_protocol(self)
        # So that we hear whenever something is left to be written, and when nothing is.
        self._transport.set_write_buffer_limits(high=0)

    @property
    def busy(self) -> bool:
        """Whether replies are due."""
        return bool(self._sinks)

    def send(self, command: bytes, *sinks: Callable[[Any], None]) -> None:
        """Write commands at once, with a sink for each of their replies. Never waits."""
        if self._transport is None or self._error is not None or self._closing:
            error = self._error or self._lost("it was closed")
            for sink in sinks:
                sink(error)
            return
        self._sinks.extend(sinks)
        self._sinks_of_last = len(sinks)
        self._given += len(command)
        self._transport.write(command)
        if self._transport.is_closing():
            self._cut = True

    def ask(self, command: bytes) -> asyncio.Future[Any]:
        """Write a command with one reply, and return the future of that (an ErrorReply is a result)."""
        future = self._loop.create_future()
        self.send(command, partial(_settle, future))
        return future

    def check(self) -> float:
        """Ask for a sign of life where none came lately; returns when to check again, in loop time."""
        now = self._loop.time()
        if self._has_moved():
            self._heard_at, self._pinged_at = now, None
        elif self._pinged_at is None and now >= self._heard_at + PING_AFTER:
            self._pinged_at = now
            self.send(_PING, _ignore)
        return PING_AFTER + (self._heard_at if self._pinged_at is None else self._pinged_at)

    @property
    def silent(self) -> bool:
        """Whether there was none for so long that it is to be given up, unless there is reason to `believe` in it."""
        pinged_at = self._pinged_at
        return self._error is None and pinged_at is not None and self._loop.time() >= pinged_at + PING_AFTER

    def believe(self) -> None:
        """The other side lives, as is known from elsewhere."""
        self._pinged_at = self._loop.time()

    def give_up(self) -> None:
        """End a connection that shows no sign of life."""
        self._give_up(self._lost(f"no sign of life for {2 * PING_AFTER:g} s"))

    def _has_moved(self) -> bool:
        """Whether a socket that was full has taken something since this was last asked: large things take long."""
        left = 0 if self._transport is None else self._transport.get_write_buffer_size()
        taken, was_full = self._given - left, self._left > 0
        moved = was_full and taken > self._taken
        self._taken, self._left = taken, left
        return moved

    def close(self) -> None:
        """Free the socket. Whoever waits for a reply is told so; `on_lost` is not called."""
        self._closing = True
        self._give_up(self._lost("it was closed"))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._heard_at = self._loop.time()
        self._pinged_at = None
        self._reader.feed(data)
        try:
            while self._error is None and (reply := self._reader.gets()) is not INCOMPLETE:
                if self._on_message is not None and isinstance(reply, list) and reply[0] == b"message":
                    self._on_message(reply[2])
                elif self._sinks:
                    self._last_reply = reply
                    self._sinks.popleft()(reply)
                    if ends_the_connection(reply):
                        raise ProtocolError(reply)
                else:
                    raise ProtocolError("a reply that nobody asked for")
        except (ProtocolError, ValueError, LookupError) as error:
            self._give_up(self._lost(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._hear_out()
        self._give_up(self._lost(exc or "Redis closed the connection"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Called by the event loop: the socket has not taken all of what was sent last."""
        self._cut = True

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._cut = False

    def _hear_out(self) -> None:
        """Read what is left after a failed write: the reason often stands there. Not where it is encrypted."""
        transport = self._transport
        if self._error is not None or transport is None or transport.get_extra_info("ssl_object") is not None:
            return
        try:
            with transport.get_extra_info("socket").dup() as rest:
                rest.setblocking(False)
                while data := rest.recv(_READ_SIZE):
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
        refused = ends_the_connection(self._last_reply)
        undone = RedisUnavailable(f"{error}, before it had all of the message, so that it did nothing with it")
        while self._sinks:
            none_of_it = refused or (self._cut and len(self._sinks) <= self._sinks_of_last)
            self._sinks.popleft()(undone if none_of_it else error)
        if not self._closing:
            self._on_lost(error)

    def _lost(self, reason: object) -> ConnectionLost:
        return ConnectionLost(f"lost the connection to Redis at {self._address}: {reason}")


async def _connected(address: RedisAddress) -> Any:
    """A redis-py connection that has connected, with its options pinned as for every connection of ours."""
    options = dict(parse_url(address.url))  # the address has found this URL to be usable
    connection_class: Any = options.pop("connection_class", Connection)
    connection = None
    try:
        connection = connection_class(**pinned(options, CONNECT_TIMEOUT, Retry(NoBackoff(), 0)))
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await connection.connect()
    except BaseException as error:
        if connection is not None and connection._writer is not None:
            connection._writer.transport.abort()
            connection._reader = connection._writer = None
        if isinstance(error, CONNECTING_ERRORS):
            raise address.failed(error) from None
        raise
    return connection


def _settle(future: asyncio.Future[Any], reply: Any) -> None:
    if future.done():
        return
    if isinstance(reply, RedisUnavailable):
        future.set_exception(again(reply))
    else:
        future.set_result(reply)


def _ignore(_reply: Any) -> None: ...
