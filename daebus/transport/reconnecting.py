"""Connecting and subscribing, again and again: the half of a listener that has a connection when there is none."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterable

from daebus.errors import PermissionDenied, RedisRefused, RedisUnavailable
from daebus.wire.names import encoded
from daebus.wire.protocol import NEED_DATA, Event, Message, Protocol, Refused, Subscribed

from .address import RedisAddress, refusal
from .fork import begins_anew
from .heart import Heart
from .places.dialing import Dialled, dial
from .proof import FIRST_AFTER
from .seen import Seen
from .sockets.connection import Connection
from .sockets.leader import Leadership
from .sockets.stream import Stream
from .sockets.waiter import Changes
from .standstill import Standstill

log = logging.getLogger("daebus")
_chance = random.Random()
"""Of our own: what a program has seeded is not to depend on when a connection is lost."""

HEARTBEAT_AFTER = 5.0
"""Seconds of silence after which the server is asked whether it lives; as long again without an answer, it is dead."""
LONGEST_DELAY = 1.0
"""Seconds between two attempts to reconnect, at most."""
REFUSED_DELAY = 5.0
"""Seconds between two attempts where Redis refused us for want of rights."""


class Reconnecting:
    """A connection to one Redis with its channels subscribed, made again where it broke; see `Listener`.

    Only the thread that leads connects.
    """

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        *,
        on_lost: Callable[[RedisUnavailable], None] = lambda _error: None,
        on_back: Callable[[], str] = lambda: "",
        optional: Iterable[str] = (),
        quietly: Iterable[str] = (),
        level: int = logging.WARNING,
    ) -> None:
        self.address = address
        self.name = name
        self.leadership = Leadership()
        self._channels = {encoded(channel): channel for channel in channels}
        self._optional = {encoded(channel) for channel in optional}
        self._quietly = {encoded(channel) for channel in quietly}
        self._on_lost = on_lost
        self._on_back = on_back
        self._level = level
        self.heart: Heart | None = None
        """What proves that messages arrive here; None where that is not proven."""
        self._beat_at = 0.0
        self.node: RedisAddress | None = None
        """The server that it listens to, or listened to last."""
        self._seen: Seen | None = None
        self._connection: Connection | None = None
        self._early: list[Event] = []
        """What has come and was not looked at yet; before all that the connection has."""
        self._pinged_at: float | None = None
        self._changes = Changes()
        self._closed = False
        self._wanted = False
        """Whether somebody needs it now."""
        self._failure: tuple[float, RedisUnavailable] | None = None
        self._refusal: str | None = None
        self._lost_at: float | None = None
        self._ended_at = -math.inf
        self._standstill: Standstill | None = None
        self._attempts = 0
        self.connected = False
        """Whether every channel is subscribed, as far as is known."""
        self.connecting = False
        """Whether somebody is about to connect."""
        self.connections = 0
        """How often the channels have been subscribed."""
        begins_anew(self)

    def after_fork(self) -> None:
        """Where the threads are gone that there were, and none of ours reads: it is closed."""
        if self._connection is not None:
            self._connection.abandon()
        self._connection = None
        self._changes = Changes()
        self.leadership = Leadership()
        self.connected = False
        self._closed = True

    def connect(self) -> RedisUnavailable | None:
        """One attempt to connect; returns why it failed."""
        before = self._connection
        if before is not None:
            self.lose(before.fail("interrupted"))
        self._wanted = False
        begun = time.monotonic()
        self.connecting = True
        try:
            connection = self._subscribed()
        except RedisUnavailable as error:
            self._attempts += 1
            # What Redis refused before somebody asked, it may allow by now.
            self._failed(error, begun if isinstance(error, RedisRefused) else time.monotonic())
            return error
        finally:
            self.connecting = False
        self._attempts = 0
        self._back(connection)
        return None

    def _subscribed(self) -> Connection:
        """A new connection, with every channel confirmed."""
        dialled = self._dial()
        try:
            where = str(self.address if dialled.lookout is None else dialled.node)
            connection = Connection(Stream(dialled.sock), where, self.leadership, protocol=self._protocol())
        except BaseException:
            # An interrupt, say; from now on the connection sees to its socket.
            dialled.sock.close()
            raise
        self.node = dialled.node
        self._guard(dialled, connection)
        try:
            wanted = list(self._channels)
            connection.subscribe(wanted)
            self._confirm(connection, len(wanted), time.monotonic() + HEARTBEAT_AFTER)
        except RedisUnavailable as error:
            self._early.clear()
            connection.fail(error)
            raise self.address.not_connected(error) from None
        return connection

    def _dial(self) -> Dialled:
        # At the start nobody waits but who starts it; later it is tried again anyway.
        return dial(self.address, self.name, patient=not self.connections)

    def _protocol(self) -> Protocol:
        return Protocol()

    def _guard(self, dialled: Dialled, connection: Connection) -> None:
        """See that the connection ends when its server is no place to be any more."""
        if dialled.cluster is None:
            self._seen = None
        elif self._seen is None:
            self._seen = Seen()
        else:
            self._seen.moved(time.monotonic())
        dialled.guard(connection.fail)

    def _confirm(self, connection: Connection, wanted: int, deadline: float) -> None:
        while wanted:
            event = connection.next_event()
            if event is NEED_DATA:
                if not connection.receive(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise RedisUnavailable(f"Redis at {self.address} does not answer")
            elif isinstance(event, Message):
                # Of a channel that is subscribed already; its turn comes when all of them are.
                self._early.append(event)
            elif isinstance(event, Refused):
                self._refused(event)
                wanted -= 1
            elif isinstance(event, Subscribed):
                wanted -= 1

    def _refused(self, event: Refused) -> None:
        channel = self._channels[event.channel]
        error = refusal(event.error, str(self.address), f"subscribing to {channel!r}")
        left_out = event.channel in self._optional or event.channel in self._quietly
        if not left_out or not isinstance(error, PermissionDenied):
            raise error
        level = logging.DEBUG if event.channel in self._quietly else logging.WARNING
        log.log(level, "Redis does not allow %s to subscribe to %r: %s", self.name, channel, event.error)
        del self._channels[event.channel]
        if self.heart is not None and channel == self.heart.proof.channel:
            self.heart = None

    def _back(self, connection: Connection) -> None:
        self._pinged_at = None
        self._beat_at = time.monotonic() + FIRST_AFTER
        if self._lost_at is not None:
            away = time.monotonic() - self._lost_at
            self._lost_at = None
            more = self._on_back()
            where = connection.address
            # Whoever was told in the meantime that it is refused us is told the end of that.
            level = self._level if self._refusal is None else max(self._level, logging.WARNING)
            log.log(level, "%s: Redis at %s is back after %.1f s%s", self.name, where, away, more)
        self._connection = connection
        if self._standstill is not None:
            self._standstill = Standstill()
        self._failure = self._refusal = None
        self.connections += 1
        self.connected = True
        if self._closed:
            self.connected = False
            connection.fail("it was closed")
        self._changes.tell()

    def _failed(self, error: RedisUnavailable, at: float) -> None:
        self._failure = (at, error)
        self._changes.tell()
        if isinstance(error, RedisRefused) and self.connections and str(error) != self._refusal:
            self._refusal = str(error)
            log.error("%s: %s; trying again until it is allowed", self.name, error)

    def lose(self, error: RedisUnavailable) -> None:
        """The connection is gone: tell, once, and let whoever leads next connect again."""
        connection = self._connection
        self.connected = False
        self._changes.tell()
        if connection is None:
            return
        self._early.clear()
        connection.fail(error)
        if not self._closed:
            self._lost_at = time.monotonic()
            log.log(self._level, "%s: %s; reconnecting until it is back", self.name, error)
            self._on_lost(error)
        self._ended_at = connection.ended_at
        # Not before: where an interrupt came in between, all that is done once more.
        self._connection = None


def delay(attempts: int, error: RedisUnavailable) -> float:
    """Seconds to wait after so many failed attempts: quick at first, never long, never in step with others."""
    if isinstance(error, PermissionDenied):
        return REFUSED_DELAY
    jitter = _chance.uniform(0.5, 1.0)
    return float(min(LONGEST_DELAY, 0.05 * 2 ** min(attempts, 10)) * jitter)
